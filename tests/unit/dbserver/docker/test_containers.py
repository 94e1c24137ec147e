"""Containers as `docker container inspect` shows them, and the verbs that change their state."""

from typing import Any

import pytest

from dbserver.docker import containers
from dbserver.docker.containers import Published
from dbserver.docker.privileges import Privileges
from dbserver.errors import DbServerError, Exit, NotRunningError
from tests.unit.fakes import IDENTITY, NO_CONTAINER, Failed, Programs, inspected, printed

NAME = "db-server-postgres"


def found(programs: Programs, **state: Any) -> containers.Container:
    programs.answer("container inspect", printed(inspected(**state)))
    return containers.inspect([NAME])[NAME]


def test_a_container_is_read_from_what_docker_prints(programs: Programs) -> None:
    assert found(programs) == containers.Container(
        id="c" * 64,
        name=NAME,
        image="postgres:17",
        image_id=IDENTITY,
        state="running",
        health="healthy",
        exit_code=0,
        oom_killed=False,
        restarts=0,
        started_at="2026-01-01T00:00:01Z",
        labels={"com.database.server": "postgres"},
        environment={"PG_MAJOR": "17"},
        mounts={
            "/var/lib/postgresql/data": "/data/db-server/postgres",
            "/etc/postgresql": "/data/db-server/config/postgres",
        },
        published=(Published("5432/tcp", "127.0.0.1", 5432),),
        networks=("nginx-network",),
        command=("postgres",),
        health_check=containers.HealthCheck(("CMD", "true"), interval=5, timeout=5, start_period=60, retries=5),
        memory=1024**3,
        restart_policy="always",
        aliases=("postgres",),
        network_ids={"nginx-network": "n"},
        binds={
            "/var/lib/postgresql/data": "/data/db-server/postgres",
            "/etc/postgresql": "/data/db-server/config/postgres",
        },
        privileges=Privileges(capabilities=(), dropped=(), security=(), read_only=False, core=None),
        unwritable=("/etc/postgresql",),
    )


def test_how_a_container_logs_stops_and_swaps_is_read_too(programs: Programs) -> None:
    entry = inspected()
    log = {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}
    entry["HostConfig"] |= {"MemorySwap": 2048, "ShmSize": 64, "LogConfig": log}
    entry["Config"]["StopTimeout"] = 60
    programs.answer("container inspect", printed(entry))
    seen = containers.inspect([NAME])[NAME]
    assert (seen.swap, seen.shared_memory, seen.stop_seconds) == (2048, 64, 60)
    assert seen.log == ("json-file", "max-file=3", "max-size=10m")


@pytest.mark.parametrize(("failed", "health"), [(0, "starting"), (5, "unhealthy")])
def test_a_container_of_which_no_check_has_failed_is_not_unhealthy(
    programs: Programs, failed: int, health: str
) -> None:
    """Docker says so of one that goes on after a pause, until its first check."""
    programs.answer("container inspect", printed(inspected(Health={"Status": "unhealthy", "FailingStreak": failed})))
    assert containers.inspect([NAME])[NAME].health == health


def test_a_container_of_a_stranger_without_labels_mounts_ports_or_health_is_read_too(programs: Programs) -> None:
    entry = inspected(Status="exited", ExitCode=137, OOMKilled=True)
    del entry["State"]["Health"]
    entry["Config"]["Labels"] = None
    entry["Config"]["Env"] = None
    entry["Mounts"] = None
    entry["HostConfig"]["PortBindings"] = None
    entry["NetworkSettings"]["Networks"] = {}
    programs.answer("container inspect", printed(entry))
    read = containers.inspect([NAME])[NAME]
    assert (read.health, read.labels, read.mounts, read.published, read.networks) == ("", {}, {}, (), ())
    assert read.environment == {}
    assert (read.running, read.exit_code, read.oom_killed) == (False, 137, True)


