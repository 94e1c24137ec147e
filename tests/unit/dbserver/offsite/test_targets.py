"""What all places have in common, and a directory of another disk."""

from pathlib import Path

import pytest

from dbserver.errors import DbServerError, UsageError
from dbserver.offsite import targets
from dbserver.offsite.place import Place
from tests.unit.fakes import Clock


def place(root: Path) -> Place:
    return Place(f"file://{root}")


def test_objects_are_put_listed_got_and_removed(tmp_path: Path) -> None:
    with targets.opened(place(tmp_path)) as target:
        target.put("unit/a/1.age", b"one")
        target.put("unit/a/1.age", b"two")
        target.put("unit/b/1.age", b"")
        assert target.names("unit") == {"a/1.age": 3, "b/1.age": 0}
        assert target.names("other") == {}
        assert target.get("unit/a/1.age") == b"two"
        target.remove("unit/a/1.age")
        target.remove("unit/a/1.age")
        assert target.names("unit") == {"b/1.age": 0}
        assert not (tmp_path / "unit" / "a").exists()


def test_what_was_interrupted_is_no_object_and_goes_with_the_last_one(tmp_path: Path) -> None:
    with targets.opened(place(tmp_path)) as target:
        target.put("unit/a/1.age", b"one")
        (tmp_path / "unit" / "a" / "2.age.partial").write_bytes(b"on")
        assert target.names("unit") == {"a/1.age": 3}
        target.remove("unit/a/1.age")
        assert list(tmp_path.rglob("a")) == []


def test_an_object_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    with targets.opened(place(tmp_path)) as target, pytest.raises(DbServerError, match=r"unit/1\.age is missing"):
        target.get("unit/1.age")


def test_a_directory_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no directory"), targets.opened(place(tmp_path / "disk")):
        pass
    assert not (tmp_path / "disk").exists()


@pytest.mark.parametrize("wanted", [Place("s3://x", credentials_file="/none"), Place("s3://x", known_hosts="/none")])
def test_a_file_that_cannot_be_read_is_named_before_anything_is_asked(wanted: Place) -> None:
    with pytest.raises(UsageError, match="none cannot be read"), targets.opened(wanted):
        pass


@pytest.mark.parametrize("url", ["", "ftp://x", "sftp://a:geheim@nas/db"])
def test_a_url_that_is_none_is_told_without_repeating_it(url: str) -> None:
    with pytest.raises(UsageError, match=r"offsite\.url") as refused, targets.opened(Place(url)):
        pass
    assert "geheim" not in str(refused.value)


def test_blocks_come_as_fast_as_the_bandwidth_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(targets, "time", clock)
    began = clock.monotonic()
    content = bytes(targets.BLOCK_BYTES * 3 + 1)
    assert b"".join(targets.paced(content, targets.BLOCK_BYTES)) == content
    assert clock.monotonic() - began == pytest.approx(3, abs=0.1)
    assert b"".join(targets.paced(content, 0)) == content
