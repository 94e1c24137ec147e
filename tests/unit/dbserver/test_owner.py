"""Whose servers a stack's are: a state of this machine by a word that lies with it, another by its address."""

import getpass
import socket
from pathlib import Path

import pytest

from dbserver import owner
from dbserver.owner import Owner


def test_a_local_state_gets_a_word_once_and_only_where_something_is_changed(tmp_path: Path) -> None:
    first = owner.of_state(tmp_path, "file://./.state", make=False)
    assert first == Owner("", f"{socket.gethostname()}:{tmp_path / '.state'}", getpass.getuser())
    made = owner.of_state(tmp_path, "file://./.state", make=True)
    assert len(made.token) == 16
    assert owner.of_state(tmp_path, "file://./.state", make=False) == made
    assert owner.of_state(tmp_path, "file://./.state", make=True) == made
    assert (tmp_path / ".state" / "db-server-owner").stat().st_mode & 0o777 == 0o600


def test_clones_that_share_a_state_are_one_owner_and_others_are_not(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    shared = f"file://{tmp_path}/states"
    assert owner.of_state(one, shared, make=True) == owner.of_state(other, shared, make=True)
    assert owner.of_state(one, "s3://b", make=True).same(owner.of_state(other, "s3://b", make=False))
    mine = owner.of_state(one, "file://./.state", make=True)
    for make in (False, True):
        assert not mine.same(owner.of_state(other, "file://./.state", make=make))


def test_a_state_that_was_moved_is_the_same_one(tmp_path: Path) -> None:
    before = owner.of_state(tmp_path / "one", "file://./.state", make=True)
    (tmp_path / "one").rename(tmp_path / "moved")
    after = owner.of_state(tmp_path / "moved", "file://./.state", make=True)
    assert after.same(before)
    assert not after.is_noted(str(before))


@pytest.mark.parametrize("line", ["", "{", "[]", "{}", '{"token": "x"}'])
def test_a_line_that_tells_nobody_is_nobody(line: str) -> None:
    assert owner.parsed(line) is None


def test_an_owner_is_read_back_from_its_line() -> None:
    known = Owner("0a", "here:/srv/a state", "root")
    assert owner.parsed(str(known)) == known
    assert Owner("0a", "here:/srv/a state", "other").is_noted(str(known))
