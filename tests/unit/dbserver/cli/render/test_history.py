"""What the archived log tells, in words."""

from dataclasses import replace

from dbserver.cli.render.history import history
from dbserver.results.history import ChangedRows, History, Minute, Transaction

FOUND = History(
    application="shop",
    databases=("shop", "shop__kept_20261126t120000z"),
    since="2026-11-26 12:00:00Z",
    until="2026-11-26 13:00:00Z",
    read_until="2026-11-26 12:59:58.5Z",
    rows=100,
    minutes=(Minute("2026-11-26 12:10:00Z", 40), Minute("2026-11-26 12:12:00Z", 1)),
    transactions=(
        Transaction(7, "2026-11-26 12:10:01Z", "shop", (ChangedRows("public.users", 500, 0, 3),)),
        Transaction(8, "2026-11-26 12:10:02Z", "shop", truncated=("public.a",), rewritten=("public.b",)),
        Transaction(
            9, "2026-11-26 12:12:00Z", "shop__kept_20261126t120000z", dropped_files=(16412, 16413),
            schema=("pg_class", "pg_type"),
        ),
        Transaction(
            10, "2026-11-26 12:12:00Z", "shop", emptied_files=(16420,), schema=("pg_class",), relations=("public.c",)
        ),
    ),
)  # fmt: skip


def test_each_transaction_tells_its_number_its_time_and_what_it_did() -> None:
    assert history(FOUND).splitlines() == [
        "2026-11-26 12:00:00Z to 2026-11-26 13:00:00Z, read to 2026-11-26 12:59:58.5Z",
        "2026-11-26 12:10:01Z  transaction 7",
        "    public.users: deleted 500, inserted 3",
        "2026-11-26 12:10:02Z  transaction 8",
        "    emptied (TRUNCATE) public.a",
        "    rewrote public.b",
        "2026-11-26 12:12:00Z  transaction 9  in shop__kept_20261126t120000z",
        "    dropped what is gone by now: file 16412, 16413",
        "    changed the schema (pg_class, pg_type)",
        "2026-11-26 12:12:00Z  transaction 10",
        "    emptied or rebuilt what is gone by now: file 16420",
        "    changed the schema of public.c (pg_class)",
        "commits that wrote, in 1 min from",
        f"    2026-11-26 12:10Z       40 {'#' * 40}",
        "    2026-11-26 12:11Z        0",
        "    2026-11-26 12:12Z        1 #",
        "not in the log: statements, who, values, reads, unlogged tables, names of what is gone",
    ]


def test_a_long_time_takes_longer_steps() -> None:
    text = history(replace(FOUND, minutes=(*FOUND.minutes, Minute("2026-11-26 22:20:00Z", 5))))
    assert "commits that wrote, in 15 min from" in text
    assert f"    2026-11-26 12:00Z       41 {'#' * 40}" in text
    assert len(text.splitlines()) < 100


def test_what_is_not_shown_is_said() -> None:
    text = history(replace(FOUND, minutes=(), transactions=(), read_until=None, temporary=3, left_out=2))
    assert text.splitlines()[0].endswith("read to no commit")
    assert "2 transactions before are left out: take less time, or more --rows" in text
    assert "no transaction of 100 rows, and none that changed the schema" in text
    assert "3 transactions made or dropped temporary tables, and nothing else" in text
    assert "no commit that wrote" in text
