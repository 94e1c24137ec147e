"""The dynamic providers of the running servers: what they compare, and what an operator is told."""

import json
from typing import Any

import pytest

from dbserver import contract
from dbserver.docker import containers
from dbserver.errors import CommandError, NotRunningError, RefusedError
from dbserver.postgres import convergence as postgres
from dbserver.postgres import scram
from dbserver.postgres import server as postgres_server
from dbserver.redis import convergence as redis
from dbserver.redis import server as redis_server
from dbserver.redis import settings as redis_settings
from infra.postgres_server import PostgresProvider
from infra.redis_server import RedisProvider
from infra.server import ServerError, ServerProvider, told
from tests.unit.fakes import NO_CONTAINER, Failed, Programs, connected, inspected, network, postgres_row, printed

POSTGRES = {
    "container": "db-server-postgres", "containerId": "c" * 64, "image": "postgres:17", "configDirectory": "/config",
    "adminUser": "dbadmin", "adminPassword": "the-password", "network": "nginx-network",
    "settings": {"work_mem": "4MB"}, "processes": 12000,
}  # fmt: skip
REDIS = {
    "container": "db-server-redis", "containerId": "c" * 64, "image": "redis:8", "configDirectory": "/config",
    "adminUser": "dbadmin", "settings": {"appendonly": "yes"}, "processes": 12000.0,
}  # fmt: skip


