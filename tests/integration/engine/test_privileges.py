"""The containers may do what they need and nothing else, and everything that runs in them works with that."""

import json
from collections.abc import Iterator

import pytest

from dbserver import contract
from dbserver.docker.privileges import PRIVILEGES, PROCESSES
from tests.support.commands import Ran, run
from tests.support.stack import Stack

NONE = "0000000000000000"


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    made = Stack(tmp_path_factory.mktemp("narrow"))
    made.configure(archive={"enabled": True, "containerName": f"{made.name}-archive"})
    made.start().ok()
    yield made
    made.remove()


def containers(stack: Stack) -> dict[str, str]:
    names = (stack.postgres, stack.redis, f"{stack.name}-archive")
    return dict(zip((*contract.SERVERS, contract.ARCHIVE), names, strict=True))


def inside(container: str, script: str, *options: str) -> Ran:
    return run("docker", "exec", *options, container, "sh", "-c", script)


def test_a_server_has_no_capability_and_cannot_get_one(narrow: Stack) -> None:
    for server, name in containers(narrow).items():
        status = dict(line.split(":\t") for line in inside(name, "cat /proc/1/status").ok().out.splitlines())
        assert (status["CapEff"], status["CapPrm"], status["NoNewPrivs"]) == (NONE, NONE, "1"), server
        assert status["Uid"].split()[0] != "0", server


def test_root_in_a_container_has_only_what_an_entrypoint_needs(narrow: Stack) -> None:
    for server, name in containers(narrow).items():
        shown = inside(name, "setpriv --dump", "--user", "0").ok().out
        bounding = next(line for line in shown.splitlines() if line.startswith("Capability bounding set"))
        found = {f"CAP_{word.strip().upper()}" for word in bounding.partition(":")[2].split(",")} - {"CAP_[NONE]"}
        assert found == set(PRIVILEGES[server].capabilities), server


def test_the_programs_of_a_container_cannot_be_changed_and_its_temporary_files_are_in_memory(narrow: Stack) -> None:
    for name in containers(narrow).values():
        assert "Read-only file system" in inside(name, "touch /usr/bin/planted", "--user", "0").text
        assert "Read-only file system" in inside(name, "touch /etc/planted", "--user", "0").text
        assert inside(name, "stat -f -c %T /tmp && touch /tmp/probe && rm /tmp/probe").ok().out.strip() == "tmpfs"


def test_a_container_has_no_volume_that_outlives_it(narrow: Stack) -> None:
    for name in containers(narrow).values():
        assert [mount for mount in narrow.inspect(name)["Mounts"] if mount["Type"] == "volume"] == [], name


def test_a_server_has_a_limit_of_processes_in_the_kernel(narrow: Stack) -> None:
    for name in (narrow.postgres, narrow.redis):
        found = inside(name, "cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null || true").ok()
        assert found.out.split() == [str(PROCESSES)], name


def test_a_server_that_crashes_writes_no_core_file(narrow: Stack) -> None:
    for name in containers(narrow).values():
        limits = inside(name, "cat /proc/1/limits").ok().out.splitlines()
        assert [line.split()[4:6] for line in limits if line.startswith("Max core file size")] == [["0", "0"]], name
    assert narrow.psql("COPY (SELECT 1) TO PROGRAM 'kill -SEGV $PPID'").code != 0
    narrow.until(lambda: narrow.psql("SELECT 1").code == 0, what="the server after its crash")
    assert "terminated by signal 11" in run("docker", "logs", narrow.postgres).text
    assert list((narrow.data / "postgres").glob("core*")) == []


@pytest.mark.full
def test_a_second_preview_a_refresh_and_an_update_change_nothing(narrow: Stack) -> None:
    before = {name: narrow.inspect(name)["Id"] for name in containers(narrow).values()}
    narrow.pulumi("preview", "--expect-no-changes").ok()
    narrow.assert_clean()
    narrow.start().ok()
    assert {name: narrow.inspect(name)["Id"] for name in containers(narrow).values()} == before
    assert json.loads(narrow.script("dbserver", "drift", "--format", "json").ok().out)


@pytest.mark.full
def test_a_limit_of_processes_that_was_lifted_by_hand_is_seen_and_set_again(narrow: Stack) -> None:
    run("docker", "update", "--pids-limit", "-1", narrow.postgres).ok()
    assert narrow.script("dbserver", "drift").code == 1
    before = narrow.ids()
    narrow.start().ok()
    narrow.script("dbserver", "drift").ok()
    assert narrow.ids() == before


@pytest.mark.full
def test_a_container_with_more_privileges_is_seen_and_made_anew_on_its_data(narrow: Stack) -> None:
    narrow.cli("SET", "kept", "yes")
    image = narrow.inspect(narrow.redis)["Config"]["Image"]
    run("docker", "stop", "-t", "60", narrow.redis).ok()
    run("docker", "rm", narrow.redis).ok()
    mounts = ["-v", f"{narrow.data}/redis:/data", "-v", f"{narrow.data}/config/redis:/usr/local/etc/redis:ro"]
    where = ["--network", narrow.network, "--network-alias", "redis", "-p", f"127.0.0.1:{narrow.redis_port}:6379"]
    argv = ["docker", "run", "-d", "--name", narrow.redis, *where, *mounts, image]
    run(*argv, "redis-server", "/usr/local/etc/redis/redis.conf").ok()
    assert "privileges: capabilities none" in narrow.script("dbserver", "status", "--format", "json").out
    narrow.start().ok()
    narrow.script("dbserver", "drift").ok()
    assert narrow.cli("GET", "kept") == "yes"
    assert narrow.inspect(narrow.redis)["HostConfig"]["CapDrop"] == ["ALL"]
