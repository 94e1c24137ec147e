"""push, prune: what is copied, what ends it, what is noted, what stays."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyrage
import pytest

from dbserver.actions import offsite
from dbserver.backups.retention import Rules
from dbserver.backups.store import Backup, Store
from dbserver.engine import backend
from dbserver.errors import DbServerError, UsageError
from dbserver.offsite import record, setup, targets
from dbserver.offsite.place import Place
from dbserver.offsite.setup import Setup
from tests.unit.dbserver.actions.test_verbs import DECLARED
from tests.unit.dbserver.offsite.memory import Memory, made

NOW = datetime.now(UTC).replace(microsecond=0)
PLACE = Place("file:///copies", recipients=(str(pyrage.x25519.Identity.generate().to_public()),))
SETUP = Setup("config: {}", "{}", "geheim")


@pytest.fixture(autouse=True)
def _state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(backend, "STATE", tmp_path / "state")
    monkeypatch.setattr(setup, "read", lambda _: SETUP)


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Memory:
    made = Memory()

    @contextmanager
    def opened(_: Place) -> Iterator[Memory]:
        yield made

    monkeypatch.setattr(targets, "opened", opened)
    return made


@pytest.fixture
def kept(tmp_path: Path) -> Store:
    return Store(tmp_path / "backups")


@pytest.fixture
def declared(kept: Store) -> Any:
    return replace(DECLARED, backup_directory=str(kept.directory), offsite=PLACE)


@pytest.fixture
def backups(kept: Store) -> list[Backup]:
    return [made(kept, {"data": b"rows"}, NOW - timedelta(days=days)) for days in (3, 2, 1)]


def with_rules(declared: Any, **rules: int) -> Any:
    return replace(declared, offsite=replace(PLACE, keep=Rules(**rules)))


def push(declared: Any) -> Any:
    return offsite.push(declared, lambda _: None)


def subjects(result: Any) -> list[str]:
    return [name.rpartition("_")[0] for name in result.pushed]


def test_the_setup_goes_first_and_again_only_when_it_has_changed(
    declared: Any, there: Memory, backups: list[Backup], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert subjects(push(declared)) == ["server.setup", *[each.manifest.subject for each in backups]]
    assert push(declared).pushed == ()
    monkeypatch.setattr(setup, "read", lambda _: replace(SETUP, state='{"version": 3}'))
    monkeypatch.setattr(offsite, "datetime", Later)
    assert subjects(push(declared)) == ["server.setup"]
    assert not [content for content in there.objects.values() if b"geheim" in content]


class Later(datetime):
    """An hour later."""

    @classmethod
    def now(cls, tz: Any = None) -> "Later":
        return cls.fromtimestamp((NOW + timedelta(hours=1)).timestamp(), tz)


def test_what_is_wrong_with_one_backup_concerns_no_other(declared: Any, there: Memory, backups: list[Backup]) -> None:
    (backups[0].directory / "data").write_bytes(b"sows")
    result = push(declared)
    assert [each.subject for each in result.failed] == [backups[0].id]
    assert [name for name in result.pushed if not name.startswith("server.")] == [each.id for each in backups[1:]]
    assert not [name for name in there.objects if backups[0].id in name]
    assert not record.state("unit", PLACE.url, [], NOW).well


def test_what_is_wrong_with_the_place_ends_it(declared: Any, there: Memory, backups: list[Backup]) -> None:
    there.left = 2  # the setup and its list
    result = push(declared)
    assert [(each.subject, "2 more were not tried" in each.cause) for each in result.failed] == [(backups[0].id, True)]


def test_a_place_that_cannot_be_opened_is_noted_too(declared: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(_: Place) -> Any:
        raise UsageError("bucket copies refuses these credentials", "offsite.credentialsFile")

    monkeypatch.setattr(targets, "opened", closed)
    with pytest.raises(UsageError):
        push(declared)
    last = record.state(declared.stack, PLACE.url, [], NOW).last
    assert last
    assert last.failed == ("offsite: bucket copies refuses these credentials",)


def test_a_setup_that_cannot_be_read_fails_the_push_and_the_backups_go_all_the_same(
    declared: Any, there: Memory, backups: list[Backup], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unread(_: str) -> Setup:
        raise DbServerError("pulumi is not on PATH")

    monkeypatch.setattr(setup, "read", unread)
    result = push(declared)
    assert [each.subject for each in result.failed] == ["server.setup"]
    assert len(result.pushed) == len(backups)
    assert there.objects


def test_pruned_copies_do_not_come_back(declared: Any, there: Memory, backups: list[Backup]) -> None:
    push(declared)
    declared = with_rules(declared, last=1, minimum=1)
    before = dict(there.objects)
    dry = offsite.prune(declared, dry_run=True)
    assert len([each for each in dry.copies if not each.kept]) == 2
    assert there.objects == before
    offsite.prune(declared, dry_run=False)
    left = {name.split("/")[1] for name in there.objects}
    assert {name for name in left if not name.startswith("server.")} == {backups[-1].id}
    assert push(declared).pushed == ()


def test_the_copy_of_a_pinned_backup_stays(declared: Any, there: Memory, backups: list[Backup], kept: Store) -> None:
    push(declared)
    kept.pin(backups[0], pinned=True)
    offsite.prune(with_rules(declared, last=1, minimum=1), dry_run=False)
    assert [name for name in there.objects if backups[0].id in name]


def test_what_was_begun_is_removed_once_its_backup_is_gone(
    declared: Any, there: Memory, backups: list[Backup], kept: Store
) -> None:
    there.left = 3
    push(declared)
    begun = f"unit/{backups[0].id}/manifest.age"
    assert begun in there.objects
    offsite.prune(with_rules(declared, last=9), dry_run=False)
    assert begun in there.objects, "the next push goes on with it"
    kept.remove(backups[0])
    offsite.prune(with_rules(declared, last=9), dry_run=False)
    assert begun not in there.objects


def test_nothing_is_pruned_without_a_rule(declared: Any, there: Memory, backups: list[Backup]) -> None:
    push(declared)
    with pytest.raises(UsageError, match="no rule"):
        offsite.prune(declared, dry_run=False)
    assert [name for name in there.objects if backups[0].id in name]


def test_a_stack_that_says_no_place_is_told_so() -> None:
    with pytest.raises(UsageError, match="no place for copies"):
        offsite.listed(DECLARED)
