"""What a test run leaves in Docker: named after the process that made it, which holds a lock while it lives."""

import fcntl
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TextIO

from tests.support.commands import run

PREFIX = "dbs-test"
NAME = re.compile(rf"{PREFIX}-([0-9a-f]{{8}})[-_]")
LOCKS = Path(tempfile.gettempdir()) / f"{PREFIX}-processes"


@cache
def _lock() -> TextIO:
    """Return this process's lock, open for as long as it lives; no child inherits it."""
    LOCKS.mkdir(exist_ok=True)
    file = (LOCKS / secrets.token_hex(4)).open("w")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def process_name() -> str:
    """Return what the names of everything begin with that this process makes."""
    return f"{PREFIX}-{Path(_lock().name).name}"


def left_by_a_crash(name: str) -> bool:
    """Return whether a test's process has made what has this name, and is gone: nobody holds its lock."""
    found = NAME.match(name)
    if not found:
        return False
    try:
        with (LOCKS / found[1]).open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True  # with the temporary directory, at a restart of the machine
    except BlockingIOError:
        return False
    return True


def remove_what_crashes_left() -> None:
    """Remove the containers, networks, images and directories of processes that are gone."""
    remove_from_docker(left_by_a_crash)
    for path in LOCKS.parent.glob(f"{PREFIX}-*"):
        if left_by_a_crash(path.name):
            shutil.rmtree(path, ignore_errors=True)


def remove_from_docker(ours: Callable[[str], bool]) -> None:
    """Remove the containers, networks and images of these names, in the order in which Docker lets them go."""
    kinds = {"container": ("{{.Names}}", ["-f", "-v"], ["-a"]), "network": ("{{.Name}}", [], []),
             "image": ("{{.Repository}}:{{.Tag}}", [], [])}  # fmt: skip
    for kind, (column, how, which) in kinds.items():
        for name in run("docker", kind, "ls", *which, "--format", column).ok().out.split():
            if ours(name):
                run("docker", kind, "rm", *how, name)
