"""start, stop and status: what they do in which order, and what they return."""

import json
from pathlib import Path
from typing import Any

import pytest

from dbserver import engine, locks
from dbserver.actions.start import start
from dbserver.actions.status import status
from dbserver.actions.stop import stop
from dbserver.declared import Declared
from dbserver.errors import LockedError, NotRunningError
from tests.unit.fakes import NO_CONTAINER, Failed, Programs, inspected, printed

POSTGRES, REDIS = "db-server-postgres", "db-server-redis"
DECLARED = Declared(
    stack="unit", network="n", create_network=False, data_directory="/data/db-server", admin="dbadmin",
    containers={"postgres": POSTGRES, "redis": REDIS}, images={"postgres": "postgres:17", "redis": "redis:8"},
    stand_ins=False,
)  # fmt: skip


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(engine, "STATE", tmp_path)
    return tmp_path


@pytest.fixture
def updates(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record what the engine is told."""
    told: list[str] = []
    monkeypatch.setattr(engine, "require", lambda: told.append("require"))
    monkeypatch.setattr(engine, "select", lambda stack: told.append(f"select {stack}"))
    monkeypatch.setattr(engine, "release_stale_lock", lambda _: [4711])
    monkeypatch.setattr(engine, "up", lambda stack, _: told.append(f"up {stack}"))
    return told


def answering(programs: Programs, *entries: dict[str, Any]) -> None:
    shown = entries or (inspected(POSTGRES), inspected(REDIS))
    programs.answer("container inspect", printed(*shown))
    programs.answer(
        "json_build_object", json.dumps({"version": "17.5 (Debian)", "connections": 4, "max_connections": 9})
    )
    programs.answer("ping", "PONG\n")
    programs.answer("INFO server", "redis_version:8.2.1\n")


def test_two_servers_that_answer_are_well(programs: Programs) -> None:
    answering(programs)
    found = status(DECLARED)
    assert found.well
    assert [(s.server, s.answers, s.version) for s in found.servers] == [
        ("postgres", "4 of 9 connections", "17.5"),
        ("redis", "PONG", "8.2.1"),
    ]
    postgres = found.servers[0]
    assert (postgres.address, postgres.published) == ("db-server-postgres:5432", "127.0.0.1:5432")
    assert (postgres.data, postgres.state, postgres.health) == ("/data/db-server/postgres", "running", "healthy")


def test_a_missing_container_is_not_well_and_named(programs: Programs) -> None:
    programs.answer("container inspect", NO_CONTAINER)
    found = status(DECLARED)
    assert not found.well
    assert [(s.state, s.fault) for s in found.servers] == [
        ("missing", f"container {POSTGRES} does not exist"),
        ("missing", f"container {REDIS} does not exist"),
    ]


@pytest.mark.parametrize(
    ("killed", "fault"),
    [
        (False, "container is exited (exit code 137)"),
        (True, "container is exited (exit code 137, killed for lack of memory)"),
    ],
)
def test_a_stopped_container_says_why(programs: Programs, *, killed: bool, fault: str) -> None:
    stopped = inspected(POSTGRES, Status="exited", ExitCode=137, OOMKilled=killed)
    answering(programs, stopped, inspected(REDIS))
    found = status(DECLARED)
    assert [s.fault for s in found.servers] == [fault, ""]
    assert not found.well


def test_a_redis_that_refuses_is_not_well(programs: Programs) -> None:
    answering(programs)
    programs.answer("ping", Failed("NOAUTH Authentication required."))
    assert [s.well for s in status(DECLARED).servers] == [True, False]


def test_a_daemon_that_is_down_is_an_error_not_two_missing_servers(programs: Programs) -> None:
    programs.answer("container inspect", Failed("Cannot connect to the Docker daemon"))
    with pytest.raises(NotRunningError, match="does not answer"):
        status(DECLARED)


def test_what_runs_is_stopped_gracefully_and_the_rest_named(programs: Programs) -> None:
    programs.answer("container inspect", printed(inspected(POSTGRES), inspected(REDIS, Status="exited")))
    programs.answer("docker stop", "")
    result = stop(DECLARED)
    assert (result.stopped, result.not_running) == ((POSTGRES,), (REDIS,))
    assert [call.argv for call in programs.started("docker stop")] == [("docker", "stop", "--time", "60", POSTGRES)]


@pytest.mark.parametrize("state", ["restarting", "paused"])
def test_a_container_that_restarts_or_is_paused_is_stopped_too(programs: Programs, state: str) -> None:
    programs.answer("container inspect", printed(inspected(POSTGRES, Status=state)))
    programs.answer("docker stop", "")
    assert stop(DECLARED).stopped == (POSTGRES,)


@pytest.mark.usefixtures("updates")
@pytest.mark.parametrize("verb", [lambda: stop(DECLARED), lambda: start(DECLARED, print)], ids=["stop", "start"])
def test_a_verb_that_changes_something_is_refused_while_another_is_at_work(
    state: Path, verb: Any, programs: Programs
) -> None:
    with locks.held(state / "locks", "unit", "backup"), pytest.raises(LockedError, match="^backup"):  # noqa: RUF043
        verb()
    assert programs.calls == []


def test_a_start_selects_updates_and_proves_that_both_answer(programs: Programs, updates: list[str]) -> None:
    answering(programs)
    told: list[str] = []
    result = start(DECLARED, told.append)
    assert updates == ["require", "select unit", "up unit"]
    assert told == ["an update by process 4711 was killed half-way: its lock is released"]
    assert result.status.well
    assert result.seconds >= 0


@pytest.mark.usefixtures("updates")
def test_a_start_after_which_a_server_does_not_answer_has_failed(programs: Programs) -> None:
    answering(programs, inspected(POSTGRES), inspected(REDIS, Status="restarting", ExitCode=1))
    with pytest.raises(NotRunningError) as caught:
        start(DECLARED, lambda _: None)
    assert caught.value.message == (
        "the update finished, but db-server-redis: container is restarting (exit code 1)"
    )  # fmt: skip


@pytest.mark.usefixtures("updates")
@pytest.mark.parametrize(("state", "command"), [("dead", "docker rm"), ("paused", "docker unpause")])
def test_a_dead_container_is_removed_and_a_paused_one_resumed_before_the_update(
    programs: Programs, state: str, command: str
) -> None:
    answering(programs)
    programs.answer(
        "container inspect", printed(inspected(POSTGRES, Status=state)), printed(inspected(), inspected(REDIS))
    )
    programs.answer(command, "")
    start(DECLARED, lambda _: None)
    assert [call.argv for call in programs.started(command)] == [(*command.split(), POSTGRES)]
