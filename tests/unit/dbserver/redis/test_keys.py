"""How many keys each application has: page by page, in every numbered database, for a while."""

import json
import re
from collections.abc import Mapping, Sequence

import pytest

from dbserver.execute import Finished
from dbserver.redis import keys
from dbserver.redis.keys import Use
from dbserver.redis.server import Server

SERVER = Server("db-server-redis", "dbadmin")
PREFIXES = {"shop": ["shop:"], "blog": ["blog:", "b\u00fccher "], "idle": ["idle:"]}
# Page after page of two databases, as the script tells of them: the number of a prefix -> keys and bytes.
KEYSPACE = "# Keyspace\r\ndb0:keys=3,expires=0\r\ndb5:keys=1,expires=0\r"
PAGES = [["17", {"0": [2, 100], "2": [1, 60]}], ["0", {}], ["0", {"0": [1, 50]}]]


class Conversation:
    """Stands where redis-cli would be."""

    def __init__(self, argv: Sequence[str]) -> None:
        assert argv[:4] == ["docker", "exec", "-i", "db-server-redis"]
        self.pages, self.asked, self.closed = iter(PAGES), [], False
        made.append(self)

    asked: list[str]

    def ask(self, text: str, end: str, timeout: float) -> Finished:
        assert timeout > 0
        command, echo = text.splitlines()
        assert plain(echo) == f"ECHO {end}"
        self.asked.append(command)
        if failing in command:
            return Finished(1, "", "BUSY Redis is busy running a script")
        if command.startswith("EVAL"):
            return Finished(0, json.dumps(next(self.pages)), "")
        return Finished(0, {"INFO keyspace": KEYSPACE}.get(command, "OK"), "")

    def close(self) -> None:
        self.closed = True


made: list[Conversation] = []
failing = "nothing"


def plain(line: str) -> str:
    """Return a line with its words as redis-cli reads them."""
    words = re.sub(r"\\x(..)", lambda found: chr(int(found[1], 16)), line).replace('"', "")
    return words.encode("latin-1").decode()


@pytest.fixture(autouse=True)
def _conversation(monkeypatch: pytest.MonkeyPatch) -> None:
    made.clear()
    monkeypatch.setattr(keys, "Conversation", Conversation)
    monkeypatch.setitem(globals(), "failing", "nothing")


def used(prefixes: Mapping[str, Sequence[str]] = PREFIXES, seconds: float = 5) -> dict[str, Use]:
    return keys.used(SERVER, prefixes, seconds)


def test_keys_are_added_up_by_application_over_pages_and_databases() -> None:
    assert used() == {"shop": Use(3, 150), "blog": Use(1, 60), "idle": Use(0, 0)}
    asked = [plain(line) for line in made[0].asked]
    assert [line.split()[0] for line in asked] == ["INFO", "SELECT", "EVAL", "EVAL", "SELECT", "EVAL"]
    assert (asked[1], asked[4]) == ("SELECT 0", "SELECT 5")
    assert [line.partition(keys.SCRIPT)[2] for line in asked if "EVAL" in line] == [
        f" 0 {cursor} {keys.PAGE} shop: blog: b\u00fccher  idle:" for cursor in ("0", "17", "0")
    ]
    assert made[0].closed


@pytest.mark.parametrize("command", ["INFO", "SELECT", "EVAL"])
def test_a_redis_that_refuses_or_is_gone_leaves_it_unknown(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setitem(globals(), "failing", command)
    assert used() == {}
    assert made[0].closed


def test_a_walk_that_takes_too_long_is_given_up() -> None:
    assert used(seconds=-1) == {}


def test_where_there_is_no_application_nothing_is_asked() -> None:
    assert used({}) == {}
    assert made == []
