"""Containers as `docker container inspect` shows them, and the verbs that change their state."""

from typing import Any

import pytest

from dbserver.docker import containers
from dbserver.errors import Exit, NotRunningError
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
        published={"5432/tcp": ("127.0.0.1", 5432)},
        networks=("nginx-network",),
    )


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
    assert (read.health, read.labels, read.mounts, read.published, read.networks) == ("", {}, {}, {}, ())
    assert read.environment == {}
    assert (read.running, read.exit_code, read.oom_killed) == (False, 137, True)


@pytest.mark.parametrize(
    ("bindings", "published"),
    [
        ({}, {}),
        ({"5432/tcp": None}, {}),
        ({"5432/tcp": []}, {}),
        ({"5432/tcp": [{"HostIp": "", "HostPort": ""}]}, {"5432/tcp": ("", 0)}),
        ({"5432/tcp": [{"HostIp": "0.0.0.0", "HostPort": "7"}]}, {"5432/tcp": ("0.0.0.0", 7)}),
    ],
)
def test_published_ports_are_read_in_every_form(programs: Programs, bindings: object, published: object) -> None:
    entry = inspected()
    entry["HostConfig"]["PortBindings"] = bindings
    programs.answer("container inspect", printed(entry))
    assert containers.inspect([NAME])[NAME].published == published


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


@pytest.mark.parametrize(
    ("said", "message", "hint"),
    [
        ("Cannot connect to the Docker daemon", "does not answer: Cannot connect", "sudo systemctl start docker"),
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


def test_the_last_lines_of_a_container_that_is_gone_are_no_error(programs: Programs) -> None:
    programs.answer("docker logs", NO_CONTAINER)
    assert containers.last_lines(NAME) == ""
