"""upgrade: what is asked for, what is confirmed, what is printed, how it ends."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dbserver.actions import rehearsal
from dbserver.actions import upgrade as act
from dbserver.cli.render import upgrades as render_upgrades
from dbserver.errors import Exit
from dbserver.major import Wanted
from dbserver.results.upgrades import MovedDatabase, Rehearsal, RehearsedDatabase, Upgraded, UpgradeUndone
from tests.unit.dbserver.cli.test_main import Run, run

__all__ = ["run"]

SHOP = RehearsedDatabase("shop", "shop_1", 7200, 3.5, 1003, (), ("extension pg_trgm 1.6 is 1.7 there",), "")
WELL = Rehearsal("dev", "17.6", "postgres:18", "18.1", (SHOP,), ("shop__old_1",), (), 12.0)
ILL = replace(
    SHOP, missing_extensions=("postgis",), differences=(), fault="the server's image lacks extensions: postgis"
)
DONE = Upgraded(
    "dev", "postgres:18", "18.1", (MovedDatabase("shop", "shop_2", 1003, 4.0, ()),), "/data/postgres.17-1", 20.0, 25.0
)
UNDONE = UpgradeUndone("dev", "postgres:17", "17.6", "/data/postgres.18-1", 8.0)


@pytest.fixture
def acted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Record what was asked for; answer with a success."""
    asked: list[tuple[Any, ...]] = []

    def answer(module: Any, name: str, result: Any) -> None:
        def act(_: Any, *arguments: Any) -> Any:
            asked.append((name, *arguments[:-1]))
            return result

        monkeypatch.setattr(module, name, act)

    answer(rehearsal, "rehearse", WELL)
    answer(act, "upgrade", DONE)
    answer(act, "roll_back", UNDONE)
    return asked


def test_a_rehearsal_asks_nothing(run: Run, acted: list[tuple[Any, ...]]) -> None:
    assert run("upgrade", "postgres", "--to", "18", "--rehearse", "--identity", "key", "--jobs", "4") == 0
    assert acted == [("rehearse", Wanted(18, "", Path("key"), 4))]


def test_a_rehearsal_that_failed_ends_with_1(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "rehearse", lambda *_: replace(WELL, databases=(ILL,)))
    assert run("upgrade", "postgres", "--to", "18", "--rehearse") == 1


@pytest.mark.parametrize("flags", [("--to", "18"), ("--to", "18", "--confirm", "redis"), ("--rollback",)])
def test_what_is_not_confirmed_is_refused(run: Run, acted: list[tuple[Any, ...]], flags: tuple[str, ...]) -> None:
    assert run("upgrade", "postgres", *flags) == Exit.REFUSED
    assert acted == []


def test_what_is_confirmed_is_done_with_the_flags_that_were_given(run: Run, acted: list[tuple[Any, ...]]) -> None:
    confirm = ("--confirm", "postgres")
    assert run("upgrade", "postgres", "--to", "18", *confirm) == 0
    assert run("upgrade", "postgres", "--to", "18", *confirm, "--unrehearsed", "--disconnect-applications") == 0
    assert run("upgrade", "postgres", "--rollback", *confirm, "--image", "postgres:17.5") == 0
    assert acted == [
        ("upgrade", Wanted(18), act.How(override=False, unrehearsed=False)),
        ("upgrade", Wanted(18), act.How(override=True, unrehearsed=True)),
        ("roll_back", "postgres:17.5", act.How(override=False, unrehearsed=False)),
    ]


@pytest.mark.parametrize("flags", [(), ("--to", "18", "--rollback"), ("--rollback", "--rehearse")])
def test_one_direction_is_needed_and_not_both(run: Run, acted: list[tuple[Any, ...]], flags: tuple[str, ...]) -> None:
    assert run("upgrade", "postgres", *flags) == Exit.USAGE
    assert acted == []


def test_a_rehearsal_tells_rows_age_duration_and_what_is_another_there() -> None:
    assert render_upgrades.rehearsal(WELL).splitlines() == [
        "shop: 1003 rows of shop_1, 2 h 0 min old, in 3.5 s",
        "shop: extension pg_trgm 1.6 is 1.7 there",
        "shop__old_1: stands beside the applications' own; the upgrade moves it",
        "PostgreSQL 17.6 can become 18.1 (postgres:18): 12 s; nothing was changed",
        "to do it: ./scripts/dbserver upgrade postgres --to 18",
    ]


def test_a_rehearsal_that_failed_names_the_extension_and_every_fault() -> None:
    found = replace(WELL, databases=(ILL,), not_rehearsed=(), faults=("there is no backup of the roles",))
    assert render_upgrades.rehearsal(found).splitlines() == [
        "shop: the image lacks extensions: postgis",
        "FAILED shop: the server's image lacks extensions: postgis",
        "FAILED there is no backup of the roles",
        "PostgreSQL 17.6 CANNOT become postgres:18: 12 s; nothing was changed",
    ]


def test_an_upgrade_tells_how_long_nobody_could_write_and_the_way_back() -> None:
    assert render_upgrades.upgraded(DONE).splitlines() == [
        "shop: 1003 rows as shop_2, 4.0 s",
        "PostgreSQL is 18.1 now (postgres:18); 25 s in all",
        "nobody could write for 20 s",
        "kept: /data/postgres.17-1; back to it: ./scripts/dbserver upgrade postgres --rollback",
        "when it is needed no more: sudo rm -r /data/postgres.17-1",
    ]


def test_an_upgrade_that_was_only_finished_tells_no_figures_of_the_first_run() -> None:
    said = render_upgrades.upgraded(replace(DONE, databases=(), kept=""))
    assert "nobody could write" not in said
    assert said.endswith("--rollback")


def test_an_undone_upgrade_tells_where_the_newer_data_is() -> None:
    assert render_upgrades.undone(UNDONE).splitlines() == [
        "PostgreSQL is 17.6 again (postgres:17); 8.0 s in all",
        "kept, with what was written since: /data/postgres.18-1",
    ]
    assert len(render_upgrades.undone(replace(UNDONE, kept="")).splitlines()) == 1