@pytest.mark.parametrize(
    ("bindings", "published"),
    [
        ({}, ()),
        ({"5432/tcp": None}, ()),
        ({"5432/tcp": []}, ()),
        ({"5432/tcp": [{"HostIp": "", "HostPort": ""}]}, (("5432/tcp", "", 0),)),
        ({"5432/tcp": [{"HostIp": "0.0.0.0", "HostPort": "7"}]}, (("5432/tcp", "0.0.0.0", 7),)),
        (
            {"5432/tcp": [{"HostIp": "192.0.2.9", "HostPort": "7"}, {"HostIp": "127.0.0.1", "HostPort": "7"}]},
            (("5432/tcp", "127.0.0.1", 7), ("5432/tcp", "192.0.2.9", 7)),
        ),
    ],
)
def test_published_ports_are_read_in_every_form(programs: Programs, bindings: object, published: object) -> None:
    entry = inspected()
    entry["HostConfig"]["PortBindings"] = bindings
    entry["NetworkSettings"]["Ports"] = bindings
    programs.answer("container inspect", printed(entry))
    found = containers.inspect([NAME])[NAME]
    assert found.published == published
    assert sorted(found.bindings) == list(found.published)


def test_ports_keep_docker_s_order_beside_the_sorted_one(programs: Programs) -> None:
    entry = inspected()
    both = [{"HostIp": "192.0.2.9", "HostPort": "7"}, {"HostIp": "127.0.0.1", "HostPort": "7"}]
    entry["HostConfig"]["PortBindings"] = {"5432/tcp": both[::-1]}
    entry["NetworkSettings"]["Ports"] = {"5432/tcp": both}
    programs.answer("container inspect", printed(entry))
    assert [each.address for each in containers.inspect([NAME])[NAME].bindings] == ["192.0.2.9", "127.0.0.1"]


def test_a_variable_keeps_what_follows_its_first_equals_sign_and_one_without_a_value_is_left_out(
    programs: Programs,
) -> None:
    entry = inspected()
    entry["Config"]["Env"] = ["POSTGRES_USER=boss", "POSTGRES_INITDB_ARGS=--encoding=UTF8", "EMPTY=", "BARE"]
    programs.answer("container inspect", printed(entry))
    assert containers.inspect([NAME])[NAME].environment == {
        "POSTGRES_USER": "boss",
        "POSTGRES_INITDB_ARGS": "--encoding=UTF8",
        "EMPTY": "",
    }


@pytest.mark.parametrize("said", ["Error: No such container: x", "Error response from daemon: No such container: x"])
def test_a_container_that_does_not_exist_is_left_out(programs: Programs, said: str) -> None:
    programs.answer("container inspect", Failed(said))
    assert containers.inspect(["x"]) == {}


def test_two_containers_are_asked_for_at_once(programs: Programs) -> None:
    programs.answer("container inspect", printed(inspected("a"), inspected("b")))
    assert set(containers.inspect(["a", "b"])) == {"a", "b"}
    assert programs.calls[0].argv == ("docker", "container", "inspect", "a", "b")


CANNOT = "Cannot connect to the Docker daemon"


@pytest.mark.parametrize(
    ("said", "message", "hint"),
    [
        ("Cannot connect to the Docker daemon", "does not answer: Cannot connect", "sudo systemctl start docker"),
        (f"{CANNOT}\n{CANNOT}", f"does not answer: {CANNOT}", "sudo systemctl start docker"),
        ("permission denied while trying to connect", "no permission to use", "sudo usermod -aG docker $USER"),
    ],
)
def test_a_daemon_that_cannot_be_used_is_an_error_with_the_way_out(
    programs: Programs, said: str, message: str, hint: str
) -> None:
    programs.answer("container inspect", Failed(said))
    with pytest.raises(NotRunningError) as caught:
        containers.inspect([NAME])
    assert message in caught.value.message
    assert caught.value.message.count(CANNOT) <= 1
    assert caught.value.hint.startswith(hint)
    assert caught.value.exit_code == Exit.UNHEALTHY


def test_only_the_label_of_the_stack_makes_a_container_ours(programs: Programs) -> None:
    entry = inspected()
    entry["Config"]["Labels"]["com.database.stack"] = "dev"
    programs.answer("container inspect", printed(entry))
    read = containers.inspect([NAME])[NAME]
    assert read.belongs_to("dev")
    assert not read.belongs_to("prod")


