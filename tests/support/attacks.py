"""Clients of Redis that mean harm, or do not care."""

import random
import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress

Word = bytes | str | int
SECONDS = 20
HEAD = 8


def command(*words: Word) -> bytes:
    """Return a command as Redis' clients send it."""
    encoded = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)


class Client:
    """One connection."""

    def __init__(self, address: str, user: str = "", password: str = "") -> None:
        self.socket = socket.create_connection((address, 6379), SECONDS)
        self.replies = self.socket.makefile("rb")
        if user:
            assert self.ask("AUTH", user, password) == b"+OK"

    def ask(self, *words: Word) -> bytes:
        """Return the first line of the reply."""
        self.send(command(*words))
        return self.replies.readline().strip()

    def send(self, data: bytes) -> None:
        """Send, for as long as the server reads it."""
        self.socket.sendall(data)

    def end(self) -> None:
        self.replies.close()
        self.socket.close()


@contextmanager
def idle(address: str, number: int) -> Iterator[None]:
    """Hold so many connections that do nothing; the server may end any of them."""
    with ExitStack() as held:
        for _ in range(number):
            with suppress(OSError):
                held.enter_context(socket.create_connection((address, 6379), SECONDS))
        yield


@contextmanager
def sent(address: str, number: int, data: bytes) -> Iterator[None]:
    """Let so many clients send something, and read no answer; the server may end any of them."""
    with ExitStack() as held:
        for _ in range(number):
            with suppress(OSError):
                one = held.enter_context(socket.create_connection((address, 6379), SECONDS))
                one.settimeout(1)
                one.sendall(data)
        yield


def overwrite(clients: Sequence[Client], prefix: str, keys: int, size: int, seconds: float) -> dict[int, bytes]:
    """Write so many keys again and again, a thread a client; return the first bytes of each, as last acknowledged."""
    until, values = time.monotonic() + seconds, dict[int, bytes]()

    def work(number: int) -> None:
        body = random.randbytes(size - HEAD)
        rounds = 0
        while not rounds or time.monotonic() < until:
            rounds += 1
            for key in range(number, keys, len(clients)):
                head = b"%0*d" % (HEAD, rounds)
                assert clients[number].ask("SET", f"{prefix}{key}", head + body) == b"+OK"
                values[key] = head

    with ThreadPoolExecutor(len(clients)) as pool:
        list(pool.map(work, range(len(clients))))
    return values
