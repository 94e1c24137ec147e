"""Damaged backups, many of them: whatever byte is cut or changed, none is taken for a good one."""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dbserver.backups import proof
from dbserver.backups.manifest import FILE
from dbserver.backups.store import Backup, Store
from dbserver.errors import DbServerError
from tests.support.lending import Lent
from tests.support.shop import ENTRIES, SHOP, as_role, backed_up, backups

SHORT, LONG = 60, 600
REGIONS = 16


@pytest.fixture(scope="module")
def real(lent: Lent, tmp_path_factory: pytest.TempPathFactory) -> Backup:
    """A real backup in a directory of its own, which the tests damage and mend."""
    as_role(lent.admit(*ENTRIES), SHOP)
    made = backed_up(lent)
    directory = tmp_path_factory.mktemp("store")
    shutil.copytree(backups(lent) / made, directory / made)
    return Store(directory).one(made)


def accepted(backup: Backup) -> bool:
    """True where the store takes the directory for a backup, and every byte of it for that which was written."""
    store = Store(backup.directory.parent)
    try:
        found = store.one(backup.id)
        listed = [each.id for each in store.backups()] == [backup.id]
        return listed and not proof.differences(found)
    except DbServerError:
        return False


def files(backup: Backup) -> list[Path]:
    return sorted(path for path in backup.directory.rglob("*") if path.is_file())


def damaged(content: bytes, kind: str, place: int, length: int, chance: random.Random) -> bytes:
    """Return a file's content with a region of it damaged."""
    before, region, after = content[:place], content[place : place + length], content[place + length :]
    wrong = {
        "cut from here": b"",
        "cut out": after,
        "zeroed": bytes(len(region)) + after,
        "doubled": region * 2 + after,
        "a bit flipped": bytes([region[0] ^ 1 << chance.randrange(8)]) + region[1:] + after if region else after,
        "a byte more": b"\0" + region + after,
        "noise": chance.randbytes(len(region)) + after,
    }
    return before + wrong[kind]


KINDS = ("cut from here", "cut out", "zeroed", "doubled", "a bit flipped", "a byte more", "noise")


def regions(backup: Backup, number: int) -> Iterator[tuple[Path, str, int, int]]:
    """Return at least so many damages: of every file each region, of every kind, in turn."""
    chance, kinds = random.Random(4711), list(KINDS)
    found = 0
    while found < number:
        for path in files(backup):
            size = path.stat().st_size
            for region in range(min(REGIONS, size)):
                start, end = size * region // REGIONS, max(size * (region + 1) // REGIONS, size * region // REGIONS + 1)
                place = chance.randrange(start, end)
                yield path, kinds[(found + region) % len(kinds)], place, chance.randint(1, max(1, end - place))
                found += 1


def assert_none_accepted(backup: Backup, number: int) -> None:
    chance, tried, wrong = random.Random(42), 0, []
    for path, kind, place, length in regions(backup, number):
        good = path.read_bytes()
        bad = damaged(good, kind, place, length, chance)
        if bad == good:  # zeroes that were zeroes
            continue
        path.write_bytes(bad)
        tried += 1
        if accepted(backup):
            wrong.append(f"{path.name}: {kind} at {place}, {length} bytes")
        path.write_bytes(good)
    assert accepted(backup)
    assert tried >= number * 9 // 10
    assert wrong == []


@pytest.mark.full
def test_no_damaged_backup_is_accepted(real: Backup) -> None:
    assert_none_accepted(real, SHORT)


@pytest.mark.full
def test_no_damaged_backup_of_hundreds_is_accepted(real: Backup) -> None:
    assert_none_accepted(real, LONG)


def test_no_other_byte_of_a_manifest_is_accepted(real: Backup) -> None:
    path = real.directory / FILE
    good = path.read_bytes()

    @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.integers(0, len(good) - 1), st.integers(0, 255))
    def changed(place: int, byte: int) -> None:
        bad = good[:place] + bytes([byte]) + good[place + 1 :]
        path.write_bytes(bad)
        assert accepted(real) == (bad == good)

    try:
        changed()
    finally:
        path.write_bytes(good)


@pytest.mark.parametrize("ending", [b"\r", b"\r\n"], ids=["old Mac", "Windows"])
def test_a_manifest_with_other_ends_of_lines_is_not_the_one_that_was_written(real: Backup, ending: bytes) -> None:
    path = real.directory / FILE
    good = path.read_bytes()
    try:
        path.write_bytes(good.replace(b"\n", ending))
        assert not accepted(real)
    finally:
        path.write_bytes(good)


def test_a_file_too_many_and_one_too_few_are_seen(real: Backup) -> None:
    for path in files(real):
        aside = real.directory.parent / "aside"
        path.rename(aside)
        assert not accepted(real)
        aside.rename(path)
    for name in ("more", "data/more", "data/deeper/more"):
        more = real.directory / name
        more.parent.mkdir(exist_ok=True)
        more.touch()
        assert not accepted(real)
        more.unlink()
    assert accepted(real)


def test_two_parts_that_have_changed_places_are_seen(real: Backup) -> None:
    parts = [path for path in files(real) if path.name != FILE]
    one, other = parts[0], parts[-1]
    contents = one.read_bytes(), other.read_bytes()
    one.write_bytes(contents[1])
    other.write_bytes(contents[0])
    assert not accepted(real)
    one.write_bytes(contents[0])
    other.write_bytes(contents[1])
    assert accepted(real)