def test_a_server_has_60_seconds_to_stop_and_the_command_waits_longer(programs: Programs) -> None:
    programs.answer("docker", "")
    containers.stop(NAME)
    containers.restart(NAME)
    for call, verb in zip(programs.calls, ("stop", "restart"), strict=True):
        assert call.argv == ("docker", verb, "--time", "60", NAME)
        assert call.options["timeout"] > 60
        assert call.options["start_new_session"], "an interruption would leave the container stopped"


def test_removing_a_container_never_forces_and_never_takes_its_volumes(programs: Programs) -> None:
    programs.answer("docker", "")
    containers.remove(NAME)
    containers.resume(NAME)
    containers.start(NAME)
    assert [call.argv for call in programs.calls] == [
        ("docker", "rm", NAME),
        ("docker", "unpause", NAME),
        ("docker", "start", NAME),
    ]


def test_discarding_a_throwaway_takes_its_anonymous_volumes_and_none_is_none(programs: Programs) -> None:
    programs.answer("docker rm", "", Failed("Error: No such container: x"), Failed("device busy"))
    containers.discard("x")
    containers.discard("x")
    with pytest.raises(DbServerError, match="container x cannot be removed: device busy"):
        containers.discard("x")
    assert programs.calls[0].argv == ("docker", "rm", "--force", "--volumes", "x")


def test_the_last_lines_of_a_container_that_is_gone_are_no_error(programs: Programs) -> None:
    programs.answer("docker logs", NO_CONTAINER)
    assert containers.last_lines(NAME) == ""


@pytest.mark.parametrize(
    ("since", "follow", "options"),
    [
        (None, False, []),
        ("10m", False, ["--since", "10m"]),
        ("10m", True, ["--since", "10m", "--follow"]),
    ],
)
def test_a_log_is_shown_with_its_times(since: str | None, options: list[str], *, follow: bool) -> None:
    assert containers.logs_argv(NAME, since, 100, follow=follow) == [
        "docker", "logs", "--timestamps", "--tail", "100", *options, NAME,
    ]  # fmt: skip


def test_why_a_start_failed_and_what_the_health_check_printed_are_kept(programs: Programs) -> None:
    health = {"Status": "unhealthy", "Log": [{"ExitCode": 1, "Output": "no answer\n"}]}
    shown = found(programs, Error="port is already allocated", Health=health)
    assert (shown.error, shown.health_log) == ("port is already allocated", ("no answer",))


def test_the_lines_of_a_log_are_those_of_both_streams_since_a_time(programs: Programs) -> None:
    programs.answer("docker logs", "one\ntwo\n")
    assert containers.recent_lines(NAME, "10m", 50) == ("one", "two")
    assert programs.calls[0].argv == ("docker", "logs", "--since", "10m", "--tail", "50", NAME)
    programs.answer("docker logs", Failed("no such container"))
    assert containers.recent_lines(NAME, "10m", 50) == ()


def test_a_container_that_is_held_neither_starts_by_itself_nor_gets_anywhere_when_started(programs: Programs) -> None:
    programs.answer("docker update", "")
    containers.leave_stopped(NAME)
    containers.hold(NAME)
    containers.release(NAME, "always", 0)
    containers.release(NAME, "", 200)
    assert [call.argv[2:] for call in programs.calls] == [
        ("--restart", "no", NAME),
        ("--restart", "no", "--pids-limit", "1", NAME),
        ("--restart", "always", "--pids-limit", "-1", NAME),
        ("--restart", "no", "--pids-limit", "200", NAME),
    ]


def test_a_volume_is_no_directory_of_the_host(programs: Programs) -> None:
    entry = inspected()
    entry["Mounts"] = [
        {"Type": "volume", "Destination": "/data", "Source": "/var/lib/docker/volumes/x/_data"},
        {"Type": "bind", "Destination": "/conf", "Source": "/srv/conf"},
    ]
    programs.answer("container inspect", printed(entry))
    read = containers.inspect([NAME])[NAME]
    assert read.binds == {"/conf": "/srv/conf"}
    assert set(read.mounts) == {"/data", "/conf"}