@pytest.fixture(autouse=True)
def limits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Return the limits of processes that were set, each with its container."""
    made: list[tuple[str, int]] = []
    monkeypatch.setattr(containers, "limit_processes", lambda *limit: made.append(limit))
    return made


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


@pytest.mark.parametrize(
    "changed", ["container", "containerId", "processes", "settings", "adminUser", "adminPassword", "network"]
)
def test_postgres_is_brought_in_line_in_place_for_every_property_that_it_holds(changed: str) -> None:
    result = PostgresProvider().diff("id", POSTGRES, {**POSTGRES, changed: "another"})
    assert (result.changes, result.replaces) == (True, [])


@pytest.mark.parametrize("changed", ["container", "containerId", "processes", "settings"])
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


def limited(processes: int | None, name: str = "db-server-postgres") -> dict[str, Any]:
    entry = inspected(name)
    entry["HostConfig"]["PidsLimit"] = processes
    return entry


def reading(programs: Programs, monkeypatch: pytest.MonkeyPatch, stored: str) -> Any:
    programs.answer("docker container inspect", printed(limited(12000)))
    programs.answer("pg_authid", json.dumps({"verifier": stored, "files": {}}))
    monkeypatch.setattr(postgres, "actual_settings", lambda *_: {"work_mem": "64MB"})
    return PostgresProvider().read("the-id", POSTGRES).outs


def test_a_refresh_shows_settings_as_they_are_in_force(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    outs = reading(programs, monkeypatch, scram.verifier("the-password"))
    assert outs == {**POSTGRES, "settings": {"work_mem": "64MB"}}


def test_a_refresh_asks_the_server_once(programs: Programs) -> None:
    programs.answer("docker container inspect", printed(limited(12000)))
    programs.answer("network inspect", network())
    answer = {"verifier": scram.verifier("the-password"), "settings": {}, "files": {"postgresql.conf": None}}
    programs.answer("pg_authid", json.dumps(answer))
    outs = PostgresProvider().read("the-id", POSTGRES).outs
    assert outs == {**POSTGRES, "settings": {"work_mem": "4MB (in force)"}}, "its files are missing"
    assert len(programs.started("docker exec")) == 1


@pytest.mark.parametrize("text", ["", "dir /elsewhere"])
def test_a_redis_whose_file_is_gone_or_another_is_to_be_brought_in_line(
    programs: Programs, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    programs.answer("docker container inspect", printed(inspected(name="db-server-redis")))
    monkeypatch.setattr(redis_server, "actual_settings", lambda *_: REDIS["settings"])
    programs.answer("redis.conf", text)
    seen = RedisProvider().read("the-id", REDIS).outs or {}
    assert RedisProvider().diff("the-id", {**seen, "processes": 12000}, REDIS).changes is True


@pytest.mark.parametrize("found", [None, 500])
def test_a_refresh_shows_another_limit_of_processes_and_an_update_sets_it(
    programs: Programs, monkeypatch: pytest.MonkeyPatch, limits: list[tuple[str, int]], found: int | None
) -> None:
    programs.answer("docker container inspect", printed(limited(found, "db-server-redis")))
    monkeypatch.setattr(redis_server, "actual_settings", lambda *_: REDIS["settings"])
    programs.answer("redis.conf", redis_settings.render({"appendonly": "yes"}))
    seen = RedisProvider().read("the-id", REDIS).outs
    assert seen is not None
    assert seen["settings"] == REDIS["settings"]
    assert RedisProvider().diff("the-id", seen, REDIS).changes is True
    monkeypatch.setattr(redis_server.Server, "wait", lambda _: {"redis_version": "8.2.1"})
    monkeypatch.setattr(redis, "apply_settings", lambda *_: None)
    RedisProvider().update("the-id", seen, {**REDIS, "processes": 12000.0})
    assert limits == [("db-server-redis", 12000)]


def test_a_server_that_never_answers_is_told_by_its_own_words_and_not_by_its_limit(
    monkeypatch: pytest.MonkeyPatch, limits: list[tuple[str, int]]
) -> None:
    monkeypatch.setattr(redis_server.Server, "wait", refuse)
    with pytest.raises(ServerError, match="the server does not answer"):
        RedisProvider().create(REDIS)
    assert limits == []


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
    monkeypatch.setattr(redis_server.Server, "wait", refuse)
    with pytest.raises(ServerError, match=r"HINT: \./scripts/start\.sh"):
        RedisProvider().read("the-id", REDIS)


RECOVERING = Failed("FATAL:  the database system is in recovery mode", 2)


def test_a_refresh_waits_for_a_server_that_is_recovering_and_asks_again(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[Any] = []
    monkeypatch.setattr(postgres_server.Server, "wait", lambda server: waited.append(server.container))
    programs.answer("docker container inspect", printed(inspected()))
    programs.answer("network inspect", network())
    answer = {"verifier": scram.verifier("the-password"), "settings": {}, "files": {}}
    programs.answer("pg_authid", RECOVERING, json.dumps(answer))
    result: Any = PostgresProvider().read("the-id", POSTGRES)
    assert result.outs["adminPassword"] == "the-password"
    assert waited == ["db-server-postgres"]


def test_what_still_fails_once_the_server_answers_is_told(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_server.Server, "wait", lambda _: None)
    programs.answer("docker container inspect", printed(inspected()))
    programs.answer("pg_authid", Failed("ERROR:  permission denied"))
    with pytest.raises(ServerError, match="permission denied"):
        PostgresProvider().read("the-id", POSTGRES)


def test_postgres_is_created_once_it_answers_with_its_password_and_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[Any] = []

    def converge(*arguments: Any) -> str:
        order.extend(arguments)
        return "17.5"

    monkeypatch.setattr(postgres_server.Server, "wait", lambda _: order.append("wait"))
    monkeypatch.setattr(postgres, "converge", converge)
    made = PostgresProvider().create(POSTGRES)
    assert order[:-1] == [
        "wait",
        postgres_server.Server("db-server-postgres", "dbadmin"),
        postgres.Declared("the-password", {"work_mem": "4MB"}, "nginx-network", "/config", "postgres:17"),
    ]
    assert (made.id, made.outs) == ("db-server-postgres", {**POSTGRES, "version": "17.5"})


@pytest.fixture
def before_restart(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what the provider lets the server ask before it restarts."""
    asked: list[Any] = []
    monkeypatch.setattr(postgres_server.Server, "wait", lambda _: None)

    def converge(*arguments: Any) -> str:
        asked.append(arguments[-1])
        return "17.5"

    monkeypatch.setattr(postgres, "converge", converge)
    PostgresProvider().create(POSTGRES)
    return asked[0]


def test_a_restart_for_a_setting_is_refused_while_applications_are_connected(
    programs: Programs, before_restart: Any
) -> None:
    connected(programs, postgres_row("172.18.0.4", 5))
    with pytest.raises(RefusedError) as caught:
        before_restart(["max_connections", "shared_buffers"])
    assert caught.value.message == (
        f"{contract.REFUSED} max_connections, shared_buffers takes a restart:"
        " application containers are connected: shop-blue (blue) 5 to postgres"
    )


def test_a_restart_for_a_setting_is_done_where_nobody_is_cut_off_or_somebody_said_so(
    programs: Programs, before_restart: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected(programs, postgres_row("172.18.0.1"))
    before_restart(["max_connections"])
    connected(programs, postgres_row("172.18.0.4", 5))
    monkeypatch.setenv("DBSERVER_DISCONNECT_APPLICATIONS", "yes")
    before_restart(["max_connections"])


def test_an_update_of_redis_converges_on_the_new_properties(monkeypatch: pytest.MonkeyPatch) -> None:
    applied: list[Any] = []
    monkeypatch.setattr(redis_server.Server, "wait", lambda _: {"redis_version": "8.2.1"})
    monkeypatch.setattr(redis, "apply_settings", lambda _, *rest: applied.append(rest))
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
