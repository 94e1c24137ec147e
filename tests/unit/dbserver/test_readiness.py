"""Waiting for a server: until it answers, or until it is clear why it does not."""

import subprocess
from typing import Any

import pytest

from dbserver import readiness
from dbserver.errors import Exit, NotRunningError
from tests.unit.fakes import NO_CONTAINER, Clock, Failed, Programs, inspected, printed

NAME = "db-server-postgres"
PROBE = ["docker", "exec", NAME, "probe"]
NO_ANSWER = Failed("no response")


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(readiness, "time", made)
    return made


def failure(programs: Programs, *inspections: Any, seconds: float = 120) -> NotRunningError:
    programs.answer("probe", NO_ANSWER)
    programs.answer("container inspect", *inspections)
    programs.answer("docker logs", "FATAL:  first line\nFATAL:  last line\n")
    with pytest.raises(NotRunningError) as caught:
        readiness.wait_until(NAME, PROBE, seconds)
    assert caught.value.exit_code == Exit.UNHEALTHY
    return caught.value


def test_a_server_that_answers_is_not_looked_at(programs: Programs) -> None:
    programs.answer("probe", "")
    readiness.wait_until(NAME, PROBE)
    assert len(programs.calls) == 1


def test_a_server_that_answers_late_is_waited_for(programs: Programs) -> None:
    programs.answer("probe", NO_ANSWER, NO_ANSWER, NO_ANSWER, "")
    programs.answer("container inspect", printed(inspected()))
    readiness.wait_until(NAME, PROBE)
    assert len(programs.started("probe")) == 4


def test_a_container_that_stopped_is_told_with_its_exit_code_and_last_lines(programs: Programs) -> None:
    fault = failure(programs, printed(inspected(Status="exited", ExitCode=1)))
    assert fault.message == (
        f"{NAME} stopped with exit code 1; its last log lines:\nFATAL:  first line\nFATAL:  last line"
    )
    assert fault.hint == f"docker logs {NAME}"


@pytest.mark.parametrize("state", ["exited", "dead", "created"])
def test_no_time_is_lost_on_a_container_that_does_not_run(programs: Programs, state: str) -> None:
    failure(programs, printed(inspected(Status=state)))
    assert len(programs.started("probe")) == 1


def test_a_crash_loop_ends_the_wait_after_three_crashes(programs: Programs, clock: Clock) -> None:
    began = clock.now
    looping = [printed(inspected(Status="restarting", ExitCode=137, RestartCount=count)) for count in (5, 6, 7, 8)]
    assert failure(programs, *looping).message.startswith(f"{NAME} keeps crashing (exit code 137)")
    assert clock.now - began < 1


def test_restarts_from_before_are_no_crash_loop(programs: Programs) -> None:
    programs.answer("probe", *[NO_ANSWER] * 5, "")
    programs.answer("container inspect", printed(inspected(RestartCount=40)))
    readiness.wait_until(NAME, PROBE)


def test_a_container_that_is_gone_is_told_with_the_way_back(programs: Programs) -> None:
    fault = failure(programs, NO_CONTAINER)
    assert (fault.message, fault.hint) == (f"container {NAME} is gone", "./scripts/start.sh")


def test_a_server_that_never_answers_ends_with_its_last_lines_not_with_a_bare_timeout(
    programs: Programs, clock: Clock
) -> None:
    began = clock.now
    fault = failure(programs, printed(inspected()), seconds=7)
    assert fault.message.startswith(f"{NAME} does not answer after 7 s; its last log lines:\nFATAL:")
    assert 7 <= clock.now - began < 8


def test_a_probe_that_hangs_ends_with_the_last_lines_not_with_a_bare_timeout(programs: Programs) -> None:
    """A server that is stopped by a signal accepts connections and never replies."""
    programs.answer("container inspect", printed(inspected()))
    programs.answer("docker logs", "LOG:  last line\n")
    programs.answer("probe", subprocess.TimeoutExpired(PROBE, 15))
    with pytest.raises(NotRunningError, match="LOG:  last line"):
        readiness.wait_until(NAME, PROBE, 1)
