"""prune and pin: what is removed, what a failure leaves, and that nothing happens without a rule."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dbserver import locks
from dbserver.actions import keeping
from dbserver.actions.keeping import Wanted
from dbserver.backups import evidence
from dbserver.backups.retention import Rules
from dbserver.backups.store import Backup, Store
from dbserver.errors import DbServerError, LockedError, UsageError
from tests.unit.dbserver.actions.test_verbs import DECLARED
from tests.unit.dbserver.backups.test_store import add
from tests.unit.fakes import Failed, Programs

pytestmark = pytest.mark.usefixtures("state")

LAST = Wanted(Rules(last=1, minimum=1))
DAY = 24 * 3600


@pytest.fixture
def kept(tmp_path: Path) -> Store:
    return Store(tmp_path / "backups")


@pytest.fixture
def declared(kept: Store) -> Any:
    return replace(DECLARED, backup_directory=str(kept.directory))


@pytest.fixture
def backups(kept: Store) -> list[Backup]:
    """Two days of shop, then one of shop-two."""
    days = [datetime(2026, 11, day, tzinfo=UTC) for day in (1, 2)]
    return [*(add(kept, moment=day) for day in days), add(kept, "shop-two", days[0])]


@pytest.fixture
def server(programs: Programs) -> Programs:
    programs.answer("json_build_object('version'", json.dumps({"version": "17.5"}))
    programs.answer("FROM dbserver.application;", "[]")
    programs.answer("FROM dbserver.database", "[]")
    return programs


def names(kept: Store) -> set[str]:
    return {path.name for path in kept.directory.iterdir()}


def replaced(name: str, days: float, application: str = "shop", purpose: str = "kept") -> dict[str, Any]:
    return {"name": name, "application": application, "purpose": purpose, "since": time.time() - days * DAY, "size": 5}


@pytest.mark.usefixtures("server")
def test_what_no_rule_keeps_goes_of_this_application_alone(kept: Store, declared: Any, backups: list[Backup]) -> None:
    told = keeping.prune(declared, "shop", LAST)
    assert [(each.id, each.kept) for each in told.backups] == [(backups[1].id, True), (backups[0].id, False)]
    assert names(kept) == {backups[1].id, backups[2].id}
    assert told.well


@pytest.mark.usefixtures("server")
def test_a_dry_run_says_the_same_and_removes_nothing(kept: Store, declared: Any, backups: list[Backup]) -> None:
    told = keeping.prune(declared, None, replace(LAST, dry_run=True))
    assert {each.id for each in told.backups if not each.kept} == {backups[0].id}
    assert names(kept) == {backup.id for backup in backups}


def test_without_a_rule_nothing_is_even_looked_at(declared: Any, programs: Programs) -> None:
    with pytest.raises(UsageError) as caught:
        keeping.prune(declared, "shop", Wanted(Rules()))
    assert "--keep-last 7" in caught.value.hint
    assert programs.calls == []


@pytest.mark.usefixtures("server")
def test_an_unknown_application_is_a_fault_of_usage(declared: Any) -> None:
    with pytest.raises(UsageError, match="no application shpo"):
        keeping.prune(declared, "shpo", LAST)


@pytest.mark.usefixtures("server")
def test_a_backup_that_is_known_to_be_damaged_takes_no_place(kept: Store, declared: Any, backups: list[Backup]) -> None:
    evidence.note(backups[1], ["a fault"])
    keeping.prune(declared, "shop", LAST)
    assert names(kept) == {backups[0].id, backups[2].id}


@pytest.mark.usefixtures("server")
def test_what_a_killed_run_left_is_removed_and_a_broken_backup_is_not(
    kept: Store, declared: Any, backups: list[Backup]
) -> None:
    left = kept.directory / f".{backups[0].id}.partial"
    left.mkdir()
    broken = backups[0].directory / "manifest.json"
    broken.write_text(broken.read_text()[:-1])
    keeping.prune(declared, "shop", LAST)
    assert names(kept) == {backup.id for backup in backups}


@pytest.mark.usefixtures("server")
def test_one_that_is_worked_on_is_refused_and_among_all_it_stops_no_other(
    declared: Any, kept: Store, backups: list[Backup]
) -> None:
    newer = add(kept, "shop-two")
    with locks.held("unit.shop", "backup"):
        with pytest.raises(LockedError):
            keeping.prune(declared, "shop", LAST)
        with pytest.raises(LockedError):
            keeping.pin(declared, backups[0].id, pinned=True)
        told = keeping.prune(declared, None, LAST)
    assert [each.subject for each in told.failed] == ["shop"]
    assert not told.well
    assert names(kept) == {backups[0].id, backups[1].id, newer.id}


@pytest.mark.usefixtures("backups")
def test_databases_that_were_replaced_long_ago_go_and_no_others(declared: Any, server: Programs) -> None:
    rows = [
        replaced("old", 8), replaced("young", 6), replaced("other", 8, "elsewhere"),
        replaced("filling", 8, purpose="restoring"),
    ]  # fmt: skip
    server.answer("FROM dbserver.database", json.dumps(rows))
    server.answer("DROP DATABASE", "")
    told = keeping.prune(declared, "shop", LAST)
    assert [(each.name, each.kept) for each in told.databases] == [("old", False), ("young", True)]
    assert [call.stdin.splitlines()[1] for call in server.started("DROP DATABASE")] == [
        'DROP DATABASE IF EXISTS "old" WITH (FORCE);'
    ]
    assert {each.name for each in keeping.prune(declared, None, LAST).databases} == {"old", "young", "other"}


@pytest.mark.usefixtures("backups")
def test_a_dry_run_drops_no_database(declared: Any, server: Programs) -> None:
    server.answer("FROM dbserver.database", json.dumps([replaced("old", 8)]))
    keeping.prune(declared, "shop", replace(LAST, dry_run=True))
    assert not server.started("DROP")


def test_without_a_server_backups_are_pruned_all_the_same_and_the_rest_is_told(
    kept: Store, declared: Any, backups: list[Backup], programs: Programs
) -> None:
    programs.answer("psql", Failed("no such container"))
    told = keeping.prune(declared, None, LAST)
    assert names(kept) == {backups[1].id, backups[2].id}
    assert (told.failed, told.well, "no such container" in told.not_seen) == ((), False, True)


@pytest.mark.usefixtures("server")
def test_a_pinned_backup_stays_until_it_is_unpinned(kept: Store, declared: Any, backups: list[Backup]) -> None:
    assert keeping.pin(declared, backups[0].id, pinned=True).pinned
    keeping.prune(declared, "shop", LAST)
    assert names(kept) == {backup.id for backup in backups}
    assert not keeping.pin(declared, backups[0].id, pinned=False).pinned
    keeping.prune(declared, "shop", LAST)
    assert backups[0].id not in names(kept)


def test_a_backup_that_does_not_exist_cannot_be_pinned(declared: Any) -> None:
    with pytest.raises(DbServerError, match="there is no backup x"):
        keeping.pin(declared, "x", pinned=True)
