"""status: everything asked at once, what cannot be had left out, what is not as declared named."""

import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dbserver import certificates, contract, identity
from dbserver.actions.status import status
from dbserver.backups import evidence
from dbserver.backups.store import Store, final_name
from dbserver.declared import Declared
from dbserver.errors import NotRunningError, RefusedError
from dbserver.identity import Known
from dbserver.results.status import DatabaseSize, KeptDatabase, PostgresUse, RedisUse, Validity
from tests.unit.dbserver.actions.test_verbs import DECLARED, POSTGRES, REDIS, answering
from tests.unit.dbserver.backups.test_manifest import made
from tests.unit.fakes import (
    FIGURES,
    IDENTITY,
    NO_CONTAINER,
    POSTGRES_SAYS,
    REDIS_SAYS,
    Failed,
    Programs,
    mounted,
    printed,
    restrictions,
)
from tests.unit.fakes import inspected as shown

NAMES = {contract.POSTGRES: POSTGRES, contract.REDIS: REDIS}


def inspected(server: str, **state: Any) -> dict[str, Any]:
    """Return a container exactly as it is declared."""
    plan = DECLARED.plan(server)
    entry = shown(NAMES[server], **state)
    check = plan.health_check
    entry["Config"] |= {
        "Image": plan.image,
        "Cmd": list(plan.command),
        "Env": list(plan.environment),
        "StopTimeout": plan.stop_seconds,
        "Labels": {"com.database.server": server, "com.database.stack": "unit", "com.database.image": IDENTITY,
                   "com.docker.compose.project": "db-server-postgres"},
        "Healthcheck": {
            "Test": list(check.test), "Interval": check.interval * 10**9, "Timeout": check.timeout * 10**9,
            "StartPeriod": check.start_period * 10**9, "Retries": check.retries,
        },
    }  # fmt: skip
    bindings = {f"{plan.port}/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(plan.port)}]}
    entry["HostConfig"] |= {"Memory": plan.memory, "PortBindings": bindings, **restrictions(plan)}
    entry["Mounts"] = mounted(plan)
    entry["NetworkSettings"]["Networks"] = {"n": {"Aliases": [server]}}
    return entry


def both(programs: Programs, **state: Any) -> None:
    answering(programs, inspected("postgres", **state), inspected("redis", **state))


def test_two_servers_that_answer_are_well(programs: Programs) -> None:
    both(programs)
    found = status(DECLARED)
    assert found.well
    assert [(s.server, s.answers, s.version, s.fault) for s in found.servers] == [
        ("postgres", "4 of 100 connections", "17.5", ""),
        ("redis", "PONG", "8.2.1", ""),
    ]
    postgres = found.servers[0]
    assert (postgres.address, postgres.published) == ("db-server-postgres:5432", "127.0.0.1:5432")
    assert (postgres.data, postgres.state, postgres.health) == ("/data/db-server/postgres", "running", "healthy")


HERE = {POSTGRES: "identity 7123\n", REDIS: "identity 0a\n"}


@pytest.fixture
def remembered(state: Path, programs: Programs) -> Path:
    """Both servers serve the data that is remembered beside the state."""
    both(programs)
    programs.answer("psql", HERE[POSTGRES] + POSTGRES_SAYS)
    programs.answer("redis-cli", HERE[REDIS] + REDIS_SAYS)
    known = {"postgres": Known("7123", "/data/db-server/postgres"), "redis": Known("0a", "/data/db-server/redis")}
    identity.write(state, "unit", known)
    return state


@pytest.mark.usefixtures("remembered")
def test_the_data_that_is_remembered_is_not_spoken_of(programs: Programs) -> None:
    found = status(DECLARED)
    assert found.well
    assert [server.data_fault for server in found.servers] == ["", ""]
    assert len(programs.started("docker exec")) == 2


@pytest.mark.usefixtures("remembered")
@pytest.mark.parametrize(
    ("there", "said"),
    [("identity 8000\n", "holds the data of another PostgreSQL (8000)"), ("", "holds no data of this")],
)
def test_other_data_than_is_remembered_is_named_and_not_well(programs: Programs, there: str, said: str) -> None:
    programs.answer("psql", there + POSTGRES_SAYS)
    postgres, redis = status(DECLARED).servers
    assert f"/data/db-server/postgres {said}" in postgres.data_fault
    assert "the stack's is 7123" in postgres.data_fault
    assert (postgres.answers, postgres.well, redis.well) == ("4 of 100 connections", False, True)


def test_without_a_state_what_is_remembered_beside_the_data_counts(remembered: Path, programs: Programs) -> None:
    identity.path(remembered, "unit").unlink()
    assert status(DECLARED).well
    programs.answer("redis-cli", "remembered 0b\n" + HERE[REDIS] + REDIS_SAYS)
    assert "the stack's is 0b" in status(DECLARED).servers[1].data_fault


@pytest.mark.usefixtures("remembered")
def test_a_redis_that_keeps_nothing_and_one_that_does_not_answer_have_no_other_data(programs: Programs) -> None:
    programs.answer("redis-cli", REDIS_SAYS.replace("3600 1 300 100 60 10000", ""))
    assert status(DECLARED).servers[1].data_fault == ""
    programs.answer("redis-cli", Failed("no"))
    assert status(DECLARED).servers[1].data_fault == ""


SECURED = replace(DECLARED, outside={"postgres": "10.0.0.5"})


@pytest.mark.parametrize(("age", "days_left", "well"), [(0, 396, True), (396, 0, True), (397, -1, False)])
def test_the_certificate_of_a_server_with_tls_is_told_and_one_that_has_expired_is_not_well(
    programs: Programs, age: int, days_left: int, well: object
) -> None:
    both(programs)
    issued = datetime.now(UTC) - timedelta(days=age)
    authority = certificates.authority("unit", issued)
    pair = certificates.issue(authority, ["db.example.com"], [], issued)
    programs.answer("BEGIN CERTIFICATE", pair.certificate)
    postgres, redis = status(SECURED).servers
    assert postgres.certificate == Validity(certificates.expires(pair.certificate).isoformat(), days_left)
    assert postgres.well is well
    assert redis.certificate is None


@pytest.mark.parametrize("answer", ["", "no certificate", Failed("No such container")])
def test_a_certificate_that_cannot_be_seen_is_not_told(programs: Programs, answer: Any) -> None:
    both(programs)
    programs.answer("BEGIN CERTIFICATE", answer)
    assert status(SECURED).servers[0].certificate is None


def test_without_tls_nobody_is_asked_for_a_certificate(programs: Programs) -> None:
    both(programs)
    assert status(DECLARED).servers[0].certificate is None
    assert programs.started("BEGIN CERTIFICATE") == []


def test_what_both_use_is_told(programs: Programs) -> None:
    both(programs, RestartCount=3)
    postgres, redis = status(DECLARED).servers
    assert (postgres.restarts, postgres.oom_kills, postgres.inodes_free) == (3, 2, 800)
    assert (postgres.memory_used_bytes, postgres.memory_limit_bytes) == (50_000_000, 1024**3)
    assert (redis.disk_free_bytes, redis.disk_total_bytes) == (250 * 4096, 1000 * 4096)
    assert postgres.postgres == PostgresUse(
        4, 100, 1234, 0.99, (DatabaseSize("shop", 3_000_000), DatabaseSize("dbadmin", 2_000_000)),
        (KeptDatabase("shop__old_1", "shop", "2026-11-26T13:14:00+00:00", 4_000_000),),
    )  # fmt: skip
    assert redis.redis == RedisUse(3, 10000, 1_000_000, 100_000_000, 3, 0.75, "snapshot", "", 12)
    assert (postgres.redis, redis.postgres) == (None, None)


def test_the_uptime_is_the_container_s_and_never_negative(programs: Programs) -> None:
    now = datetime.now(UTC)
    started = [now - timedelta(hours=1), now + timedelta(hours=1)]
    times = [moment.isoformat().replace("+00:00", "789Z") for moment in started]
    entries = [inspected(server, StartedAt=at) for server, at in zip(contract.SERVERS, times, strict=True)]
    answering(programs, *entries)
    uptimes = [server.uptime_seconds for server in status(DECLARED).servers]
    assert uptimes[0] is not None
    assert 3600 <= uptimes[0] < 3700
    assert uptimes[1] == 0


def test_each_server_is_asked_by_one_command_and_docker_by_two(programs: Programs) -> None:
    both(programs)
    status(DECLARED)
    assert sorted(" ".join(call.argv[:3]) for call in programs.calls) == [
        "docker container inspect", "docker exec -i", "docker exec -i", "docker image inspect",
    ]  # fmt: skip


def test_a_server_off_its_network_is_down_with_that_reason(programs: Programs) -> None:
    off = inspected("redis")
    off["NetworkSettings"]["Networks"] = {}
    answering(programs, inspected("postgres"), off)
    found = status(DECLARED)
    assert [server.well for server in found.servers] == [True, False]
    assert found.servers[1].fault == f"{REDIS} is not on network n: no application reaches it; ./scripts/start.sh"
    assert found.servers[1].redis is not None, "its own figures are known all the same"


def test_a_crash_loop_shows_its_log_and_the_way_out(programs: Programs) -> None:
    crashing = inspected("redis", Status="restarting", ExitCode=1, RestartCount=5)
    answering(programs, inspected("postgres"), crashing)
    programs.answer("docker logs", "Can't open users.acl\n")
    redis = status(DECLARED).servers[1]
    assert redis.fault == "container is restarting (exit code 1)"
    assert redis.log == ("Can't open users.acl",)
    assert redis.advice == (
        f"{REDIS} ended by itself and was started again 5 times: docker logs --tail 100 {REDIS}",
        f"./scripts/start.sh makes it anew on the same data; all that it said: docker logs {REDIS}",
    )


def test_a_server_that_was_stopped_on_purpose_has_no_log_and_no_advice(programs: Programs) -> None:
    answering(programs, inspected("postgres", Status="exited", ExitCode=0), inspected("redis"))
    programs.answer("psql", Failed("Error response from daemon: container is not running"))
    stopped = status(DECLARED).servers[0]
    assert (stopped.log, stopped.advice) == ((), ())


def test_restarts_kills_and_other_collations_are_told_with_their_commands(programs: Programs) -> None:
    answering(programs, inspected("postgres", RestartCount=1, OOMKilled=True), inspected("redis"))
    programs.answer("psql", POSTGRES_SAYS.replace('"collations" : []', '"collations" : [{"name": "shop"}]'))
    found = status(DECLARED)
    assert found.well
    assert found.servers[0].advice == (
        f"{POSTGRES} ended by itself and was started again once: docker logs --tail 100 {POSTGRES}",
        f"{POSTGRES} lacked memory, processes were killed: raise postgres.memory, then ./scripts/start.sh",
        (
            f"the indexes of database shop were made under another collation version: docker exec {POSTGRES} reindexdb"
            f" -U dbadmin --dbname shop && docker exec {POSTGRES} psql -U dbadmin -d postgres"
            f" -c 'ALTER DATABASE \"shop\" REFRESH COLLATION VERSION'"
        ),
    )


def test_a_missing_container_is_not_well_and_named(programs: Programs) -> None:
    answering(programs)
    programs.answer("container inspect", NO_CONTAINER)
    programs.answer("docker exec", NO_CONTAINER)
    found = status(DECLARED)
    assert not found.well
    assert [(s.state, s.fault, s.differences) for s in found.servers] == [
        ("missing", f"container {POSTGRES} does not exist", ()),
        ("missing", f"container {REDIS} does not exist", ()),
    ]


@pytest.mark.parametrize(
    ("killed", "fault"),
    [
        (False, "container is exited (exit code 137)"),
        (True, "container is exited (exit code 137, killed for lack of memory)"),
    ],
)
def test_a_stopped_container_says_why(programs: Programs, *, killed: bool, fault: str) -> None:
    stopped = inspected("postgres", Status="exited", ExitCode=137, OOMKilled=killed)
    answering(programs, stopped, inspected("redis"))
    programs.answer("psql", Failed("Error response from daemon: container is not running"))
    programs.answer("docker logs", "first\nFATAL:  last\n")
    found = status(DECLARED)
    assert found.servers[0].log == ("first", "FATAL:  last")
    assert [s.fault for s in found.servers] == [fault, ""]
    assert found.servers[0].oom_kills == int(killed)
    assert (found.servers[0].uptime_seconds, found.servers[0].postgres) == (None, None)
    assert found.servers[1].redis is not None
    assert not found.well


@pytest.mark.parametrize(
    ("words", "answer", "faults"),
    [
        ("psql", Failed("FATAL: no room\nFATAL: again"), [f"{POSTGRES} does not answer: FATAL: no room", ""]),
        ("psql", Failed("", status=124), [f"{POSTGRES} does not answer: no answer within 10 s", ""]),
        ("psql", Failed("", status=1), [f"{POSTGRES} does not answer: exit status 1", ""]),
        ("psql", FileNotFoundError(), [f"{POSTGRES} does not answer: docker not found", ""]),
        ("redis-cli", FIGURES + "NOAUTH Authentication required.\n",
         ["", f"{REDIS} does not answer PONG: NOAUTH Authentication required."]),
        ("redis-cli", Failed("Could not connect"), ["", f"{REDIS} does not answer PONG: Could not connect"]),
    ],
)  # fmt: skip
def test_a_server_that_does_not_answer_says_why_and_the_other_one_is_shown(
    programs: Programs, words: str, answer: Any, faults: list[str]
) -> None:
    both(programs)
    programs.answer(words, answer)
    found = status(DECLARED)
    assert [server.fault for server in found.servers] == faults
    assert [server.well for server in found.servers] == [not fault for fault in faults]


def test_a_server_that_is_loading_still_shows_what_its_container_uses(programs: Programs) -> None:
    both(programs)
    programs.answer("redis-cli", REDIS_SAYS.replace("PONG", "LOADING Redis is loading the dataset in memory"))
    redis = status(DECLARED).servers[1]
    assert (redis.well, redis.memory_used_bytes, redis.redis) == (False, 50_000_000, None)


def test_a_container_that_docker_calls_unhealthy_is_not_well_though_it_answers(programs: Programs) -> None:
    both(programs, Health={"Status": "unhealthy"})
    found = status(DECLARED)
    assert not found.well
    assert [(server.answers, server.fault) for server in found.servers] == [("4 of 100 connections", ""), ("PONG", "")]


def test_a_container_that_just_starts_is_well_where_it_answers(programs: Programs) -> None:
    both(programs, Health={"Status": "starting"})
    assert status(DECLARED).well


def test_containers_as_declared_differ_in_nothing(programs: Programs) -> None:
    both(programs)
    assert [server.differences for server in status(DECLARED).servers] == [(), ()]


def test_what_is_not_as_declared_is_named_with_both_values(programs: Programs) -> None:
    redis = inspected("redis")
    redis["Config"]["Cmd"] = ["redis-server"]
    del redis["Config"]["Labels"]["com.database.stack"]
    answering(programs, inspected("postgres"), redis)
    found = status(DECLARED)
    assert [server.differences for server in found.servers] == [
        (),
        (
            "command: ['redis-server'], declared is ['redis-server', '/usr/local/etc/redis/redis.conf']",
            "label com.database.stack: none, declared is unit",
        ),
    ]
    assert found.well


@pytest.mark.parametrize(
    ("stand_ins", "here", "named"),
    [
        (False, ["postgres:17"], True),
        (False, ["db-server-stand-in/postgres:17"], False),
        (True, ["db-server-stand-in/postgres:17"], True),
        (True, [], False),
    ],
)
def test_an_image_that_is_another_one_by_now_is_named(
    programs: Programs, here: list[str], *, stand_ins: bool, named: bool
) -> None:
    both(programs)
    programs.answer("image inspect", printed({"Id": "sha256:new", "RepoTags": here}))
    declared: Declared = replace(DECLARED, stand_ins=stand_ins)
    expected = (f"image identity: {IDENTITY}, declared is sha256:new",) if named else ()
    assert status(declared).servers[0].differences == expected


CHECK = "CMD pg_isready -U dbadmin -d postgres"


@pytest.mark.parametrize(
    ("where", "change", "named"),
    [
        ("Config", {"Env": ["PGDATA=/tmp"]}, "environment: {'PGDATA': '/tmp', 'POSTGRES_USER': None,"),
        ("Config", {"Labels": {"com.database.stack": "unit"}}, "label com.database.server: None, declared is postgres"),
        ("Config", {"Healthcheck": None}, f"health check: None, declared is {CHECK} (every 5 s, within 5 s, 5 retries"),
        ("HostConfig", {"Memory": 0}, "memory limit: 0, declared is 1073741824"),
        ("HostConfig", {"RestartPolicy": {"Name": "no"}}, "restart policy: no, declared is always"),
        ("HostConfig", {"LogConfig": {"Type": "none", "Config": {}}}, "log: none, declared is json-file, max-file=3"),
        ("HostConfig", {"PortBindings": {}}, "published port: none, declared is 127.0.0.1:5432->5432/tcp"),
    ],
)
def test_each_part_of_a_container_is_compared(
    programs: Programs, where: str, change: dict[str, Any], named: str
) -> None:
    postgres = inspected("postgres")
    postgres[where] |= change
    answering(programs, postgres, inspected("redis"))
    assert [each for each in status(DECLARED).servers[0].differences if each.startswith(named)]


def test_an_added_variable_is_named_without_its_value(programs: Programs) -> None:
    postgres = inspected("postgres")
    postgres["Config"]["Env"] += ["PATH=/bin", "POSTGRES_PASSWORD=secret", "POSTGRES_HOST_AUTH_METHOD=trust"]
    answering(programs, postgres, inspected("redis"))
    image = {"Id": IDENTITY, "RepoTags": ["postgres:17"], "Config": {"Env": ["PATH=/usr/bin"]}}
    programs.answer("image inspect", printed(image))
    assert status(DECLARED).servers[0].differences == (
        "environment: POSTGRES_HOST_AUTH_METHOD, POSTGRES_PASSWORD added, declared is none of it",
    )


def test_images_that_cannot_be_asked_for_are_no_failure(programs: Programs) -> None:
    both(programs)
    programs.answer("image inspect", FileNotFoundError())
    assert status(DECLARED).well


def test_a_daemon_that_is_down_is_an_error_not_two_missing_servers(programs: Programs) -> None:
    programs.answer("docker", Failed("Cannot connect to the Docker daemon"))
    with pytest.raises(NotRunningError, match="does not answer"):
        status(DECLARED)


def test_sizes_that_took_too_long_are_left_out(programs: Programs) -> None:
    both(programs)
    programs.answer("psql", POSTGRES_SAYS.partition("[[")[0])
    postgres = status(DECLARED).servers[0]
    assert postgres.well
    assert postgres.postgres is not None
    assert postgres.postgres.databases == ()


def test_another_stack_s_servers_are_not_shown_as_this_one_s(programs: Programs) -> None:
    answering(programs)
    postgres, redis = inspected(contract.POSTGRES), inspected(contract.REDIS)
    redis["Config"]["Labels"]["com.database.stack"] = "other"
    programs.answer("container inspect", printed(postgres, redis))
    with pytest.raises(RefusedError, match="container db-server-redis belongs to stack other, not to stack unit"):
        status(DECLARED)


@pytest.mark.parametrize(("faults", "well"), [([], True), (["data/toc.dat: other bytes"], False)])
def test_a_newest_backup_that_was_found_damaged_is_not_like_one_that_nobody_looked_at(
    programs: Programs, tmp_path: Path, faults: list[str], *, well: bool
) -> None:
    both(programs)
    store, declared = Store(tmp_path), replace(DECLARED, backup_directory=str(tmp_path))
    with store.new("shop", datetime.now(UTC)) as partial:
        backup = store.finish(partial, made(id=final_name(partial)))
    unseen = status(declared)
    assert (unseen.backups[0].verified, unseen.backups[0].damaged, unseen.well) == ("", False, True)
    evidence.note(backup, faults)
    found = status(declared)
    assert (bool(found.backups[0].verified), found.backups[0].damaged, found.well) == (well, not well, well)


def test_backups_that_cannot_be_read_are_not_told_as_none(programs: Programs, tmp_path: Path) -> None:
    both(programs)
    (tmp_path / "file").touch()
    assert status(replace(DECLARED, backup_directory=str(tmp_path / "file"))).backups == ()


def test_a_daemon_that_hangs_is_told_at_once_and_nobody_waits_for_a_server(programs: Programs) -> None:
    programs.answer("docker", subprocess.TimeoutExpired("docker", 2))
    with pytest.raises(NotRunningError, match="does not answer"):
        status(DECLARED)
    assert [len(programs.started(words)) for words in ("psql", "redis-cli")] == [1, 1]
    assert max(call.options.get("timeout", 0) for call in programs.calls) <= 2


def test_a_server_that_never_answers_is_named_once_its_time_is_over(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    both(programs)
    programs.answer("psql", subprocess.TimeoutExpired("docker", 2))
    monkeypatch.setattr("dbserver.actions.status.LIMIT_SECONDS", 0.01)
    postgres, redis = status(DECLARED).servers
    assert (postgres.fault, redis.answers) == ("db-server-postgres does not answer: no answer within 10 s", "PONG")
