"""A machine of its own on this one: its own processes, mounts, network, and so a Docker daemon of its own.

A second daemon beside the machine's would rewrite the machine's packet filter and its /run. In namespaces of its own
it is at the same places as ever, and so `start.sh` finds, and starts, that one. Whatever ends the first process ends
all of it: nothing is left over but the directory.
"""

import io
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dbserver import contract
from dbserver.docker import images
from tests.support.commands import run
from tests.support.leftovers import PREFIX, left_by_a_crash, process_name
from tools import docker_engine
from tools.machine import here
from tools.steps import Steps

PROGRAMS = ("docker", "dockerd", "ip", "mkfs.ext4", "mount", "setpriv", "unshare")
NAMESPACES = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child",
              "--mount-proc"]  # fmt: skip
# As a machine's first process, it has to take over orphans: without a shell, a command that was killed would stay in
# the table of processes, and its locks would count as held.
FIRST = ["bash", "-c", '"$@"; exit $?', "first"]
IMAGES = "images"  # a pipe from this machine's daemon to the other
SAVE = ["sh", "-c", 'exec docker save "$@" >"$0"']
DAEMON_FILE = Path("/etc/docker/daemon.json")
DAEMON_PID = Path("/run/docker.pid")


def lacking() -> str:
    """Return why there can be no machine of its own here, or nothing."""
    absent = [name for name in PROGRAMS if not shutil.which(name)]
    if absent:
        return f"programs are missing: {', '.join(absent)}"
    return "" if os.geteuid() == 0 else "namespaces and disks of its own are the superuser's"


@contextmanager
def directory() -> Iterator[Path]:
    """Give a directory; remove those of runs that were killed."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}-*-machine-*"):
        if left_by_a_crash(path.name):
            shutil.rmtree(path, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{process_name()}-machine-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def inside(place: Path, argv: Sequence[str]) -> int:
    """Run a command on a machine of its own; return its exit code."""
    names = [images.resolve(name, stand_ins=True).name for name in contract.DEFAULT_IMAGE.values()]
    elsewhere = ("DOCKER_HOST", "DOCKER_CONTEXT", "PULUMI_STACK")
    environment = {key: value for key, value in os.environ.items() if key not in elsewhere} | {"TMPDIR": str(place)}
    os.mkfifo(place / IMAGES)
    with subprocess.Popen([*SAVE, str(place / IMAGES), *names]) as saving:
        try:
            return subprocess.run([*NAMESPACES, *FIRST, *argv], env=environment, check=False).returncode
        finally:
            saving.kill()


def furnish(place: Path) -> None:
    """Make the machine's own places, and its daemon, with the images of the one outside."""
    for where in ("/run", "/var/log"):
        run("mount", "-t", "tmpfs", "tmpfs", where).ok()
    for name, where in (("docker", "/var/lib/docker"), ("etc", "/etc/docker")):
        (place / name).mkdir()
        run("mount", "--bind", str(place / name), where).ok()
    run("ip", "link", "set", "lo", "up").ok()
    DAEMON_FILE.write_text("{}")
    docker_engine.provide(Steps(io.StringIO(), place), here())
    run("docker", "load", "-i", str(place / IMAGES)).ok()
    (place / IMAGES).unlink()


def keep_running(*, live_restore: bool) -> None:
    """Tell the daemon whether containers run on while it does not."""
    DAEMON_FILE.write_text(json.dumps({"live-restore": live_restore}))
    os.kill(daemon(), signal.SIGHUP)


def daemon() -> int:
    """Return the number of the daemon's process."""
    return int(DAEMON_PID.read_text())


@contextmanager
def disk(place: Path, name: str, where: Path, size: int) -> Iterator[None]:
    """Mount a small disk: a file, so that its contents are no memory."""
    file = place / f"{name}.img"
    with file.open("wb") as image:
        image.truncate(size)
    run("mkfs.ext4", "-q", "-m", "0", str(file)).ok()
    where.mkdir(parents=True, exist_ok=True)
    run("mount", "-o", "loop", str(file), str(where)).ok()
    (where / "lost+found").rmdir()
    try:
        yield
    finally:
        run("umount", "--lazy", str(where)).ok()
