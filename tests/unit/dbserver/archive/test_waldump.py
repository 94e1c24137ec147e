"""What real output of pg_waldump says about transactions: recorded/statements.sql is what was done."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dbserver.archive import waldump
from dbserver.archive.waldump import Catalog, Reader, Relation
from dbserver.results.history import ChangedRows, Transaction

RECORDED = Path(__file__).with_name("recorded")
BEGIN, END = datetime(2026, 11, 26, 17, 43, tzinfo=UTC), datetime(2026, 11, 26, 17, 44, tzinfo=UTC)
SHOP = 16384
GONE = "table that is gone, file 16386"
each_version = pytest.mark.parametrize("major", ["15", "17"])


def log(major: str = "17") -> list[str]:
    return (RECORDED / f"log-{major}.txt").read_text().splitlines()


def reader(major: str = "17", since: datetime = BEGIN, until: datetime = END, rows: int = 3) -> Reader:
    known = json.loads((RECORDED / f"catalog-{major}.json").read_text())
    assert known["database"] == SHOP
    return Reader({SHOP: Catalog("shop", [Relation(*each) for each in known["relations"]])}, since, until, rows)


def read(found: Reader, lines: list[str]) -> Reader:
    found.begin()
    for line in lines:
        found.read(line)
    return found


def shown(found: Reader) -> list[Transaction]:
    return found.transactions


@each_version
def test_rows_of_a_table_are_counted_by_transaction_with_those_of_its_subtransactions(major: str) -> None:
    found = [each for each in shown(read(reader(major), log(major))) if each.tables]
    assert [each.tables for each in found] == [
        (ChangedRows(GONE, 0, 0, 12),),
        (ChangedRows(GONE, 0, 0, 9),),
        (ChangedRows(GONE, 0, 3, 0),),
        # Four of them in a savepoint; one more was rolled back.
        (ChangedRows(GONE, 5, 0, 0),),
        # Prepared, then committed; the whole table was deleted before and rolled back.
        (ChangedRows(GONE, 3, 0, 0),),
    ]
    assert [each.id - found[0].id for each in found] == [0, 1, 4, 5, 9]


@each_version
def test_a_table_that_is_emptied_rewritten_or_dropped_is_told_apart(major: str) -> None:
    found = shown(read(reader(major), log(major)))
    assert [each.truncated for each in found if each.truncated] == [("public.kept",)]
    assert [each.rewritten for each in found if each.rewritten] == [("public.kept",)]
    emptied, dropped = found[-2:]
    assert (emptied.emptied_files, emptied.dropped_files) == ((16386,), ())
    assert (len(dropped.dropped_files), dropped.emptied_files, dropped.tables) == (1, (), ())


@each_version
def test_a_changed_schema_names_the_catalogs_and_what_is_still_there(major: str) -> None:
    found = [each for each in shown(read(reader(major), log(major))) if each.schema]
    table = ("pg_attribute", "pg_class", "pg_depend", "pg_type")
    assert [(each.schema, each.relations) for each in found] == [
        (table, ()),
        (table, ("public.kept",)),
        (("pg_attribute", "pg_class"), ("public.kept",)),
        (table, ("public.kept",)),
        (("pg_attribute", "pg_class", "pg_depend", "pg_index"), ("public.kept",)),
        (("pg_class",), ("public.kept",)),
        (("pg_depend", "pg_proc"), ()),
        (("pg_class",), ()),
        (table, ()),
    ]


def test_a_truncated_table_that_is_still_there_changed_no_schema() -> None:
    (done,) = (each for each in shown(read(reader(), log())) if each.truncated)
    assert (done.schema, done.dropped_files, done.emptied_files) == ((), (), ())


def test_temporary_tables_are_counted_and_not_shown() -> None:
    assert read(reader(), log()).temporary == 2


def test_every_commit_counts_in_its_minute_but_those_of_other_databases_and_those_rolled_back() -> None:
    found = read(reader(), log())
    ends = [line for line in log() if "desc: COMMIT" in line]
    # Two are those of other; one put a row into a temporary table, which is not logged.
    assert (found.minutes, len(ends)) == ({BEGIN: 18}, 18 + 2 + 1)


def test_the_time_of_a_commit_is_written_as_restore_takes_it() -> None:
    assert shown(read(reader(), log()))[1].committed == "2026-11-26 17:43:27.325860Z"


def test_what_was_committed_before_or_after_is_left_out_and_the_last_time_that_was_read_is_known() -> None:
    until = datetime(2026, 11, 26, 17, 43, 27, 330000, tzinfo=UTC)
    assert [each.id for each in shown(read(reader(until=until), log()))] == [741, 742]
    assert shown(read(reader(since=END), log())) == []
    assert read(reader(since=END), log()).last == datetime(2026, 11, 26, 17, 43, 27, 423866, tzinfo=UTC)


def test_a_transaction_below_the_number_of_rows_is_a_commit_only() -> None:
    found = read(reader(rows=10), log())
    assert [each.tables[0].inserted for each in shown(found) if each.tables] == [12]
    assert found.minutes == read(reader(), log()).minutes


@pytest.mark.parametrize("cut", [1, 20, 60, 150])
def test_what_overlaps_with_the_part_before_is_read_once(cut: int) -> None:
    whole, found = read(reader(), log()), read(reader(), log()[: cut + 10])
    read(found, log()[cut:])
    assert (shown(found), found.minutes) == (shown(whole), whole.minutes)


def test_nothing_is_kept_of_what_has_ended() -> None:
    found = reader()
    most = 0
    for line in log():
        found.read(line)
        most = max(most, found.going)
    assert (most, found.going) == (3, 0)


def test_the_last_transactions_are_kept_and_those_before_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = shown(read(reader(), log()))
    monkeypatch.setattr(waldump, "MOST_KEPT", 2)
    found = read(reader(), log())
    assert (shown(found), found.left_out) == (whole[-2:], len(whole) - 2)


def test_lines_of_no_record_say_nothing() -> None:
    found = read(reader(), ["", "pg_waldump: first record is after 0/1", "rmgr: Heap", "rmgr: Transaction len", *log()])
    assert found.minutes == read(reader(), log()).minutes


def test_long_values_and_catalogs_that_statistics_go_to_are_not_rows_of_a_table() -> None:
    line = (
        "rmgr: Heap        len (rec/tot):     59/    59, tx:          9, lsn: 0/02002060, prev 0/02002020, "
        "desc: INSERT off: 3, flags: 0x00, blkref #0: rel 1663/5/{} blk 0"
    )
    end = (
        "rmgr: Transaction len (rec/tot):     34/    34, tx:          9, lsn: 0/02002070, prev 0/02002060, "
        "desc: COMMIT 2026-11-26 17:43:27.325860 UTC"
    )
    known = [Relation(16390, 20, "t", "pg_toast.pg_toast_16386"), Relation(2619, 21, "r", "pg_catalog.pg_statistic")]
    found = Reader({5: Catalog("shop", known)}, BEGIN, BEGIN + timedelta(minutes=1), 1)
    read(found, [line.format(20), line.format(21), end])
    assert (shown(found), found.minutes) == ([], {BEGIN: 1})
