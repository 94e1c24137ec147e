"""What clients and data may take of Redis' memory: what follows from the container's limit, or is declared. Pure.

Sources: redis.conf of Redis 8.0; tot-mem of CLIENT LIST for what a client that does nothing takes: 1,800 bytes in Redis
7.0, 1,920 in 8.0. docs/decisions/0037 has the measurements.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dbserver.units import MIB, parse_bytes, size

# What of the container's limit the data may fill. A fork that saves copies each page that is written meanwhile, in the
# worst case all of them.
SHARE = {"none": (3, 4), "snapshot": (1, 2), "append-only": (1, 2)}
# All clients together; more in a large container would let more idle ones in than `maxclients`.
MOST_FOR_CLIENTS = 16 * MIB
IDLE_CLIENT = 1700
USUAL_CLIENTS, MOST_CLIENTS = 10_000, 1_000_000
LARGEST_VALUE = 512 * MIB
CLASSES = ("normal", "slave", "pubsub")
# In Redis' order; `A` is all of them.
CLASSES_OF_EVENTS = "g$lshzxetd"
Buffer = tuple[int, int, int]


@dataclass(frozen=True)
class Limits:
    """Bytes, but for clients and seconds. `output` is a class of clients -> hard and soft limit, seconds above that."""

    maxmemory: int
    clients: int
    value: int
    query: int
    output: Mapping[str, Buffer]
    maxclients: int
    timeout: int
    keepalive: int

    def settings(self) -> dict[str, str]:
        """Return the settings in the form in which CONFIG GET prints them."""
        output = [f"{name} {' '.join(map(str, self.output[name]))}" for name in CLASSES]
        return {
            "maxmemory": str(self.maxmemory),
            "proto-max-bulk-len": str(self.value),
            "client-query-buffer-limit": str(self.query),
            # The clients that hold most are disconnected; where all hold the same, the oldest.
            "maxmemory-clients": str(self.clients),
            "client-output-buffer-limit": " ".join(output),
            "maxclients": str(self.maxclients),
            "timeout": str(self.timeout),
            # A client that vanished without a word ends within a minute; Redis' own 300 s would make it ten.
            "tcp-keepalive": str(self.keepalive),
            # Where memory lacks all the same, the kernel ends the fork that saves, not the server.
            "oom-score-adj": "yes",
        }


def derived(memory: int, persistence: str, declared: Mapping[str, str]) -> Limits:
    """Return the limits in a container of so many bytes; what is declared wins, the others follow from it too.

    Raises ValueError for a value that says none: see `faults`.
    """
    given = {name: PARSE[name](text) for name, text in declared.items()}
    part, of = SHARE[persistence]
    maxmemory = int(given.get("maxmemory", memory * part // of))
    largest = int(given.get("proto-max-bulk-len", 0))
    clients = int(given.get("maxmemory-clients", max(min(memory // 8, MOST_FOR_CLIENTS), 2 * largest)))
    usual: dict[str, Buffer] = {
        "normal": (clients, clients // 2, 10),
        # A backup is a replica: what is written while it is taken waits here, outside maxmemory.
        "slave": (memory // 8, memory // 8, 60),
        "pubsub": (clients, clients // 2, 60),
    }
    return Limits(
        maxmemory=maxmemory,
        clients=clients,
        value=largest or clients // 2,
        query=int(given.get("client-query-buffer-limit", clients)),
        output={**usual, **given.get("client-output-buffer-limit", {})},
        maxclients=int(given.get("maxclients", max(USUAL_CLIENTS, enough_clients(clients)))),
        timeout=int(given.get("timeout", 0)),
        keepalive=int(given.get("tcp-keepalive", 30)),
    )


def enough_clients(memory: int) -> int:
    """Return so many clients that those who do nothing reach `maxmemory-clients` first.

    Then the oldest of them are disconnected and everybody gets in. At `maxclients` nobody does, the administrator
    neither: Redis keeps no connection for him.
    """
    return -(-memory // IDLE_CLIENT)


def faults(memory: int, persistence: str, declared: Mapping[str, str]) -> list[str]:
    """Return what is wrong with declared settings, each with its name."""
    return unreadable(declared) or list(_judged(derived(memory, persistence, declared), memory))


def unreadable(declared: Mapping[str, str]) -> list[str]:
    """Return the settings that say nothing, each with its name and why."""
    return [f"{name}: {text!r} {reason}" for name, text in declared.items() if (reason := _unreadable(name, text))]


def _judged(found: Limits, memory: int) -> Iterator[str]:
    room = f"redis.memory {size(memory)}"
    if found.maxmemory < MIB or found.maxmemory + found.clients > memory:
        both = f"{size(found.maxmemory)} and maxmemory-clients {size(found.clients)}"
        yield f"maxmemory: {both} should be at least 1 MB each, and together at most {room}"
    elif found.clients < MIB:
        yield f"maxmemory-clients: {size(found.clients)} should be at least 1 MB"
    if not MIB <= found.value <= min(found.query, found.clients, LARGEST_VALUE):
        yield (
            f"proto-max-bulk-len: {size(found.value)} should be at least 1 MB, and at most client-query-buffer-limit"
            f" {size(found.query)}, maxmemory-clients {size(found.clients)} and {size(LARGEST_VALUE)}"
        )
    if found.output["normal"][0] < found.value or not found.output["pubsub"][0]:
        yield (
            f"client-output-buffer-limit: the hard limit of normal should be at least proto-max-bulk-len"
            f" {size(found.value)}, that of pubsub no 0, which is none at all"
        )
    if not enough_clients(found.clients) <= found.maxclients <= MOST_CLIENTS:
        yield (
            f"maxclients: {found.maxclients} should be from {enough_clients(found.clients)} to {MOST_CLIENTS}:"
            f" with less, connections that do nothing lock everybody out before"
            f" maxmemory-clients {size(found.clients)} ends them"
        )


def _unreadable(name: str, text: str) -> str:
    try:
        PARSE[name](text)
    except ValueError as fault:
        return str(fault)
    return ""


def _whole(text: str) -> int:
    if not re.fullmatch(r"\d{1,7}", text):
        raise ValueError("should be a whole number")
    return int(text)


def _output(text: str) -> dict[str, Buffer]:
    words = text.replace("replica", "slave").split()
    rows: Sequence[list[str]] = [words[at : at + 4] for at in range(0, len(words), 4)]
    if not rows or any(len(row) < 4 or row[0] not in CLASSES for row in rows):  # noqa: PLR2004  as the message says
        raise ValueError("should be CLASS HARD SOFT SECONDS of normal, replica or pubsub, such as: normal 16mb 8mb 10")
    return {name: (parse_bytes(hard), parse_bytes(soft), _whole(seconds)) for name, hard, soft, seconds in rows}


def events(text: str) -> str:
    """Return which events of keys are published, in the form in which CONFIG GET prints it; empty for none.

    Raises ValueError for what would publish nothing, or is no letter of Redis'.
    """
    if not re.fullmatch(f"[{re.escape(CLASSES_OF_EVENTS)}AKEm]*", text):
        raise ValueError(f"should be letters of KEA{CLASSES_OF_EVENTS}m")
    known = CLASSES_OF_EVENTS if "A" in text else "".join(each for each in CLASSES_OF_EVENTS if each in text)
    where, missed = "".join(each for each in "KE" if each in text), "m" * ("m" in text)
    if text and not (where and (known or missed)):
        raise ValueError("should have K or E, and one of the others, such as: Ex")
    return ("A" if known == CLASSES_OF_EVENTS else known) + where + missed


# What may be declared.
PARSE: Mapping[str, Callable[[str], Any]] = {
    "maxmemory": parse_bytes,
    "proto-max-bulk-len": parse_bytes,
    "client-query-buffer-limit": parse_bytes,
    "maxmemory-clients": parse_bytes,
    "client-output-buffer-limit": _output,
    "maxclients": _whole,
    "timeout": _whole,
    "tcp-keepalive": _whole,
    "notify-keyspace-events": events,
}
