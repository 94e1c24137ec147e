"""The generated passwords on the host: root's alone, whole or not there, gone with the application."""

import stat
from pathlib import Path

import pytest

from dbserver.docker import host, passwords
from dbserver.docker.passwords import FILE, Passwords
from dbserver.errors import DbServerError
from tests.unit.fakes import Programs

KNOWN = [Passwords("new", "new of redis", 2), Passwords("old", "old of redis", 1)]
IMAGE = "postgres:17"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(host, "direct", lambda: True)
    return tmp_path / "config" / "passwords" / "shop"


@pytest.fixture
def helper(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> Programs:
    monkeypatch.setattr(host, "direct", lambda: False)
    return programs


def test_what_is_written_is_read_and_nobody_else_s(place: Path) -> None:
    passwords.write(str(place), KNOWN, IMAGE)
    assert passwords.read(str(place), IMAGE) == KNOWN
    assert stat.S_IMODE((place / FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    assert [each.name for each in place.iterdir()] == [FILE]


def test_nothing_is_kept_before_anything_is_written_and_after_it_is_forgotten(place: Path) -> None:
    assert passwords.read(str(place), IMAGE) == []
    assert passwords.missing(str(place))
    passwords.forget(str(place), IMAGE)
    passwords.write(str(place), KNOWN, IMAGE)
    assert not passwords.missing(str(place))
    passwords.forget(str(place), IMAGE)
    assert passwords.read(str(place), IMAGE) == []
    assert list(place.parent.iterdir()) == []


@pytest.mark.parametrize("text", ["{", "[1]", '[{"unknown": 1}]', "1"])
def test_what_cannot_be_read_is_told_without_its_text(place: Path, text: str) -> None:
    place.mkdir(parents=True)
    (place / FILE).write_text(text)
    with pytest.raises(DbServerError) as caught:
        passwords.read(str(place), IMAGE)
    assert str(caught.value) == f"the passwords in {place / FILE} cannot be read; mend the file, or remove it"


def test_a_place_that_takes_nothing_is_told(place: Path) -> None:
    place.parent.mkdir(parents=True)
    place.write_text("no directory")
    with pytest.raises(DbServerError, match=rf"passwords cannot be kept in {place}: "):
        passwords.write(str(place), KNOWN, IMAGE)


def test_elsewhere_a_helper_works_and_no_password_is_in_its_arguments(helper: Programs) -> None:
    helper.answer("tar -xpf", "")
    helper.answer("cat ", '[{"postgres": "new", "redis": "new of redis", "version": 2}]')
    helper.answer("rm -rf", "")
    passwords.write("/data/config/passwords/shop", KNOWN, IMAGE)
    assert passwords.read("/data/config/passwords/shop", IMAGE) == KNOWN[:1]
    passwords.forget("/data/config/passwords/shop", IMAGE)
    assert not passwords.missing("/data/config/passwords/shop"), "no helper is started only to look"
    wrote, read, removed = helper.calls
    assert not [word for call in helper.calls for word in call.argv if "new" in word and ".new" not in word]
    assert "new of redis" in wrote.stdin
    assert "/data/config/passwords:/target" in wrote.argv
    assert read.argv[-1] == "/host/data/config/passwords/shop/generated.json"
    assert (removed.argv[-1], "/data/config/passwords:/target" in removed.argv) == ("shop", True)
