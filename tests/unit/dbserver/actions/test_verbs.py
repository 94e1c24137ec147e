"""start, stop and status: what they do in which order, and what they return."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from dbserver import locks, updating
from dbserver.actions.start import start, start_one, unchanged
from dbserver.actions.stop import stop
from dbserver.applied import looking
from dbserver.declared import Declared
from dbserver.docker import containers, host
from dbserver.docker.host import Directory, Identity
from dbserver.engine import command, state
from dbserver.errors import DbServerError, LockedError, NotRunningError, RefusedError
from dbserver.redis.server import Server as Redis
from tests.unit.fakes import (
    POSTGRES_SAYS,
    REDIS_SAYS,
    Clock,
    Failed,
    Programs,
    as_planned,
    connected,
    inspected,
    postgres_row,
    printed,
)

pytestmark = pytest.mark.usefixtures("state")

POSTGRES, REDIS = "db-server-postgres", "db-server-redis"
DECLARED = Declared(
    stack="unit", network="n", create_network=False, data_directory="/data/db-server",
    backup_directory="/srv/backups", admin="dbadmin",
    containers={"postgres": POSTGRES, "redis": REDIS}, images={"postgres": "postgres:17", "redis": "redis:8"},
    ports={"postgres": 5432, "redis": 6379}, memory={"postgres": 1024**3, "redis": 256 * 1024**2}, stand_ins=False,
)  # fmt: skip


@pytest.fixture
def updates(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record what the engine is told."""
    told: list[str] = []
    monkeypatch.setattr(host, "missing_files", lambda *_: [])
    monkeypatch.setattr(command, "require", lambda: told.append("require"))
    monkeypatch.setattr(command, "make", lambda stack: told.append(f"make {stack}"))
    monkeypatch.setattr(command, "select", lambda stack: told.append(f"select {stack}"))
    monkeypatch.setattr(state, "release_stale_lock", lambda _: [4711])
    monkeypatch.setattr(
        command,
        "up",
        lambda stack, _, *, disconnect, checkpoint, new, take_over: told.append(
            f"up {stack}"
            + " disconnecting" * disconnect
            + " without a checkpoint" * (not checkpoint)
            + " with other data" * new
            + " of another state" * take_over
        ),
    )
    return told


def answering(programs: Programs, *entries: dict[str, Any]) -> None:
    shown = entries or (inspected(POSTGRES), inspected(REDIS))
    programs.answer("container inspect", printed(*shown))
    programs.answer("image inspect", "[]")
    programs.answer("network inspect", Failed("network nginx-network not found"))
    programs.answer("psql", POSTGRES_SAYS)
    programs.answer("redis-cli", REDIS_SAYS)
    programs.answer('redis-cli --user "$0" -e "$@" dbadmin PING', "PONG\n")
    programs.answer('echo "$file"', "")  # no rendered file is gone


def test_what_runs_is_stopped_gracefully_and_the_rest_named(programs: Programs) -> None:
    connected(programs)
    programs.answer("CLIENT LIST", Failed("Error response from daemon: container is not running"))
    programs.answer("container inspect", printed(inspected(POSTGRES), inspected(REDIS, Status="exited")))
    programs.answer("docker stop", "")
    result = stop(DECLARED)
    assert (result.stopped, result.not_running) == ((POSTGRES,), (REDIS,))
    assert [call.argv for call in programs.started("docker stop")] == [("docker", "stop", "--time", "60", POSTGRES)]


def test_one_server_is_stopped_although_the_other_is_used(programs: Programs) -> None:
    connected(programs, postgres_row("172.18.0.4", 5))
    programs.answer("container inspect", printed(inspected(REDIS)))
    programs.answer("docker stop", "")
    assert stop(DECLARED, ["redis"]).stopped == (REDIS,)
    assert programs.started("container inspect")[-1].argv[-1] == REDIS
    with pytest.raises(RefusedError):
        stop(DECLARED, ["postgres"])


