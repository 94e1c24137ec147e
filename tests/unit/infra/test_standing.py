"""The end of an update: containers that are gone, servers that do not run or do not answer."""

from typing import Any

import pulumi
import pytest

from dbserver.settings.model import load
from infra import standing
from tests.unit.fakes import NO_CONTAINER, Failed, Programs, inspected, printed

SETTINGS = load({})
POSTGRES, REDIS = inspected(), inspected("db-server-redis")


def faults(programs: Programs, *there: dict[str, Any]) -> list[str]:
    programs.answer("container inspect", printed(*there) if there else NO_CONTAINER)
    return standing.faults(SETTINGS)


def test_servers_that_docker_has_seen_to_answer_are_not_asked_again(programs: Programs) -> None:
    assert faults(programs, POSTGRES, REDIS) == []
    assert len(programs.calls) == 1


def test_each_container_that_is_gone_is_named(programs: Programs) -> None:
    gone = [
        f"container {name} is not there, though the state has it" for name in ("db-server-postgres", "db-server-redis")
    ]
    assert faults(programs) == gone
    assert faults(programs, POSTGRES) == gone[1:]


@pytest.mark.parametrize("state", ["exited", "paused", "restarting"])
def test_a_server_that_does_not_run_is_named(programs: Programs, state: str) -> None:
    found = faults(programs, POSTGRES, inspected("db-server-redis", Status=state, Running=False))
    assert found == [f"container db-server-redis is {state}"]


def test_one_that_docker_has_not_seen_to_answer_is_asked(programs: Programs) -> None:
    starting = inspected("db-server-redis", Health={"Status": "unhealthy"})
    programs.answer("redis-cli", "PONG")
    assert faults(programs, POSTGRES, starting) == []
    assert programs.started("redis-cli")


@pytest.mark.usefixtures("clock")
def test_one_that_does_not_answer_is_told_with_what_it_last_said(programs: Programs) -> None:
    programs.answer("redis-cli", Failed(""))
    programs.answer("docker logs", "out of memory")
    programs.answer(
        "container inspect", printed(POSTGRES, inspected("db-server-redis", Health={"Status": "unhealthy"}))
    )
    (fault,) = standing.faults(SETTINGS)
    assert "db-server-redis does not answer" in fault
    assert "out of memory" in fault


def test_the_archive_has_to_be_there_too(programs: Programs) -> None:
    programs.answer("container inspect", printed(POSTGRES, REDIS))
    archive = load({"archive": {"enabled": True}})
    assert standing.faults(archive) == ["container db-server-archive is not there, though the state has it"]
    programs.answer("container inspect", printed(POSTGRES, REDIS, inspected("db-server-archive", Status="restarting")))
    assert standing.faults(archive) == []


def test_a_preview_warns_of_what_an_update_will_not_make_and_of_nothing_else(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", told.append)
    programs.answer("container inspect", NO_CONTAINER)
    standing.foretell(SETTINGS, {"postgres": None, "redis": "1"})
    (warning,) = told
    assert warning.startswith("container db-server-redis is not there, though the state has it, and `up` does not make")
    assert warning.endswith(standing.WAY_OUT)
    programs.answer("container inspect", printed(POSTGRES, REDIS))
    standing.foretell(SETTINGS, {"postgres": "1", "redis": "1"})
    assert len(told) == 1


def test_a_preview_of_a_first_update_asks_for_no_container(programs: Programs) -> None:
    standing.foretell(SETTINGS, {"postgres": None, "redis": None})
    assert programs.calls == []
