"""Redis' content as one file (RDB): how it is taken and checked by the server's own programs, and what it says. Pure.

Sources: the Redis documentation on replication and persistence; for the
file's form, rdb.h and redis-check-rdb.c of Redis 8.0.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from dbserver import cleaning
from dbserver.postgres.dump import GUARD
from dbserver.redis import commands

FILE = "dump.rdb"
TRANSFER_SECONDS = 3600
# The master waits for more replicas before it begins, 5 s by default; nobody else replicates from this server.
AT_ONCE = ("CONFIG", "SET", commands.SYNC_DELAY, "0")

RESIZE = 0xFB
AUXILIARY = re.compile(r"AUX FIELD ([\w-]+) = '(.*)'")
DATABASE = re.compile(r"\[offset (\d+)\] Selecting DB ID (\d+)")
TOTALS = re.compile(r"^\[info\] (\d+) (keys read|expires|subexpires)$", re.MULTILINE)
TRANSFERRED = re.compile(r"Transfer finished with success after (\d+) bytes")
# The lengths of a 32 and of a 64 bit number begin with these bytes; smaller ones have 6 or 14 bits.
LONG, LONGER = 0x80, 0x81
HEAD_BYTES = 20


@dataclass(frozen=True)
class Content:
    """What a whole RDB says of itself.

    `offsets` is where each database begins in the file, `expiring` how many
    fields of hashes expire, `used_memory` bytes of the server that wrote it.
    """

    version: str
    used_memory: int
    keys: int
    expiring: int
    offsets: Mapping[int, int]


def take(container: str, admin: str) -> list[str]:
    """Return the program that prints the whole content on standard output; it ends when its standard input does."""
    script = f'REDISCLI_AUTH=$(cat {commands.ADMIN_FILE}) exec timeout {TRANSFER_SECONDS} redis-cli --user "$0" --rdb -'
    return ["docker", "exec", "-i", container, "sh", "-c", GUARD, "sh", "sh", "-c", script, admin]


def check(container: str, path: str) -> list[str]:
    """Return the program that reads the whole of a file of this machine and judges it."""
    return ["sh", "-c", 'exec "$@" <"$0"', path, "docker", "exec", "-i", container, "redis-check-rdb", "/dev/stdin"]


def transferred(said: str) -> int | None:
    """Return the content's bytes by what `take` said; behind them stands a mark that is none of it."""
    found = TRANSFERRED.search(said)
    return int(found[1]) if found else None


def content(printed: str) -> Content:
    """Return what `check` printed of a whole file."""
    auxiliary = dict(AUXILIARY.findall(printed))
    totals = {name: int(number) for number, name in TOTALS.findall(printed)}
    return Content(
        version=auxiliary.get("redis-ver", ""),
        used_memory=int(auxiliary.get("used-mem", 0)),
        keys=totals.get("keys read", 0),
        expiring=totals.get("subexpires", 0),
        offsets={int(database): int(offset) for offset, database in DATABASE.findall(printed)},
    )


def fault(printed: str) -> str:
    """Return in one line what `check` found wrong."""
    lines = [line.partition("] ")[2] or line for line in cleaning.lines(printed)]
    after = [lines[index + 1] for index, line in enumerate(lines[:-1]) if "RDB ERROR DETECTED" in line]
    return (after or [line for line in lines if line] or ["it cannot be read"])[0]


def sizes(head: bytes) -> tuple[int, int] | None:
    """Return the keys of a database, and those that expire, by the first bytes of it; None where they do not say."""
    if head[:1] != bytes([RESIZE]):
        return None
    keys, rest = _length(head[1:])
    return keys, _length(rest)[0]


def _length(data: bytes) -> tuple[int, bytes]:
    """Return a number and what follows it."""
    first = data[0]
    if first in (LONG, LONGER):
        end = 5 if first == LONG else 9
        return int.from_bytes(data[1:end], "big"), data[end:]
    if first >> 6:
        return (first & 0x3F) << 8 | data[1], data[2:]
    return first, data[1:]
