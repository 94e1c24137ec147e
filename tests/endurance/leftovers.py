"""What must not be left over once the applications have gone: connections, containers, databases, files, processes."""

import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from dbserver.archive.plan import SLOT
from tests.endurance.ground import Ground
from tests.support import interrupted
from tests.support.archived import archiver
from tests.support.commands import run
from tests.support.stack import Stack

SESSIONS = f"""
SELECT usename, datname, application_name, state FROM pg_stat_activity
WHERE backend_type IN ('client backend', 'walsender') AND pid <> pg_backend_pid()
AND application_name <> '{SLOT}'
"""
SLOTS = f"SELECT slot_name FROM pg_replication_slots WHERE slot_name <> '{SLOT}'"
UNUSED_VOLUMES = ("docker", "volume", "ls", "-q", "--filter", "dangling=true")
SECONDS = 90  # connections of a client that vanished take a minute
# Written and removed by Python's `tempfile`, which the engine's programs import (dill).
TRIED = b"blat"
PROGRAMS = ("pg_dump", "pg_restore", "pg_dumpall", "vacuumdb", "psql")
# Of the daemon, which outlives the commands that start it.
DAEMONS = ("dockerd", "containerd", "containerd-shim", "containerd-shim-runc-v2", "docker-proxy")
# What commands write as they run, and what they render; in the state's directory the state stays.
CHANGING = ("backups", ".state", "__pycache__")


def files(stack: Stack) -> set[str]:
    """Return the files of the project, but for those that come and go."""
    paths = (path.relative_to(stack.project) for path in stack.project.rglob("*"))
    return {str(path) for path in paths if not set(path.parts) & set(CHANGING)}


def lasting(ground: Ground, before: set[str]) -> list[str]:
    """Return what is left over and does not go away by itself."""
    deadline = time.monotonic() + SECONDS
    while (found := left(ground, before)) and time.monotonic() < deadline:
        time.sleep(0.5)
    return found


def left(ground: Ground, before: set[str]) -> list[str]:
    """Return everything that is left over."""
    stack = ground.stack
    return [
        *(f"session: {line}" for line in stack.sql(SESSIONS).splitlines()),
        *(f"replication slot: {line}" for line in stack.sql(SLOTS).split()),
        *(f"client of Redis: {line}" for line in _clients(stack)),
        *(f"container: {name}" for name in _listed("ps", "-a") - {stack.postgres, stack.redis, archiver(stack)}),
        *(f"volume: {name}" for name in run(*UNUSED_VOLUMES).ok().out.split()),
        *(f"network: {name}" for name in _listed("network", "ls") - {"bridge", "host", "none", stack.network}),
        *(f"in the server: {name}" for name in interrupted.left_in_the_server(stack)),
        *(f"program in PostgreSQL's container: {each.name()}" for name in PROGRAMS
          for each in interrupted.programs(stack, name)),
        *(f"no backup, in the backup directory: {name}" for name in interrupted.left_in_the_directory(stack)),
        *(f"file of the project: {name}" for name in sorted(files(stack) - before)),
        *(f"temporary file: {path}" for path in _inside(Path(stack.environment["TMPDIR"]))),
        *(f"process: {' '.join(process.cmdline())}" for process in _orphans()),
    ]  # fmt: skip


def _clients(stack: Stack) -> list[str]:
    clients = stack.redis_admin("CLIENT", "LIST").splitlines()
    return [client for client in clients if "cmd=client|list" not in client]


def _listed(*listing: str) -> set[str]:
    column = "{{.Names}}" if listing[0] == "ps" else "{{.Name}}"
    return set(run("docker", *listing, "--format", column).ok().out.split())


def _inside(directory: Path) -> Iterator[Path]:
    """Not the few bytes with which Python tries whether it may write there, of an engine's program killed meanwhile."""
    return (path for path in directory.rglob("*") if not path.is_file() or path.read_bytes() != TRIED)


def _orphans() -> list[psutil.Process]:
    """Return the processes that nobody waits for, on this machine of its own."""
    return [process for process in psutil.Process(1).children()
            if process.pid != psutil.Process().pid and process.name() not in DAEMONS]  # fmt: skip