@pytest.fixture
def one(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """A stack whose Redis is stopped, with its data in place."""
    mine = inspected(REDIS, Status="exited")
    mine["Config"]["Labels"]["com.database.stack"] = "unit"
    answering(programs, inspected(POSTGRES), mine)
    programs.answer("docker start", "")
    programs.answer("docker unpause", "")
    monkeypatch.setattr(host, "inspect_directory", lambda *_: Directory("/data", identity=Identity("a", "a")))
    monkeypatch.setattr(Redis, "wait", lambda _: {"redis_version": "8"})
    return programs


def test_one_server_is_started_by_its_container_alone(one: Programs) -> None:
    start_one(DECLARED, "redis")
    assert [call.argv for call in one.started("docker start")] == [("docker", "start", REDIS)]


def test_one_that_is_paused_is_resumed_and_one_that_runs_is_left_alone(one: Programs) -> None:
    for found in ("paused", "running"):
        mine = inspected(REDIS, Status=found)
        mine["Config"]["Labels"]["com.database.stack"] = "unit"
        one.answer("container inspect", printed(inspected(POSTGRES), mine))
        start_one(DECLARED, "redis")
    assert (len(one.started("docker unpause")), one.started("docker start")) == (1, [])


def test_one_server_is_not_started_on_other_data(one: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "inspect_directory", lambda *_: Directory("/data", identity=Identity("", "a")))
    with pytest.raises(RefusedError, match="holds no data of this Redis"):
        start_one(DECLARED, "redis")
    assert not one.started("docker start")


def test_one_server_that_the_stack_has_not_made_is_not_started(one: Programs) -> None:
    one.answer("container inspect", printed(inspected(REDIS, Status="exited")))
    with pytest.raises(NotRunningError, match=f"there is no container {REDIS} of stack unit"):
        start_one(DECLARED, "redis")


def test_what_an_update_is_going_to_revoke_is_told_before(programs: Programs, updates: list[str]) -> None:
    answering(programs)
    programs.answer("AS granted", json.dumps(["database shop grants CONNECT to monitor"]))
    told: list[str] = []
    start(replace(DECLARED, applications={"shop": ("shop", "shop")}), lambda line: told.append(f"{line} {updates[-1]}"))
    assert "database shop grants CONNECT to monitor, which nothing declares: revoked make unit" in told


@pytest.mark.parametrize("state", ["restarting", "paused"])
def test_a_container_that_restarts_or_is_paused_is_stopped_too(programs: Programs, state: str) -> None:
    connected(programs)
    programs.answer("container inspect", printed(inspected(POSTGRES, Status=state)))
    programs.answer("docker stop", "")
    assert stop(DECLARED).stopped == (POSTGRES,)


def test_a_stop_is_refused_while_application_containers_are_connected(programs: Programs) -> None:
    connected(programs, postgres_row("172.18.0.4", 5), redis=[("172.18.0.5", "shop", 9)])
    with pytest.raises(RefusedError) as caught:
        stop(DECLARED)
    assert caught.value.message == (
        "application containers are connected: shop-blue (blue) 5 to postgres, shop-green (green) 1 to redis"
    )
    assert "--disconnect-applications" in caught.value.hint
    assert not programs.started("docker stop")


def test_a_stop_cuts_applications_off_where_it_is_told_to(programs: Programs) -> None:
    connected(programs, postgres_row("172.18.0.4", 5))
    programs.answer("container inspect", printed(inspected(POSTGRES), inspected(REDIS)))
    programs.answer("docker stop", "")
    assert stop(DECLARED, override=True).stopped == (POSTGRES, REDIS)


def test_people_on_the_host_do_not_prevent_a_stop(programs: Programs) -> None:
    connected(programs, postgres_row("172.18.0.1"), postgres_row(""), redis=[("127.0.0.1", "default", 0)])
    programs.answer("container inspect", printed(inspected(POSTGRES)))
    programs.answer("docker stop", "")
    assert stop(DECLARED).stopped == (POSTGRES,)


@pytest.mark.usefixtures("updates")
@pytest.mark.parametrize("verb", [lambda: stop(DECLARED), lambda: start(DECLARED, print)], ids=["stop", "start"])
def test_a_verb_that_changes_something_is_refused_while_another_is_at_work(verb: Any, programs: Programs) -> None:
    with locks.held("unit", "backup"), pytest.raises(LockedError, match=r"^backup"):
        verb()
    assert programs.calls == []


def test_a_start_updates_proves_that_both_answer_and_selects(programs: Programs, updates: list[str]) -> None:
    answering(programs)
    told: list[str] = []
    result = start(DECLARED, told.append)
    assert updates == ["require", "make unit", "up unit", "select unit"]
    assert told == ["an update by process 4711 was killed half-way: its lock is released"]
    assert result.status.well
    assert result.seconds >= 0


def test_a_start_tells_the_update_what_it_may_do(programs: Programs, updates: list[str]) -> None:
    answering(programs)
    start(DECLARED, lambda _: None, override=True)
    assert "up unit disconnecting" in updates
    start(DECLARED, lambda _: None, checkpoint=False)
    assert "up unit without a checkpoint" in updates
    start(DECLARED, lambda _: None, new=True)
    assert "up unit with other data" in updates
    start(DECLARED, lambda _: None, take_over=True)
    assert "up unit of another state" in updates


def of_compose(server: str, **labels: str) -> dict[str, Any]:
    entry = as_planned(DECLARED.plan(server))
    entry["Config"]["Labels"] |= {"com.docker.compose.version": "2.26.1", **labels}
    return {**entry, "Id": server * 8}


def test_a_container_that_compose_made_anew_as_declared_is_kept(
    programs: Programs, updates: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    known: dict[str, str] = {}

    def accept(_: str, ids: Mapping[str, str]) -> list[str]:
        known.update(ids)
        updates.append("accept")
        return ["redis"]

    monkeypatch.setattr(state, "accept", accept)
    answering(programs, of_compose("postgres"), of_compose("redis"))
    told: list[str] = []
    start(DECLARED, told.append)
    assert known == {"postgres": "postgres" * 8, "redis": "redis" * 8}
    assert updates == ["require", "make unit", "accept", "up unit", "select unit"]
    assert told[-1] == "container db-server-redis was made anew by docker compose, as declared: kept"


def test_a_container_that_the_state_does_not_know_is_kept_where_it_is_as_declared(
    programs: Programs, updates: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "knows", lambda _, identity: identity != "r")
    monkeypatch.setattr(state, "accept", lambda _, ids: list(ids))
    answering(programs, as_planned(DECLARED.plan("postgres")), {**as_planned(DECLARED.plan("redis")), "Id": "r"})
    told: list[str] = []
    start(DECLARED, told.append)
    assert told[-1] == "container db-server-redis is as declared, but not in the state: kept"
    assert "up unit" in updates


@pytest.mark.parametrize(
    "entry",
    [
        as_planned(DECLARED.plan("postgres")),
        of_compose("postgres", **{"com.database.stack": "other"}),
        {**of_compose("postgres"), "Mounts": []},
    ],
    ids=["made by an update", "of another stack", "not as declared"],
)
def test_any_other_container_is_left_to_the_update(
    programs: Programs, updates: list[str], monkeypatch: pytest.MonkeyPatch, entry: dict[str, Any]
) -> None:
    monkeypatch.setattr(state, "accept", lambda *_: pytest.fail("the state was changed"))
    answering(programs, entry, inspected(REDIS))
    with suppress(RefusedError):  # another stack's, whose update the program refuses, and whose state is not told
        start(DECLARED, lambda _: None)
    assert "up unit" in updates


@pytest.mark.parametrize(
    ("network", "create", "removed"),
    [("n", False, 1), (None, True, 1), (None, False, 0), ("old", False, 0)],
    ids=["another one by now", "to be made", "missing, which the update refuses", "the same"],
)
def test_a_stopped_container_whose_network_is_gone_is_removed(
    programs: Programs,
    updates: list[str],
    network: str | None,
    create: bool,  # noqa: FBT001  a parameter
    removed: int,
) -> None:
    declared = replace(DECLARED, create_network=create)
    entry = {**as_planned(DECLARED.plan("redis")), "State": inspected(Status="exited")["State"]}
    entry["NetworkSettings"]["Networks"]["n"]["NetworkID"] = "old"
    answering(programs, inspected(POSTGRES), entry)
    shown = json.dumps([{"Name": "n", "Id": network, "Driver": "bridge"}])
    programs.answer("network inspect", shown if network else Failed("Error: No such network: n"))
    programs.answer("docker rm", "")
    told: list[str] = []
    with pytest.raises(NotRunningError):
        start(declared, told.append)
    assert [call.argv for call in programs.started("docker rm")] == [("docker", "rm", REDIS)] * removed
    lost = "container db-server-redis has lost its network: removed, created again on the same data"
    assert told.count(lost) == removed
    assert "up unit" in updates


@pytest.mark.usefixtures("updates")
def test_a_start_after_which_a_server_does_not_answer_has_failed(programs: Programs) -> None:
    answering(programs, inspected(POSTGRES), inspected(REDIS, Status="restarting", ExitCode=1))
    programs.answer("docker logs", "first\nCan't open users.acl\n")
    with pytest.raises(NotRunningError) as caught:
        start(DECLARED, lambda _: None)
    assert caught.value.message == (
        "the update finished, but db-server-redis: container is restarting (exit code 1)\nfirst\nCan't open users.acl"
    )
    assert caught.value.hint == "docker logs db-server-redis; mend the cause, then ./scripts/start.sh"


def crashing(state: str, health: str = "starting", restarts: int = 3) -> dict[str, Any]:
    entry = inspected(REDIS, Status=state, Health={"Status": health, "Log": []}, RestartCount=restarts)
    entry["Config"]["Labels"]["com.database.stack"] = "unit"
    return entry


@pytest.mark.parametrize(
    ("looks", "crashes"),
    [
        ([crashing("restarting")], True),
        ([crashing("running"), crashing("running"), crashing("restarting")], True),
        ([crashing("running")], False),
        ([crashing("restarting", restarts=0), crashing("running", restarts=1)], False),
        ([crashing("running", "healthy")], False),
        ([{**crashing("restarting"), "Config": inspected(REDIS)["Config"]}], False),
    ],
    ids=[
        "between two crashes",
        "for a moment it runs",
        "it comes back",
        "it was killed once",
        "it has come back",
        "somebody else's",
    ],
)
def test_a_server_that_keeps_crashing_is_told_from_one_that_comes_back(
    programs: Programs, monkeypatch: pytest.MonkeyPatch, looks: list[dict[str, Any]], *, crashes: bool
) -> None:
    monkeypatch.setattr(updating, "time", Clock())
    programs.answer("container inspect", *map(printed, looks))
    assert updating._keeps_crashing("unit", containers.inspect([REDIS])[REDIS]) is crashes


@pytest.mark.usefixtures("updates")
def test_a_server_that_keeps_crashing_is_made_anew_with_its_settings(programs: Programs) -> None:
    answering(programs)
    both = printed(inspected(POSTGRES), inspected(REDIS))
    programs.answer("container inspect", printed(crashing("restarting")), both)
    programs.answer("docker stop", "")
    programs.answer("docker rm", "")
    told: list[str] = []
    start(DECLARED, told.append)
    assert [call.argv[1] for call in programs.started("docker") if call.argv[1] in ("stop", "rm")] == ["stop", "rm"]
    assert told[0] == f"container {REDIS} keeps crashing: removed, created again on the same data and its settings"


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


@pytest.mark.usefixtures("updates")
@pytest.mark.parametrize(("new", "removed"), [(False, 0), (True, 1)], ids=["the stack's data", "whatever is there"])
def test_a_stopped_container_is_made_anew_where_a_server_begins_anew(
    programs: Programs,
    new: bool,  # noqa: FBT001  a case
    removed: int,
) -> None:
    answering(programs)
    stopped = inspected(POSTGRES, Status="exited")
    stopped["Config"]["Labels"]["com.database.stack"] = "unit"
    both = printed(inspected(), inspected(REDIS))
    programs.answer("container inspect", *[printed(stopped)] * (3 if new else 2), both)
    programs.answer("docker rm", "")
    programs.answer("network inspect", Failed("network nginx-network not found"))
    start(DECLARED, lambda _: None, new=new)
    assert len(programs.started("docker rm")) == removed


def seen(monkeypatch: pytest.MonkeyPatch, *looks: dict[str, str]) -> None:
    """Let the looks at what is there, one after another, come to this."""
    following = iter(looks)
    monkeypatch.setattr(looking, "look", lambda *_: next(following))
    monkeypatch.setattr(looking, "networks", lambda _: "")


def test_where_nothing_differs_no_engine_is_asked(
    programs: Programs, updates: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(programs)
    seen(monkeypatch, {"the program": "a"}, {"the program": "a"})
    start(DECLARED, print)
    updates.clear()
    told: list[str] = []
    done = unchanged(DECLARED, told.append)
    assert done
    assert [server.answers for server in done.status.servers] == ["4 of 100 connections", "PONG"]
    assert (updates, told) == ([], [])


def test_what_differs_is_named_and_left_to_the_engine(
    programs: Programs, updates: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(programs)
    seen(monkeypatch, {"a": "1", "b": "1", "c": "1"}, {"a": "2", "b": "1", "c": "2"})
    start(DECLARED, print)
    told: list[str] = []
    assert unchanged(DECLARED, told.append) is None
    assert told == ["not as the last update left it: a, c"]
    assert "up unit" in updates


@pytest.mark.usefixtures("updates")
def test_a_server_that_does_not_answer_is_left_to_the_engine(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(programs)
    seen(monkeypatch, {"a": "1"}, {"a": "1"})
    start(DECLARED, print)
    programs.answer("psql", Failed("the database system is in recovery mode", 2))
    assert unchanged(DECLARED, print) is None


@pytest.mark.usefixtures("updates")
def test_without_a_record_or_a_whole_look_the_engine_is_asked(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(programs)
    assert unchanged(DECLARED, print) is None
    seen(monkeypatch, {}, {"a": "1"})
    start(DECLARED, print)
    assert unchanged(DECLARED, print) is None


def test_an_update_that_fails_leaves_no_record_of_the_one_before(
    programs: Programs, updates: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(programs)
    seen(monkeypatch, {"a": "1"}, {"a": "1"})
    start(DECLARED, print)

    def fail(*_: Any, **__: Any) -> None:
        raise DbServerError("killed half-way")

    monkeypatch.setattr(command, "up", fail)
    with pytest.raises(DbServerError):
        start(DECLARED, print)
    assert unchanged(DECLARED, print) is None
    assert updates


@pytest.mark.usefixtures("updates")
def test_while_another_operation_is_at_work_nothing_is_said_to_be_unchanged(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(programs)
    seen(monkeypatch, {"a": "1"}, {"a": "1"})
    start(DECLARED, print)
    with locks.held(DECLARED.stack, "restart"):
        assert unchanged(DECLARED, print) is None
    assert unchanged(DECLARED, print)
