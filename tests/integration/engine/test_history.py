"""What the archive tells of an application's transactions, and that the moment it names is the right one."""

import gzip
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dbserver import moment as moments
from tests.support.commands import run
from tests.support.stack import Stack

pytestmark = pytest.mark.full  # two minutes: moments are found in a log that is written first

FAILED, USAGE = 1, 2


def now() -> str:
    return moments.written(datetime.now(UTC))


def history(stack: Stack, since: str, name: str = "shop") -> dict[str, Any]:
    return dict(json.loads(stack.script("dbserver", "history", name, "--since", since, "--format", "json").ok().out))


def transaction(found: dict[str, Any], number: str) -> dict[str, Any]:
    return dict(next(each for each in found["transactions"] if each["id"] == int(number)))


def numbered(stack: Stack, statement: str, database: str = "shop") -> str:
    """Run a statement in a transaction of its own and return its number."""
    return stack.sql(f"BEGIN; {statement}; SELECT pg_current_xact_id(); COMMIT", database)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("history"))
    stack.configure(archive={"enabled": True, "containerName": f"{stack.name}-archive", "keep": "1h"})
    stack.declare({"name": "shop", "poolSize": 5}, {"name": "other", "poolSize": 2})
    stack.start().ok()
    shown = ("dbserver", "archive", "--format", "json")
    stack.until(lambda: json.loads(stack.script(*shown).out)["windows"], 60, what="the first base backup")
    stack.sql("CREATE TABLE written (n int); CREATE TABLE dear (n int); CREATE TABLE wide (n int)", "shop")
    stack.sql("INSERT INTO written SELECT generate_series(1, 1000); INSERT INTO dear VALUES (1), (2)", "shop")
    yield stack
    stack.remove()


def test_a_large_delete_among_small_commits_is_found_and_taken_back(shop: Stack) -> None:
    since = now()
    small = "".join(f"UPDATE written SET n = n WHERE n = {n};\n" for n in range(900, 920))
    shop.sql(small, "shop")
    wrong = numbered(shop, "DELETE FROM written WHERE n <= 500")
    shop.sql(small, "shop")
    found = history(shop, since)
    done = transaction(found, wrong)
    assert done["tables"] == [{"table": "public.written", "deleted": 500, "updated": 0, "inserted": 0}]
    assert sum(each["commits"] for each in found["minutes"]) >= len(small.splitlines()) * 2 + 1
    assert not any(table["updated"] for each in found["transactions"] for table in each["tables"])
    shop.script("dbserver", "restore", "shop", "--before-transaction", wrong, "--confirm", "shop").ok()
    assert shop.sql("SELECT count(*) FROM written", "shop") == "1000"
    # The live database is another one now: what was before is in the one that the restore has kept.
    again = transaction(history(shop, since), wrong)
    assert (again["tables"], again["committed"]) == (done["tables"], done["committed"])
    assert again["database"].startswith("shop__old_")


@dataclass(frozen=True)
class Large:
    """A transaction over several segments, all of them packed: `second` is the file of its second one."""

    since: str
    number: str
    rows: int
    second: Path


@pytest.fixture(scope="module")
def large(shop: Stack) -> Large:
    since, rows = now(), 150_000
    second = shop.sql("SELECT pg_walfile_name(pg_current_wal_lsn() + 16777216)", "shop")
    number = numbered(shop, f"INSERT INTO wide (n) SELECT generate_series(1, {rows}); DELETE FROM wide")
    for _ in range(3):
        shop.sql("SELECT pg_switch_wal(); SELECT pg_logical_emit_message(true, 'test', 'another segment')", "shop")
    shop.until(lambda: list(shop.data.glob(f"archive/*/wal/{second}.gz")), 30, what="the packed segment")
    (file,) = shop.data.glob(f"archive/*/wal/{second}.gz")
    return Large(since, number, rows, file)


