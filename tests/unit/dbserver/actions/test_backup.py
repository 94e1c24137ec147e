"""backup --all, checkpoint and verify: what a failure of one means for the others, and for a backup."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dbserver import locks
from dbserver.actions import backup
from dbserver.backups import everything, evidence, making, proof
from dbserver.backups.making import Wanted
from dbserver.backups.store import Backup, Store
from dbserver.engine import backend
from dbserver.errors import DbServerError, NotRunningError
from dbserver.postgres.server import Server
from tests.unit.dbserver.actions.test_verbs import DECLARED
from tests.unit.dbserver.backups.test_store import add
from tests.unit.fakes import Failed, Programs

FOUND = [
    {"database": "shop_data", "application": "shop"}, {"database": "blog", "application": "blog"},
    {"database": "Odd/name", "application": None},
]  # fmt: skip
SHOP = {
    "name": "shop", "database": "shop_data", "role": "shop_user", "pool_size": 5, "instances": 2, "redis_database": 1,
    "redis_prefix": "shop:",
}  # fmt: skip


@pytest.fixture
def kept(tmp_path: Path) -> Store:
    return Store(tmp_path / "backups")


@pytest.fixture
def declared(kept: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(backend, "STATE", tmp_path)
    return replace(DECLARED, backup_directory=str(kept.directory))


@pytest.fixture
def server(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """A server with three databases, which are backed up without being dumped; that of blog cannot be."""

    def make(_: Server, kept: Store, wanted: Wanted) -> Backup:
        if wanted.application == "blog":
            raise DbServerError("blog was not backed up: no space left", "make room")
        return add(kept, wanted.application or "odd", datetime.now(UTC))

    programs.answer("json_build_object('version'", json.dumps({"version": "17.5"}))
    programs.answer("FROM dbserver.database", "[]")
    programs.answer("FULL JOIN dbserver.application", json.dumps(FOUND))
    programs.answer("FROM dbserver.application;", json.dumps([SHOP]))
    monkeypatch.setattr(making, "make", make)
    monkeypatch.setattr(everything, "make_globals", lambda _, kept, __: add(kept, "globals", datetime.now(UTC)))
    return programs


@pytest.mark.usefixtures("server")
def test_one_that_fails_is_named_with_its_cause_and_stops_none_of_the_others(declared: Any) -> None:
    told = backup.backup_all(declared, Wanted(""))
    assert [each.subject for each in told.backups] == ["shop", "odd", "globals"]
    assert [(each.subject, each.cause) for each in told.failed] == [("blog", "blog was not backed up: no space left")]
    assert not told.well


def replaced(name: str, days: float, **other: Any) -> dict[str, Any]:
    since = time.time() - days * 24 * 3600
    return {"name": name, "application": "shop", "purpose": "kept", "since": since, "size": 5, **other}


def test_what_restores_replaced_goes_a_week_later_with_the_next_backup_and_nothing_else(
    declared: Any, server: Programs
) -> None:
    rows = [replaced("old", 8), replaced("young", 6), replaced("filling", 8, purpose="restoring")]
    server.answer("FROM dbserver.database", json.dumps(rows))
    server.answer("DROP DATABASE", "")
    assert backup.backup(declared, "shop", Wanted("")).removed == ("old",)
    (dropped,) = server.started("DROP DATABASE")
    assert 'DROP DATABASE IF EXISTS "old";' in dropped.stdin.splitlines()


def test_one_that_somebody_is_in_stays_and_the_backup_is_one(declared: Any, server: Programs) -> None:
    server.answer("FROM dbserver.database", json.dumps([replaced("old", 8)]))
    server.answer("DROP DATABASE", Failed("is being accessed by other users"))
    told = backup.backup(declared, "shop", Wanted(""))
    assert (len(told.backups), told.removed) == (1, ())


def test_nothing_is_removed_where_no_backup_was_made(declared: Any, server: Programs) -> None:
    server.answer("FROM dbserver.application;", json.dumps([{**SHOP, "name": "blog", "database": "blog"}]))
    server.answer("FROM dbserver.database", json.dumps([replaced("old", 8, application="blog")]))
    with pytest.raises(DbServerError):
        backup.backup(declared, "blog", Wanted(""))
    assert not server.started("DROP DATABASE")


@pytest.mark.usefixtures("server")
def test_one_that_is_worked_on_is_one_that_fails(declared: Any) -> None:
    with locks.held("unit.shop", "restore"):
        told = backup.backup_all(declared, Wanted(""))
    assert [each.subject for each in told.failed] == ["shop", "blog"]
    assert "restore" in told.failed[0].cause


def test_a_server_that_does_not_answer_is_told_as_such(declared: Any, programs: Programs) -> None:
    programs.answer("psql", Failed("no such container"))
    with pytest.raises(NotRunningError):
        backup.backup_all(declared, Wanted(""))


def test_a_backup_that_nothing_could_read_is_not_taken_for_a_damaged_one(
    kept: Store, declared: Any, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = add(kept)
    monkeypatch.setattr(proof, "differences", lambda _: [])
    programs.answer("psql", Failed("no such container"))
    with pytest.raises(NotRunningError):
        backup.verify(declared, whole.id)
    assert not evidence.of(whole).damaged


@pytest.mark.usefixtures("programs")
def test_a_backup_whose_bytes_differ_is_known_as_damaged_from_then_on(kept: Store, declared: Any) -> None:
    damaged = add(kept)
    assert backup.verify(declared, damaged.id).faults == ("data/toc.dat is missing",)
    assert evidence.of(damaged).damaged


@pytest.mark.usefixtures("server")
def test_a_checkpoint_that_cannot_be_proved_is_none(declared: Any) -> None:
    with pytest.raises(DbServerError, match=r"is damaged: data/toc.dat is missing"):
        backup.checkpoint(declared, "shop", Wanted(""))
