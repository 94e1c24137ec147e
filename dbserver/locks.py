"""One operation at a time on the servers of a stack."""

import fcntl
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from dbserver.errors import LockedError

Result = TypeVar("Result")


@contextmanager
def held(directory: Path, stack: str, verb: str) -> Iterator[None]:
    """Hold the stack's lock. Raises LockedError at once, naming who holds it.

    The kernel drops the lock with its process, so a killed one leaves none.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415  a start with nothing to do must not wait for this import

    directory.mkdir(parents=True, exist_ok=True)
    owner = directory / f"{stack}.owner"
    lock = FileLock(directory / f"{stack}.lock", timeout=0, mode=0o600)
    try:
        lock.acquire()
    except Timeout:
        who = owner.read_text().strip() if owner.exists() else "another operation"
        raise LockedError(f"{who} is at work on stack {stack}", "wait until it has finished, then try again") from None
    try:
        owner.write_text(f"{verb} (pid {os.getpid()})\n")
        yield
    finally:
        lock.release()


def is_held(directory: Path, stack: str) -> bool:
    """Return whether an operation is at work on the stack; nothing is taken from it."""
    try:
        with (directory / f"{stack}.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def to_the_end(action: Callable[[], Result]) -> Result:
    """Do what an interruption of this process must not end half-way; return what it returns."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(action).result()
