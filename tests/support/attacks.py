"""Clients of Redis that mean harm, or do not care."""

import random
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress

Word = bytes | str | int
# A server waits for its disk where its container's memory is full of what is not written yet: 25 s were seen.
SECONDS = 120
HEAD = 8
# About 1 MB a client between two looks at whether the server keeps up.
KEYS_AT_ONCE = 50


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

    def told(self, *words: Word) -> bytes:
        """Return the reply to a command that is answered by a text."""
        length = self.ask(*words)
        assert length.startswith(b"$"), length
        return self.replies.read(int(length[1:]) + 2)[:-2]

    def send(self, data: bytes) -> None:
        """Send, for as long as the server reads it."""
        self.socket.sendall(data)

    def close(self) -> None:
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


def overwrite(
    clients: Sequence[Client], prefix: str, keys: int, size: int, seconds: float, keep_up: Callable[[], None]
) -> dict[int, bytes]:
    """Write so many keys again and again, a thread a client; return the first bytes of each, as last acknowledged.

    `keep_up` is called now and then, and returns when the server has kept up with what was written.
    """
    until, values = time.monotonic() + seconds, dict[int, bytes]()

    def work(number: int) -> None:
        body = random.randbytes(size - HEAD)
        rounds = 0
        while not rounds or time.monotonic() < until:
            rounds += 1
            for count, key in enumerate(range(number, keys, len(clients))):
                if count % KEYS_AT_ONCE == 0:
                    keep_up()
                head = b"%0*d" % (HEAD, rounds)
                assert clients[number].ask("SET", f"{prefix}{key}", head + body) == b"+OK"
                values[key] = head

    with ThreadPoolExecutor(len(clients)) as pool:
        list(pool.map(work, range(len(clients))))
    return values
