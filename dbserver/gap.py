"""How long a server is away, measured by a client on its published port, as applications would see it."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

ANSWER_SECONDS = 1.0
PAUSE_SECONDS = 0.01
PROTOCOL_3 = 196608
CANNOT_CONNECT_NOW = b"C57P03\0"

Probe = Callable[[], bool]


def postgres_answers(port: int, user: str) -> bool:
    """Return whether PostgreSQL takes connections: what pg_isready asks, a startup packet and the kind of reply.

    Source: the PostgreSQL manual, "Message Formats", StartupMessage; and
    "Error Codes" for cannot_connect_now.
    """
    body = PROTOCOL_3.to_bytes(4, "big") + b"user\0" + user.encode() + b"\0database\0postgres\0\0"
    reply = _ask(port, (len(body) + 4).to_bytes(4, "big") + body)
    return reply[:1] == b"R" or (reply[:1] == b"E" and CANNOT_CONNECT_NOW not in reply)


def redis_answers(port: int) -> bool:
    """Return whether Redis answers PING with PONG (not LOADING)."""
    return _ask(port, b"PING\r\n").startswith(b"+PONG")


def redis_serves(port: int) -> bool:
    """Return whether Redis serves whoever it knows: one of elsewhere may want a password first (not LOADING)."""
    return _ask(port, b"PING\r\n").startswith((b"+PONG", b"-NOAUTH"))


@contextmanager
def measured(probes: Mapping[str, Probe], seconds: float) -> Iterator[dict[str, float | None]]:
    """Measure while the block runs, and on until every server is back or `seconds` have passed.

    What is yielded is filled at the end: name -> seconds without an answer,
    None for a server that did not answer before either.
    """
    away: dict[str, float | None] = dict.fromkeys(probes)
    done = threading.Event()
    watching = {name: probe for name, probe in probes.items() if probe()}
    threads = [
        threading.Thread(target=_watch, args=(name, probe, away, done, seconds), daemon=True)
        for name, probe in watching.items()
    ]
    for thread in threads:
        thread.start()
    try:
        yield away
    finally:
        done.set()
        for thread in threads:
            thread.join(seconds + 2 * ANSWER_SECONDS)


def _watch(name: str, probe: Probe, away: dict[str, float | None], done: threading.Event, seconds: float) -> None:
    answered, longest, deadline = time.monotonic(), 0.0, None
    while True:
        back, now = probe(), time.monotonic()
        if back:
            longest = max(longest, now - answered)
            answered = now
            if done.is_set():
                break
        if done.is_set():
            deadline = deadline or now + seconds
            if now > deadline:
                longest = max(longest, now - answered)
                break
        time.sleep(PAUSE_SECONDS)
    away[name] = round(longest, 3)


def _ask(port: int, message: bytes) -> bytes:
    reply = b""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS) as connection:
        connection.sendall(message)
        reply = connection.recv(1024)
    return reply
