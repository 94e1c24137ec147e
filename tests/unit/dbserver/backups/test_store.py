"""The backup directory: what is listed, what is broken, what was found out about a backup."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dbserver.actions.backups import backups
from dbserver.backups import evidence, manifest, store
from dbserver.backups.store import Backup, Store
from dbserver.errors import DbServerError, UsageError
from tests.unit.dbserver.actions.test_verbs import DECLARED
from tests.unit.dbserver.backups.test_manifest import made

MOMENT = datetime(2026, 11, 23, 14, 5, 7, tzinfo=UTC)


@pytest.fixture
def kept(tmp_path: Path) -> Store:
    return Store(tmp_path / "backups")


def add(kept: Store, subject: str = "shop", moment: datetime = MOMENT) -> Backup:
    with kept.new(subject, moment) as partial:
        started = moment.isoformat()
        return kept.finish(partial, replace(made(application=subject, started=started), id=store.final_name(partial)))


def test_backups_are_listed_oldest_first_and_broken_ones_by_name(kept: Store) -> None:
    newer, older = add(kept), add(kept, moment=MOMENT.replace(day=1))
    broken = add(kept, "shop-two")
    (broken.directory / manifest.FILE).write_bytes((broken.directory / manifest.FILE).read_bytes()[:-1] + b"\r")
    (kept.directory / "something else").mkdir()
    (kept.directory / ".hidden").mkdir()
    assert [backup.id for backup in kept.backups()] == [older.id, newer.id]
    assert [name for name, backup in kept.each() if backup is None] == [broken.id]
    assert kept.of("shop-two") == []
    told = backups(replace(DECLARED, backup_directory=str(kept.directory)), None)
    assert ([each.id for each in told.backups], told.broken) == ([older.id, newer.id], (broken.id,))
    told = backups(replace(DECLARED, backup_directory=str(kept.directory)), "shop-two")
    assert (told.backups, told.broken) == ((), ())


def test_a_backup_under_another_name_is_broken(kept: Store) -> None:
    moved = add(kept)
    moved.directory.rename(kept.directory / "renamed")
    assert list(kept.each()) == [("renamed", None)]
    with pytest.raises(DbServerError, match=f"its manifest is that of {moved.id}"):
        kept.one("renamed")


@pytest.mark.parametrize("name", ["", ".", "..", "../backups", ".hidden", "a/b", "none"])
def test_what_is_no_name_of_a_backup_is_none(kept: Store, name: str) -> None:
    add(kept).directory.rename(kept.directory / ".hidden")
    with pytest.raises(UsageError, match="there is no backup"):
        kept.one(name)


def test_a_backup_is_known_by_the_path_that_was_printed_of_it(kept: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    made_now = add(kept)
    assert kept.one(str(made_now.directory)).id == made_now.id
    assert kept.one(f"{made_now.directory}/").id == made_now.id
    monkeypatch.chdir(kept.directory.parent)
    assert kept.one(f"{kept.directory.name}/{made_now.id}").id == made_now.id
    with pytest.raises(UsageError, match="there is no backup"):
        kept.one(f"elsewhere/{made_now.id}")


def test_a_directory_that_does_not_exist_holds_none(kept: Store) -> None:
    assert list(kept.each()) == []


def test_a_backup_that_is_removed_is_gone_and_the_others_stay(kept: Store) -> None:
    one, other = add(kept), add(kept)
    assert one.id != other.id
    kept.remove(one)
    assert [path.name for path in kept.directory.iterdir()] == [other.id]


def test_a_pin_is_seen(kept: Store) -> None:
    made_now = add(kept)
    kept.pin(made_now, pinned=True)
    assert kept.one(made_now.id).pinned
    kept.pin(made_now, pinned=False)
    assert not kept.one(made_now.id).pinned


def test_what_the_last_look_found_is_known_and_no_part_of_the_backup(kept: Store) -> None:
    backup = add(kept)
    assert evidence.of(backup) == evidence.Evidence("", damaged=False)
    evidence.note(backup, [f"fault {number}" for number in range(100)])
    assert evidence.of(backup) == evidence.Evidence("", damaged=True)
    evidence.note(backup, [])
    found = evidence.of(backup)
    assert (found.verified[:2], found.damaged) == ("20", False)
    assert (backup.directory / store.VERIFIED).stat().st_mode & 0o777 == 0o600
    assert store.parts(backup.directory) == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"at": ', "\xff"])
def test_a_note_that_cannot_be_read_says_nothing(kept: Store, text: str) -> None:
    backup = add(kept)
    (backup.directory / store.VERIFIED).write_bytes(text.encode("latin-1"))
    assert evidence.of(backup) == evidence.Evidence("", damaged=False)


def test_a_proof_that_cannot_be_noted_is_an_error_and_faults_are_told_without_it(kept: Store) -> None:
    backup = add(kept)
    (backup.directory / store.VERIFIED).mkdir()
    with pytest.raises(DbServerError, match="cannot be written"):
        evidence.note(backup, [])
    evidence.note(backup, ["a fault"])
