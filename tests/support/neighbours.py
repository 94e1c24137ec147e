"""Another machine on a link of this host, that knows the way to the host's containers."""

import random
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.commands import run
from tests.support.stack import Stack

# What doctor says of the Docker of this machine, where that is older: no fault of a stack's.
OF_THE_MACHINE = "docker-before-28"


@contextmanager
def neighbour(stack: Stack) -> Iterator[tuple[str, str]]:
    """Yield the options with which a client runs on it. It goes with its container, the link does too."""
    name, link = f"{stack.name}-neighbour", f"nb{secrets.token_hex(4)}"
    image = stack.inspect(stack.postgres)["Config"]["Image"]
    command = ["--entrypoint", "sleep", image, "infinity"]
    run("docker", "run", "-d", "--rm", "--init", "--name", name, "--network", "none",
        "--sysctl", "net.ipv6.conf.all.disable_ipv6=0", *command).ok()  # fmt: skip
    try:
        _linked(link, stack.main_pid(name))
        yield "--network", f"container:{name}"
    finally:
        run("docker", "rm", "-f", name)


def _linked(link: str, pid: int) -> None:
    """Join this host and a network namespace; the other side's way out is this host."""
    inside, number = ["nsenter", "--net", "--target", str(pid)], random.randrange(256)
    run("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", str(pid)).ok()
    run("ip", "link", "set", link, "up").ok()
    run(*inside, "ip", "link", "set", "eth0", "up").ok()
    for network, size, *at_once in ((f"198.18.{number}.", "24"), (f"fd5a:{number:x}::", "64", "nodad")):
        run("ip", "address", "add", f"{network}1/{size}", *at_once, "dev", link).ok()
        run(*inside, "ip", "address", "add", f"{network}2/{size}", *at_once, "dev", "eth0").ok()
        run(*inside, "ip", "route", "add", "default", "via", f"{network}1").ok()
