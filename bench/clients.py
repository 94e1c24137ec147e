"""Clients that connect again whenever they are cut off, and how long each got no answer.

They speak PostgreSQL's protocol over the server's own socket, which lets a
role in without a password: a driver's start is no part of what is measured.
Source: the PostgreSQL manual, "Message Flow" and "Message Formats".
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from bench.commands import MeasurementError

PROTOCOL_3 = 196608
ANSWER_SECONDS = 60
PAUSE_SECONDS = 0.002
SETTLE_SECONDS = 0.5


@dataclass(frozen=True)
class Where:
    """The server's socket, as the host sees it, and whom to be."""

    path: str
    user: str
    database: str


@dataclass
class Gaps:
    """The longest time without an answer of each client that ever got one, in seconds, and how many answers it got."""

    clients: int
    seconds: list[float] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    @property
    def longest(self) -> float:
        """The gap of the client that waited longest."""
        if len(self.seconds) < self.clients:
            raise MeasurementError(f"{self.clients - len(self.seconds)} of {self.clients} clients never got an answer")
        return max(self.seconds)


@contextmanager
def reconnecting(where: Where, count: int, statement: str = "SELECT 1") -> Iterator[Gaps]:
    """Let clients run a statement again and again while the block runs; what is yielded is filled at the end."""
    done, gaps = threading.Event(), Gaps(count)
    argument = (where, statement, done, gaps)
    threads = [threading.Thread(target=_ask_on, args=argument, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    time.sleep(SETTLE_SECONDS)
    try:
        yield gaps
        time.sleep(SETTLE_SECONDS)
    finally:
        done.set()
        for thread in threads:
            thread.join(ANSWER_SECONDS)


def _ask_on(where: Where, statement: str, done: threading.Event, gaps: Gaps) -> None:
    longest, answered, answers = 0.0, 0.0, 0
    while not done.is_set():
        with suppress(OSError), _connected(where) as connection:
            while not done.is_set():
                _question(connection, statement)
                answers += 1
                now = time.monotonic()
                longest, answered = max(longest, now - answered if answered else 0.0), now
                time.sleep(PAUSE_SECONDS)
        time.sleep(PAUSE_SECONDS)
    if answered:
        gaps.answers.append(answers)
        gaps.seconds.append(max(longest, time.monotonic() - answered))


@contextmanager
def _connected(where: Where) -> Iterator[socket.socket]:
    words = b"".join(f"{word}\0".encode() for word in ("user", where.user, "database", where.database))
    body = PROTOCOL_3.to_bytes(4, "big") + words + b"\0"
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(ANSWER_SECONDS)
        connection.connect(where.path)
        connection.sendall((len(body) + 4).to_bytes(4, "big") + body)
        _until_ready(connection)
        yield connection


def _question(connection: socket.socket, statement: str) -> None:
    body = statement.encode() + b"\0"
    connection.sendall(b"Q" + (len(body) + 4).to_bytes(4, "big") + body)
    _until_ready(connection)


def _until_ready(connection: socket.socket) -> None:
    """Read messages up to ReadyForQuery. Raises ConnectionError for an error, and where the server has gone."""
    kind = b""
    while kind != b"Z":
        kind = _exactly(connection, 1)
        length = int.from_bytes(_exactly(connection, 4), "big") - 4
        _exactly(connection, length)
        if kind == b"E":
            raise ConnectionError


def _exactly(connection: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        more = connection.recv(count - len(found))
        if not more:
            raise ConnectionError
        found += more
    return found
