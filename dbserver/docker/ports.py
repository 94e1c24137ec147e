"""Who listens on a port of this host."""

import json
import socket
from dataclasses import dataclass

import psutil

from dbserver import cleaning, endpoint, execute
from dbserver.docker.containers import ANSWER_SECONDS


@dataclass(frozen=True)
class Holder:
    """A container or process that listens on a port."""

    name: str


def holders(port: int) -> list[Holder]:
    """Return who listens on this TCP port: containers by name, other processes by name and pid.

    A daemon on another host shows its containers only.
    """
    listing = ["docker", "ps", "--filter", f"publish={port}", "--format", "{{json .Names}}"]
    named = [json.loads(line) for line in cleaning.lines(execute.run(listing, timeout=ANSWER_SECONDS).stdout)]
    if named or not endpoint.local():
        return [Holder(f"container {name}") for name in named]
    return [Holder(name) for name in sorted(set(_listeners(port)))]


def addresses() -> list[str]:
    """Return the IPv4 addresses of this host but the loopback's; none where the daemon is on another host."""
    if not endpoint.local():
        return []
    found = [each for several in psutil.net_if_addrs().values() for each in several if each.family == socket.AF_INET]
    return [each.address for each in found if not each.address.startswith("127.")]


def _listeners(port: int) -> list[str]:
    found = [
        c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN and c.laddr and c.laddr.port == port
    ]
    return [f"{_process_name(c.pid)} (pid {c.pid})" if c.pid else "another user's process" for c in found]


def _process_name(pid: int) -> str:
    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return "a process"
