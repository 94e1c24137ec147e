"""One operation at a time on the servers of a stack, whichever checkout or user it comes from.

A lock is a name among this machine's sockets: the kernel gives it to one process, and takes it back with it.
"""

import errno
import hashlib
import os
import socket
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Thread
from typing import TypeVar

from dbserver import cleaning, endpoint
from dbserver.declared import ROOT
from dbserver.errors import LockedError

Result = TypeVar("Result")
OTHER = "another operation"
PREFIX = b"\0db-server/"
ANSWER_SECONDS = 1
ANSWER_BYTES = 8192
CREDENTIALS = "3i"  # process, user, group, as the kernel gives them


@contextmanager
def held(stack: str, verb: str) -> Iterator[None]:
    """Hold the lock of a stack, or of `<stack>.<part>`. Raises LockedError at once, naming who holds it and where.

    A killed process leaves none.
    """
    with socket.socket(socket.AF_UNIX) as lock:
        try:
            lock.bind(_address(stack))
        except OSError as fault:
            raise (_refused(stack) if fault.errno == errno.EADDRINUSE else fault) from None
        lock.listen()
        telling = Thread(target=_tell, args=(lock, f"{verb} (pid {os.getpid()})\n{ROOT}"), daemon=True)
        telling.start()
        try:
            yield
        finally:
            # A thread that still waits in it would keep the socket, and the lock, after it is closed.
            lock.shutdown(socket.SHUT_RDWR)
            telling.join()


def is_held(stack: str) -> bool:
    """Return whether an operation is at work on the stack; nothing is taken from it."""
    return _asked(stack) is not None


def daemon(address: str) -> str:
    """Return what tells a Docker daemon from others, given its address: of a socket its file, whatever links to it."""
    kind, _, path = address.partition("://")
    return os.path.realpath(path) if kind == "unix" else address


def _address(stack: str) -> bytes:
    # An address has 108 bytes at most, a stack's name and a path may be longer.
    word = f"{daemon(endpoint.address())}\n{stack}"
    return PREFIX + hashlib.sha256(word.encode()).hexdigest().encode()


def _refused(stack: str) -> LockedError:
    who, _, where = (_asked(stack) or OTHER).partition("\n")
    said = f"{who} is at work on stack {stack}" + (f", in {where}" if where else "")
    return LockedError(said, "wait until it has finished, then try again")


def _tell(lock: socket.socket, who: str) -> None:
    """Tell everybody who asks who holds the lock, until it is given back."""
    with suppress(OSError):
        while True:
            asking, _ = lock.accept()
            with asking, suppress(OSError):
                asking.sendall(os.fsencode(who))


def _asked(stack: str) -> str | None:
    """Return who holds a lock, and in a second line where; None where nobody does.

    Anybody of this machine may hold such a name: what is told is cut, and cannot control a terminal.
    """
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(ANSWER_SECONDS)
        try:
            asking.connect(_address(stack))
        except ConnectionRefusedError:
            return None
        except (BlockingIOError, TimeoutError):
            return OTHER
        try:
            told = asking.recv(ANSWER_BYTES).decode(errors="replace")
        except OSError:
            told = ""
        lines = [line.strip() for line in cleaning.printable(told).split("\n")[:2]]
        return "\n".join(lines) if lines[0] else f"{OTHER} (pid {_process(asking)})"


def _process(asking: socket.socket) -> int:
    """Return the process that listens, by the kernel's word: one that was stopped answers nothing."""
    credentials = asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize(CREDENTIALS))
    return int(struct.unpack(CREDENTIALS, credentials)[0])


def to_the_end(action: Callable[[], Result]) -> Result:
    """Do what an interruption of this process must not end half-way; return what it returns."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(action).result()
