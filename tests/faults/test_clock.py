"""The machine's clock is set while the archive runs: what was promised stays, and no moment is taken for another."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from dbserver import moment as moments
from tests.support.archived import archive, archived, archiver, line
from tests.support.shifted import Clock
from tests.support.stack import Stack

USAGE = 2
pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("clock"))
    yield archived(stack)
    stack.remove()


@pytest.fixture(scope="module")
def clock(shop: Stack, tmp_path_factory: pytest.TempPathFactory) -> Clock:
    made = Clock(shop, tmp_path_factory.mktemp("library"), shop.postgres, archiver(shop))
    shop.until(lambda: not shop.sql_fails() and archive(shop)["well"], 60, what="an archive with a clock of its own")
    return made


def bases(stack: Stack) -> list[str]:
    return sorted(path.name for path in (stack.data / "archive").glob("*/base/*"))


def write(stack: Stack, number: int) -> datetime:
    """Write a row; return a time after it was acknowledged and before anything else, the clock's being set too.

    The archive looks at the clock each second: what was within it comes back by its transaction only.
    """
    stack.sql(f"INSERT INTO written VALUES ({number})", "shop")
    seen = stack.sql("SELECT pg_sleep(0.1); SELECT clock_timestamp() AT TIME ZONE 'UTC'; SELECT pg_sleep(3)", "shop")
    return datetime.fromisoformat(seen.strip()).replace(tzinfo=UTC)


def at(stack: Stack, moment: datetime) -> set[int]:
    stack.script("dbserver", "restore", "shop", "--at", moments.written(moment), "--into", "past").ok()
    found = stack.sql("SELECT n FROM written", "past").split()
    stack.sql("DROP DATABASE past")
    return {int(number) for number in found}


def is_refused(stack: Stack, moment: datetime) -> bool:
    ended = stack.script("dbserver", "restore", "shop", "--at", moments.written(moment), "--confirm", "shop")
    return ended.code == USAGE and "is not in the archive" in ended.err


def test_a_year_more_for_a_while_costs_nothing_that_was_promised(shop: Stack, clock: Clock) -> None:
    """A base backup is due at once then, and all that is a year old would go."""
    first = write(shop, 1)
    before, known = line(shop), bases(shop)
    clock.set("+365d")
    shop.until((before / ".jumps").exists, 30, what="an archive that has seen it")
    ahead = write(shop, 2)
    assert ahead - first > timedelta(days=364)
    shop.until(lambda: len(bases(shop)) > len(known), 60, what="the base backup that is due by that clock")
    shop.until(lambda: archive(shop)["well"], 60)
    assert at(shop, first) == {1}
    assert at(shop, ahead) == {1, 2}
    assert is_refused(shop, first + timedelta(days=100)), "the clock has never shown that"
    clock.set("+0")
    shop.until(lambda: line(shop) != before, 60, what="another line")
    shop.until(lambda: list((line(shop) / "base").iterdir()), 60, what="its base backup")
    shop.until(lambda: archive(shop)["well"], 60)
    back = write(shop, 3)
    assert back - first < timedelta(days=1)
    assert {*known} < {*bases(shop)}, "nothing that is a year old by that clock alone has gone"
    assert (at(shop, back), at(shop, ahead), at(shop, first)) == ({1, 2, 3}, {1, 2}, {1})


def test_an_hour_less_for_a_while_hides_nothing_that_was_before(shop: Stack, clock: Clock) -> None:
    shop.sql("TRUNCATE written", "shop")
    first = write(shop, 1)
    before = line(shop)
    clock.set("-2h")
    shop.until(lambda: line(shop) != before, 60, what="another line")
    shop.until(lambda: list((line(shop) / "base").iterdir()), 60, what="its base backup")
    behind = write(shop, 2)
    assert behind < first
    shop.until(lambda: archive(shop)["well"], 60)
    assert (at(shop, behind), at(shop, first)) == ({1, 2}, {1})
    clock.set("+0")
    shop.until((line(shop) / ".jumps").exists, 30, what="an archive that has seen it")
    last = write(shop, 3)
    shop.until(lambda: archive(shop)["well"], 60)
    assert (at(shop, last), at(shop, behind), at(shop, first)) == ({1, 2, 3}, {1, 2}, {1})


def test_base_backups_go_on_after_the_clock_was_set_back(shop: Stack, clock: Clock) -> None:
    clock.set("+0")
    done = shop.script("dbserver", "archive", "--base-backup", "--format", "json").ok()
    assert json.loads(done.out)["base_backups"][-1]["incremental"]
    assert at(shop, write(shop, 4)) >= {4}