def test_a_transaction_over_several_segments_is_counted_to_the_row_from_packed_ones(shop: Stack, large: Large) -> None:
    done = transaction(history(shop, large.since), large.number)
    assert done["tables"] == [
        {"table": "public.wide", "deleted": large.rows, "updated": 0, "inserted": large.rows},
    ]


def test_a_damaged_segment_is_an_error_that_names_it_and_no_end_of_the_log(shop: Stack, large: Large) -> None:
    segment, before, times = large.second, large.second.read_bytes(), large.second.stat()
    content = bytearray(gzip.decompress(before))
    content[1_000_000] ^= 0xFF
    try:
        segment.write_bytes(gzip.compress(bytes(content)))
        os.utime(segment, ns=(times.st_atime_ns, times.st_mtime_ns))
        ended = shop.script("dbserver", "history", "shop", "--since", large.since)
    finally:
        segment.write_bytes(before)
        os.utime(segment, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert (ended.code, ended.out) == (FAILED, "")
    assert f"the log cannot be read from {segment.stem} on: " in ended.err


@pytest.mark.full
def test_the_time_of_a_transaction_is_the_first_that_has_it_and_the_archive_may_be_stopped(shop: Stack) -> None:
    since = now()
    shop.sql("INSERT INTO wide SELECT generate_series(1, 5000)", "shop")
    wrong = numbered(shop, "DELETE FROM wide")
    run("docker", "stop", f"{shop.name}-archive").ok()
    try:
        found = history(shop, since)
        done = transaction(found, wrong)
    finally:
        run("docker", "start", f"{shop.name}-archive").ok()
    assert done["committed"] <= found["read_until"] <= found["until"] < now()
    before = datetime.fromisoformat(done["committed"]) - timedelta(microseconds=1)
    for moment, rows in ((before, "5000"), (datetime.fromisoformat(done["committed"]), "0")):
        shop.script("dbserver", "restore", "shop", "--at", moments.written(moment), "--into", "shop_then").ok()
        assert shop.sql("SELECT count(*) FROM wide", "shop_then") == rows
        shop.sql("DROP DATABASE shop_then")


def test_what_changes_the_schema_or_empties_a_table_is_found_by_name(shop: Stack) -> None:
    since = now()
    emptied = numbered(shop, "TRUNCATE written")
    altered = numbered(shop, "ALTER TABLE wide ADD COLUMN more text")
    file = shop.sql("SELECT pg_relation_filenode('dear')", "shop")
    dropped = numbered(shop, "DROP TABLE dear")
    found = history(shop, since)
    assert transaction(found, emptied)["truncated"] == ["public.written"]
    assert transaction(found, altered)["relations"] == ["public.wide"]
    assert "pg_attribute" in transaction(found, altered)["schema"]
    assert transaction(found, dropped)["dropped_files"] == [int(file)]
    text = shop.script("dbserver", "history", "shop", "--since", since).ok().out
    assert "emptied (TRUNCATE) public.written" in text
    assert f"dropped what is gone by now: file {file}" in text


def test_what_another_database_did_or_nobody_committed_is_not_shown(shop: Stack) -> None:
    since = now()
    theirs = numbered(shop, "CREATE TABLE here AS SELECT generate_series(1, 300)", "other")
    undone = shop.sql(
        "BEGIN; INSERT INTO wide SELECT generate_series(1, 300); SELECT pg_current_xact_id(); ROLLBACK", "shop"
    )
    found = {each["id"] for each in history(shop, since)["transactions"]}
    assert not {int(theirs), int(undone)} & found
    assert int(theirs) in {each["id"] for each in history(shop, since, "other")["transactions"]}


def test_a_time_that_the_archive_does_not_reach_is_refused_with_what_it_reaches(shop: Stack) -> None:
    ended = shop.script("dbserver", "history", "shop", "--until", "-3h")
    assert (ended.code, ended.out) == (USAGE, "")
    assert "is in the archive" in ended.err
    assert "it reaches from 20" in ended.err
