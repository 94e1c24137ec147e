"""One operation at a time on the servers of a stack."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout

from dbserver.errors import LockedError

Result = TypeVar("Result")


@contextmanager
def held(directory: Path, stack: str, verb: str) -> Iterator[None]:
    """Hold the stack's lock. Raises LockedError at once, naming who holds it.

    The kernel drops the lock with its process, so a killed one leaves none.
    """
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


def to_the_end(action: Callable[[], Result]) -> Result:
    """Do what an interruption of this process must not end half-way; return what it returns."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(action).result()
