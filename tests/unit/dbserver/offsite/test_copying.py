"""A copy made, interrupted, finished and read back."""

from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbserver.backups import manifest as manifests
from dbserver.backups import proof
from dbserver.backups.manifest import Part
from dbserver.backups.store import Backup, Store
from dbserver.engine import backend
from dbserver.errors import DbServerError, UsageError
from dbserver.offsite import copies, copying, fetching
from dbserver.offsite.copying import Depot, cut, item
from dbserver.offsite.place import Place
from tests.unit.dbserver.offsite.memory import Memory, made

CHUNK = 10


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(copying, "CHUNK_BYTES", CHUNK)
    monkeypatch.setattr(backend, "STATE", tmp_path / "state")


@pytest.fixture
def backup(tmp_path: Path) -> Backup:
    """A backup of 26 bytes in three files, one of them empty: three chunks."""
    return made(Store(tmp_path / "backups"), {"data/a": b"0123456789abcde", "data/b": b"", "c": b"fghijklmnop"})


def names(depot: Depot) -> list[str]:
    return sorted(depot.target.names(depot.stack))


def test_a_copy_is_chunks_that_are_encrypted_and_their_list_last(depot: Depot, backup: Backup) -> None:
    depot.push(item(backup), {})
    assert isinstance(depot.target, Memory)
    assert [name.rpartition("/")[2] for name in depot.target.objects] == [
        "manifest.age", "000001.age", "000002.age", "000003.age", "copy.json",
    ]  # fmt: skip
    for name, content in depot.target.objects.items():
        assert content.startswith(b"age-encryption.org/v1") or name.endswith("copy.json")
        assert b"data/a" not in content


def test_a_copy_comes_back_byte_by_byte(depot: Depot, backup: Backup, identity: Path, tmp_path: Path) -> None:
    depot.push(item(backup), {})
    other = Store(tmp_path / "other")
    found = fetching.fetch(depot, fetching.chosen(depot, backup.id), identity, other)
    assert manifests.render(found.manifest) == manifests.render(backup.manifest)
    assert proof.differences(found) == []
    assert fetching.faults(depot, backup.id, depot.listed()[backup.id], identity, read=True) == []
    with pytest.raises(UsageError, match="already"):
        fetching.fetch(depot, fetching.chosen(depot, backup.id), identity, other)


@pytest.mark.parametrize("arrived", range(5))
def test_an_interrupted_push_sends_no_object_twice(depot: Depot, backup: Backup, identity: Path, arrived: int) -> None:
    assert isinstance(depot.target, Memory)
    depot.target.left = arrived
    with pytest.raises(DbServerError, match="full"):
        depot.push(item(backup), {})
    assert f"{backup.id}/copy.json" not in names(depot)
    before = dict(depot.target.objects)
    depot.target.left = 5 - arrived
    depot.push(item(backup), depot.listed().get(backup.id, {}))
    assert {name: depot.target.objects[name] for name in before} == before
    assert fetching.faults(depot, backup.id, depot.listed()[backup.id], identity, read=True) == []


def test_what_others_could_not_open_is_sent_again_for_them(depot: Depot, backup: Backup, tmp_path: Path) -> None:
    assert isinstance(depot.target, Memory)
    depot.target.left = 2
    with pytest.raises(DbServerError):
        depot.push(item(backup), {})
    other = pyrage.x25519.Identity.generate()
    (tmp_path / "other.txt").write_text(f"{other}\n")
    changed = Depot(depot.target, "unit", Place("memory", recipients=(str(other.to_public()),)))
    depot.target.left = 100
    changed.push(item(backup), changed.listed()[backup.id])
    there = changed.listed()[backup.id]
    assert fetching.faults(changed, backup.id, there, tmp_path / "other.txt", read=True) == []


@pytest.mark.parametrize("name", ["manifest.age", "000002.age", "copy.json"])
def test_a_damaged_object_is_named_and_nothing_of_it_is_kept(
    depot: Depot, backup: Backup, identity: Path, tmp_path: Path, name: str
) -> None:
    depot.push(item(backup), {})
    assert isinstance(depot.target, Memory)
    path = f"unit/{backup.id}/{name}"
    content = bytearray(depot.target.objects[path])
    content[len(content) // 2] ^= 1
    depot.target.objects[path] = bytes(content)
    found = fetching.faults(depot, backup.id, depot.listed()[backup.id], identity, read=True)
    assert len(found) == 1
    assert f"{backup.id}/{name}" in found[0]
    with pytest.raises(DbServerError, match="damaged"):
        fetching.fetch(depot, fetching.chosen(depot, backup.id), identity, Store(tmp_path / "other"))
    assert list((tmp_path / "other").glob("*")) == []


def test_a_copy_that_was_swapped_for_another_is_not_taken(depot: Depot, backup: Backup, identity: Path) -> None:
    """Who may write there knows the public keys, and may encrypt what he likes: but not under checksums of ours."""
    depot.push(item(backup), {})
    assert isinstance(depot.target, Memory)
    depot.target.objects[f"unit/{backup.id}/000001.age"] = depot.target.objects[f"unit/{backup.id}/000002.age"]
    assert fetching.faults(depot, backup.id, depot.listed()[backup.id], None, read=True) != []
    assert fetching.faults(depot, backup.id, depot.listed()[backup.id], identity, read=True) != []


def test_a_backup_that_is_damaged_here_is_not_copied(depot: Depot, backup: Backup) -> None:
    (backup.directory / "c").write_bytes(b"fghijklmnoq")
    with pytest.raises(DbServerError, match="damaged"):
        depot.push(item(backup), {})
    assert names(depot) == []


def test_removing_a_copy_removes_its_list_first(depot: Depot, backup: Backup) -> None:
    depot.push(item(backup), {})
    removed: list[str] = []

    class Noting(Memory):
        def remove(self, name: str) -> None:
            removed.append(name.rpartition("/")[2])
            super().remove(name)

    assert isinstance(depot.target, Memory)
    noting = Depot(Noting(depot.target.objects), "unit", depot.place)
    noting.remove(backup.id, noting.listed()[backup.id])
    assert removed[0] == copies.FILE
    assert names(noting) == []


@given(st.lists(st.binary(max_size=12)), st.integers(1, 7))
def test_any_parts_are_cut_from_any_chunks_as_they_were(contents: list[bytes], size: int) -> None:
    parts = [Part(str(number), len(content), "") for number, content in enumerate(contents)]
    stream = b"".join(contents)
    chunks: Iterator[bytes] = (stream[start : start + size] for start in range(0, len(stream), size))
    found: dict[str, bytes] = {}
    for part, block in cut(parts, chunks):
        found[part.path] = found.get(part.path, b"") + block
    assert list(found.values()) == contents
