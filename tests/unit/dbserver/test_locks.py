"""One operation at a time: the second is refused and told who is at work."""

import os
from pathlib import Path

import pytest

from dbserver import locks
from dbserver.errors import Exit, LockedError


def test_a_second_operation_is_refused_at_once_and_told_who_is_at_work(tmp_path: Path) -> None:
    with (
        locks.held(tmp_path, "dev", "start"),
        pytest.raises(LockedError) as caught,
        locks.held(tmp_path, "dev", "stop"),
    ):
        pytest.fail("two operations held the lock")
    assert caught.value.message == f"start (pid {os.getpid()}) is at work on stack dev"
    assert caught.value.exit_code == Exit.LOCKED
    assert caught.value.hint


def test_the_refused_operation_does_not_become_the_named_holder(tmp_path: Path) -> None:
    with locks.held(tmp_path, "dev", "start"):
        for _ in range(2):
            with pytest.raises(LockedError, match=r"^start "), locks.held(tmp_path, "dev", "stop"):
                pass


def test_operations_on_two_stacks_do_not_wait_for_each_other(tmp_path: Path) -> None:
    with locks.held(tmp_path, "dev", "start"), locks.held(tmp_path, "prod", "start"):
        assert len(list(tmp_path.glob("*.owner"))) == 2


def test_the_lock_is_free_after_the_operation_also_after_a_failure(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), locks.held(tmp_path, "dev", "start"):
        raise KeyboardInterrupt
    with locks.held(tmp_path, "dev", "stop"):
        assert (tmp_path / "dev.owner").read_text().startswith("stop")


def test_what_a_killed_operation_left_behind_is_no_lock(tmp_path: Path) -> None:
    (tmp_path / "dev.lock").touch()
    (tmp_path / "dev.owner").write_text("start (pid 1)\n")
    with locks.held(tmp_path, "dev", "stop"):
        assert str(os.getpid()) in (tmp_path / "dev.owner").read_text()


def test_the_lock_dies_with_its_process(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with locks.held(tmp_path, "dev", "start"):
            os.write(writing, b"held")
            os._exit(9)
    assert os.read(reading, 4) == b"held"
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    with locks.held(tmp_path, "dev", "stop"):
        assert (tmp_path / "dev.owner").read_text().startswith("stop")


def test_the_directory_of_the_locks_is_made_where_it_is_missing(tmp_path: Path) -> None:
    with locks.held(tmp_path / "new" / "locks", "dev", "start"):
        assert (tmp_path / "new" / "locks" / "dev.owner").exists()
