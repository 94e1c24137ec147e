"""One operation at a time: the second is refused and told who is at work."""

import os
import socket
from pathlib import Path

import pytest

from dbserver import endpoint, locks
from dbserver.declared import ROOT
from dbserver.errors import Exit, LockedError


def test_a_second_operation_is_refused_at_once_and_told_who_is_at_work_and_where() -> None:
    with locks.held("dev", "start"), pytest.raises(LockedError) as caught, locks.held("dev", "stop"):
        pytest.fail("two operations held the lock")
    assert caught.value.message == f"start (pid {os.getpid()}) is at work on stack dev, in {ROOT}"
    assert caught.value.exit_code == Exit.LOCKED
    assert caught.value.hint


def test_the_refused_operation_does_not_become_the_named_holder() -> None:
    with locks.held("dev", "start"):
        for _ in range(2):
            with pytest.raises(LockedError, match=r"^start "), locks.held("dev", "stop"):
                pass


def test_operations_on_two_stacks_do_not_wait_for_each_other() -> None:
    with locks.held("dev", "start"), locks.held("prod", "start"):
        assert locks.is_held("dev")
        assert locks.is_held("prod")


def test_who_looks_takes_nothing() -> None:
    assert not locks.is_held("dev")
    with locks.held("dev", "start"):
        assert locks.is_held("dev")
        assert not locks.is_held("dev.shop")
    assert not locks.is_held("dev")


def test_the_lock_is_free_after_the_operation_also_after_a_failure() -> None:
    with pytest.raises(KeyboardInterrupt), locks.held("dev", "start"):
        raise KeyboardInterrupt
    with locks.held("dev", "stop"):
        pass


def test_the_lock_dies_with_its_process() -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with locks.held("dev", "start"):
            os.write(writing, b"held")
            os._exit(9)
    assert os.read(reading, 4) == b"held"
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    with locks.held("dev", "stop"):
        pass


def test_a_holder_that_does_not_answer_is_named_by_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "ANSWER_SECONDS", 0.01)
    with socket.socket(socket.AF_UNIX) as stopped:
        stopped.bind(locks._address("dev"))
        stopped.listen()
        told = f"^another operation \\(pid {os.getpid()}\\) is at work on stack dev\n"
        with pytest.raises(LockedError, match=told), locks.held("dev", "stop"):
            pass


def test_what_a_holder_tells_controls_no_terminal() -> None:
    with locks.held("dev", "\x1b[31mstart\r"), pytest.raises(LockedError) as caught, locks.held("dev", "stop"):
        pass
    assert caught.value.message.startswith("[31mstart  (pid ")


def test_the_same_daemon_is_meant_by_every_way_to_its_socket(tmp_path: Path) -> None:
    (tmp_path / "link.sock").symlink_to(tmp_path / "docker.sock")
    known = locks.daemon(f"unix://{tmp_path}/docker.sock")
    assert locks.daemon(f"unix://{tmp_path}/link.sock") == known
    others = [locks.daemon(address) for address in (endpoint.SOCKET, "ssh://one", "ssh://two")]
    assert len({known, *others}) == 4


def test_operations_on_two_daemons_do_not_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    with locks.held("dev", "start"):
        monkeypatch.setenv("DOCKER_HOST", "ssh://other")
        assert not locks.is_held("dev")
        with locks.held("dev", "start"):
            pass
