"""How many keys each application has in Redis, and the memory that they take: a walk over all keys, page by page."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from dbserver import cleaning
from dbserver.conversation import Conversation
from dbserver.errors import CommandError
from dbserver.redis import commands
from dbserver.redis.server import Server

# Redis answers nobody else meanwhile: a page takes it some milliseconds.
PAGE = 500
PAGE_SECONDS = 10
END = "-- end of the page --"
# A key is its whose prefix it begins with; they do not reach into each other. The memory is what MEMORY USAGE says,
# which looks at five elements of a collection.
SCRIPT = (
    "local page, found = redis.call('SCAN', ARGV[1], 'COUNT', ARGV[2]), {}"
    " for _, key in ipairs(page[2]) do for number = 3, #ARGV do"
    " if string.sub(key, 1, #ARGV[number]) == ARGV[number] then"
    " local at = tostring(number - 3) local each = found[at] or {0, 0}"
    " found[at] = {each[1] + 1, each[2] + (redis.call('MEMORY', 'USAGE', key) or 0)} break end end end"
    " return cjson.encode({page[1], found})"
)


@dataclass(frozen=True)
class Use:
    """What keys take: their number, and their memory in bytes."""

    keys: int = 0
    size: int = 0

    def __add__(self, other: "Use") -> "Use":
        """Return both together."""
        return Use(self.keys + other.keys, self.size + other.size)


def used(server: Server, prefixes: Mapping[str, Sequence[str]], seconds: float) -> dict[str, Use]:
    """Return application -> its keys in all numbered databases; nothing where Redis does not answer in that time."""
    if not prefixes:
        return {}
    until = time.monotonic() + seconds
    try:
        with closing(Conversation(commands.lines(server.container, server.admin))) as asking:
            return _walked(asking, prefixes, until)
    except (CommandError, TimeoutError):
        return {}


def _walked(asking: Conversation, prefixes: Mapping[str, Sequence[str]], until: float) -> dict[str, Use]:
    owners = [(name, prefix) for name, several in prefixes.items() for prefix in several]
    found = dict.fromkeys(prefixes, Use())
    for page in _pages(asking, [prefix for _, prefix in owners], until):
        for at, (keys, size) in page.items():
            found[owners[int(at)][0]] += Use(int(keys), int(size))
    return found


def _pages(asking: Conversation, prefixes: Sequence[str], until: float) -> Iterator[Mapping[str, Sequence[float]]]:
    """Yield number of the prefix -> keys and bytes, page by page. Raises TimeoutError."""
    words = " ".join(map(_quoted, prefixes))
    for line in _ask(asking, "INFO keyspace"):
        name = line.partition(":")[0]
        if not name.removeprefix("db").isdigit():
            continue
        _ask(asking, f"SELECT {name.removeprefix('db')}")
        cursor = "0"
        while True:
            if time.monotonic() > until:
                raise TimeoutError
            (said,) = _ask(asking, f"EVAL {_quoted(SCRIPT)} 0 {cursor} {PAGE} {words}")
            cursor, page = json.loads(said)
            yield page
            if cursor == "0":
                break


def _ask(asking: Conversation, command: str) -> list[str]:
    """Return the lines of a reply. Raises CommandError where Redis refuses, or is gone."""
    done = asking.ask(f"{command}\nECHO {_quoted(END)}\n", END, PAGE_SECONDS)
    if not done.succeeded:
        raise CommandError("redis-cli", done.status, done.output)
    return cleaning.lines(done.stdout)


def _quoted(text: str) -> str:
    """Return a word as redis-cli reads it from a line."""
    return '"' + "".join(f"\\x{byte:02x}" for byte in text.encode()) + '"'
