"""Which backup somebody means, and that none of another application is ever taken for it."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dbserver.backups.choosing import choose, stamped
from dbserver.backups.store import Backup, Store
from dbserver.errors import UsageError
from tests.unit.dbserver.backups.test_store import MOMENT, add


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A directory of backups, on a clock that is an hour before UTC's."""
    monkeypatch.setenv("TZ", "UTC-1")
    time.tzset()
    monkeypatch.chdir(tmp_path)
    yield Store(tmp_path / "backups")
    monkeypatch.undo()
    time.tzset()


def chosen(kept: Store, text: str) -> str:
    found = choose(kept, "shop", text)
    assert isinstance(found, Backup)
    return found.id


def test_the_latest_is_the_application_s_own(kept: Store) -> None:
    newest, _ = add(kept), add(kept, moment=MOMENT.replace(day=1))
    add(kept, "shop-two", MOMENT.replace(day=30))
    assert chosen(kept, "latest") == newest.id


def test_an_application_without_a_backup_is_told_so(kept: Store) -> None:
    add(kept)
    with pytest.raises(UsageError, match=f"shop-two has no backup in {kept.directory}") as fault:
        choose(kept, "shop-two", "latest")
    assert fault.value.hint == "./scripts/dbserver backups shop-two"


def test_a_backup_is_known_by_its_id_and_by_its_directory(kept: Store) -> None:
    one = add(kept)
    assert chosen(kept, one.id) == one.id
    assert chosen(kept, f"backups/{one.id}/") == one.id
    assert chosen(kept, str(one.directory)) == one.id


@pytest.mark.parametrize("form", ["{}", "backups/{}"])
def test_another_application_s_backup_is_refused(kept: Store, form: str) -> None:
    other = add(kept, "shop-two")
    with pytest.raises(UsageError, match=f"{other.id} is a backup of shop-two, not of shop") as fault:
        choose(kept, "shop", form.format(other.id))
    assert fault.value.hint == "./scripts/dbserver backups shop"


def test_the_documented_name_is_the_newest_of_that_day_by_the_operator_s_clock(kept: Store) -> None:
    late = MOMENT.replace(hour=23, minute=30)  # the 24th there
    _, newest = add(kept), add(kept, moment=MOMENT.replace(hour=15))
    next_day = add(kept, moment=late)
    assert chosen(kept, "backups/shop_2026-11-23.sql") == newest.id
    assert chosen(kept, "shop_2026-11-24.sql") == next_day.id
    with pytest.raises(UsageError, match="shop has no backup of 2026-11-25"):
        choose(kept, "shop", "backups/shop_2026-11-25.sql")


@pytest.mark.parametrize("directory", ["/mnt/usb", "old/backups", "..", "backups/.."])
def test_a_documented_name_in_another_directory_is_a_file_that_is_missing(kept: Store, directory: str) -> None:
    add(kept)
    with pytest.raises(UsageError, match=rf"there is no file {directory}/shop_2026-11-23\.sql"):
        choose(kept, "shop", f"{directory}/shop_2026-11-23.sql")


def test_the_documented_name_may_stand_with_the_backup_directory_s_own_path(kept: Store) -> None:
    newest = add(kept)
    elsewhere = Store(kept.directory.rename(kept.directory.with_name("elsewhere")))
    for directory in (elsewhere.directory, "elsewhere", "backups", "."):
        found = choose(elsewhere, "shop", f"{directory}/shop_2026-11-23.sql")
        assert isinstance(found, Backup)
        assert found.id == newest.id


def test_a_file_that_exists_is_meant_before_the_documented_name(kept: Store) -> None:
    add(kept)
    file = Path("shop_2026-11-23.sql")
    file.touch()
    assert choose(kept, "shop", str(file)) == file
    directory = Path("elsewhere")
    directory.mkdir()
    assert choose(kept, "shop", "elsewhere") == directory


@pytest.mark.parametrize("text", ["shop-two_2026-11-23.sql", "none", "shop_2026-11-23.sql.gz"])
def test_what_is_no_file_and_no_backup_of_the_application_is_refused(kept: Store, text: str) -> None:
    add(kept)
    with pytest.raises(UsageError, match="there is no backup"):
        choose(kept, "shop", text)


def test_a_backup_s_name_says_when_it_was_made() -> None:
    assert stamped("shop_2026-11-23T14-05-07Z") == datetime(2026, 11, 23, 14, 5, 7, tzinfo=UTC)
    assert stamped("server.globals_of_all_2026-11-23T14-05-07Z") == datetime(2026, 11, 23, 14, 5, 7, tzinfo=UTC)
    assert stamped("shop_2026-11-23") is None
