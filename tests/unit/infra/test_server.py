"""The dynamic providers of the running servers: what they compare, and what an operator is told."""

import json
from typing import Any

import pytest

from dbserver.errors import CommandError, NotRunningError
from dbserver.postgres import scram
from dbserver.postgres import server as postgres_server
from dbserver.redis import server as redis_server
from infra.postgres_server import PostgresProvider
from infra.redis_server import RedisProvider
from infra.server import ServerError, ServerProvider, told
from tests.unit.fakes import NO_CONTAINER, Failed, Programs, inspected, printed

POSTGRES = {
    "container": "db-server-postgres", "containerId": "c" * 64, "image": "postgres:17", "configDirectory": "/config",
    "adminUser": "dbadmin", "adminPassword": "the-password", "network": "nginx-network",
    "settings": {"work_mem": "4MB"},
}  # fmt: skip
REDIS = {
    "container": "db-server-redis", "containerId": "c" * 64, "image": "redis:8", "configDirectory": "/config",
    "adminUser": "dbadmin", "settings": {"appendonly": "yes"},
}  # fmt: skip


def refuse(*_: Any) -> Any:
    raise NotRunningError("the server does not answer", "./scripts/start.sh")


def test_an_expected_error_reaches_the_engine_as_its_text_with_the_next_step() -> None:
    with pytest.raises(ServerError) as caught:
        told(refuse, {})
    assert str(caught.value) == "the server does not answer\nHINT: ./scripts/start.sh"
    assert caught.value.__suppress_context__, "the chain of causes would stand before the operator"


def test_an_unexpected_error_is_not_disguised() -> None:
    with pytest.raises(ZeroDivisionError):
        told(lambda _: {"x": 1 // 0}, {})


@pytest.mark.parametrize("changed", ["container", "containerId", "settings", "adminUser", "adminPassword", "network"])
def test_postgres_is_brought_in_line_in_place_for_every_property_that_it_holds(changed: str) -> None:
    result = PostgresProvider().diff("id", POSTGRES, {**POSTGRES, changed: "another"})
    assert (result.changes, result.replaces) == (True, [])


@pytest.mark.parametrize("changed", ["container", "containerId", "settings"])
def test_redis_is_brought_in_line_in_place_for_every_property_that_it_holds(changed: str) -> None:
    result = RedisProvider().diff("id", REDIS, {**REDIS, changed: "another"})
    assert (result.changes, result.replaces) == (True, [])


@pytest.mark.parametrize(("provider", "props"), [(PostgresProvider(), POSTGRES), (RedisProvider(), REDIS)])
def test_a_server_as_declared_shows_no_difference_also_beside_its_outputs(
    provider: ServerProvider, props: dict[str, Any]
) -> None:
    assert provider.diff("id", {**props, "version": "17.5", "__provider": "old"}, dict(props)).changes is False


def test_a_lost_password_is_a_difference() -> None:
    assert PostgresProvider().diff("id", {**POSTGRES, "adminPassword": ""}, POSTGRES).changes is True


@pytest.mark.parametrize("answer", [NO_CONTAINER, printed(inspected(Status="exited"))], ids=["gone", "stopped"])
def test_a_server_that_is_stopped_or_gone_is_left_to_the_resource_of_its_container(
    programs: Programs, answer: Any
) -> None:
    programs.answer("docker container inspect", answer)
    result = PostgresProvider().read("the-id", POSTGRES)
    assert (result.id, result.outs) == ("the-id", POSTGRES)


def test_another_container_under_the_name_is_left_to_the_resource_of_the_container(programs: Programs) -> None:
    programs.answer("docker container inspect", printed({**inspected(), "Id": "f" * 64}))
    result = PostgresProvider().read("the-id", POSTGRES)
    assert (result.id, result.outs) == ("the-id", POSTGRES)
    assert len(programs.calls) == 1, "somebody else's server was asked for a password"


def test_a_daemon_that_is_down_ends_a_refresh_instead_of_forgetting_the_server(programs: Programs) -> None:
    programs.answer("docker container inspect", Failed("Cannot connect to the Docker daemon"))
    with pytest.raises(Exception, match="Docker daemon does not answer"):
        PostgresProvider().read("the-id", POSTGRES)


def reading(programs: Programs, monkeypatch: pytest.MonkeyPatch, stored: str) -> Any:
    programs.answer("docker container inspect", printed(inspected()))
    programs.answer("pg_authid", json.dumps({"verifier": stored}))
    monkeypatch.setattr(postgres_server, "actual_settings", lambda *_: {"work_mem": "64MB"})
    return PostgresProvider().read("the-id", POSTGRES).outs


def test_a_refresh_shows_settings_as_they_are_in_force(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    outs = reading(programs, monkeypatch, scram.verifier("the-password"))
    assert outs == {**POSTGRES, "settings": {"work_mem": "64MB"}}


@pytest.mark.parametrize("stored", [scram.verifier("another"), "md5abcdef", ""])
def test_a_refresh_shows_that_the_server_has_another_password(
    programs: Programs, monkeypatch: pytest.MonkeyPatch, stored: str
) -> None:
    assert reading(programs, monkeypatch, stored)["adminPassword"] == ""


def test_a_refresh_of_a_server_that_does_not_answer_says_what_to_do(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.answer("docker container inspect", printed(inspected(name="db-server-redis")))
    monkeypatch.setattr(redis_server, "actual_settings", refuse)
    with pytest.raises(ServerError, match=r"HINT: \./scripts/start\.sh"):
        RedisProvider().read("the-id", REDIS)


def test_postgres_is_created_once_it_answers_with_its_password_and_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[Any] = []

    def converge(*arguments: Any) -> str:
        order.extend(arguments)
        return "17.5"

    monkeypatch.setattr(postgres_server.Server, "wait", lambda _: order.append("wait"))
    monkeypatch.setattr(postgres_server, "converge", converge)
    made = PostgresProvider().create(POSTGRES)
    assert order == [
        "wait",
        postgres_server.Server("db-server-postgres", "dbadmin"),
        postgres_server.Declared("the-password", {"work_mem": "4MB"}, "nginx-network", "/config", "postgres:17"),
    ]
    assert (made.id, made.outs) == ("db-server-postgres", {**POSTGRES, "version": "17.5"})


def test_an_update_of_redis_converges_on_the_new_properties(monkeypatch: pytest.MonkeyPatch) -> None:
    applied: list[Any] = []
    monkeypatch.setattr(redis_server.Server, "wait", lambda _: {"redis_version": "8.2.1"})
    monkeypatch.setattr(redis_server, "apply_settings", lambda _, *rest: applied.append(rest))
    updated = RedisProvider().update("id", REDIS, {**REDIS, "settings": {"appendonly": "no"}})
    assert applied == [({"appendonly": "no"}, "/config", "redis:8")]
    assert updated.outs is not None
    assert updated.outs["version"] == "8.2.1"


def test_a_server_that_cannot_be_converged_fails_with_the_text_of_the_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def wait(_: Any) -> Any:
        raise CommandError("docker exec", 1, "no such container")

    monkeypatch.setattr(redis_server.Server, "wait", wait)
    with pytest.raises(ServerError, match="docker exec ended with exit status 1: no such container"):
        RedisProvider().create(REDIS)


@pytest.mark.parametrize("provider", [PostgresProvider(), RedisProvider()])
def test_removing_the_declaration_leaves_the_server_alone(provider: ServerProvider, programs: Programs) -> None:
    provider.delete("id", POSTGRES)
    assert programs.calls == []
