"""What is refused before the first change, with the reason and the way out."""

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dbserver.docker.images import resolve
from tests.support.commands import run
from tests.support.stack import Stack


@pytest.fixture
def running(lasting: Stack) -> Stack:
    """One stack for all: nothing here may change it."""
    return lasting


def assert_refused(stack: Stack, *parts: str) -> None:
    """Both the preview and start refuse, say why, and have made nothing."""
    stack.pulumi("stack", "init", stack.name).ok()
    for done in (stack.pulumi("preview"), stack.start()):
        assert done.code != 0, done.text
        for part in parts:
            assert part in done.text, done.text
        assert "Traceback" not in done.text
    assert done.code == 5, done.text
    assert run("docker", "ps", "-aq", "--filter", f"label=com.database.stack={stack.name}").out == ""


def fill(directory: Path, version: str = "17", uid: int = 999) -> Path:
    directory.mkdir(parents=True)
    (directory / "PG_VERSION").write_text(f"{version}\n")
    os.chown(directory, uid, uid)
    os.chown(directory / "PG_VERSION", uid, uid)
    directory.chmod(0o700)
    return directory


@pytest.mark.full
def test_data_of_another_major_version_is_refused(stack: Stack) -> None:
    data = fill(stack.data / "postgres", version="15")
    assert_refused(stack, "holds data of PostgreSQL 15", "postgres:15")
    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]


@pytest.mark.full
def test_a_new_major_version_is_refused_while_the_old_one_runs_on(running: Stack) -> None:
    image = running.inspect(running.postgres)["Config"]["Image"]
    newer = f"{running.name}-newer:18"
    running.build_image(newer, f"FROM {image}\nENV PG_MAJOR=18\n")
    ids = running.ids()
    with running.configured(postgres={"image": newer}):
        refused = running.pulumi("preview"), running.start()
    for done in refused:
        assert done.code != 0
        assert "holds data of PostgreSQL 17" in done.text
    assert running.ids() == ids
    assert running.sql("SELECT 1") == "1"
    run("docker", "image", "rm", newer)


@pytest.mark.full
def test_an_older_redis_is_refused_while_the_newer_one_runs_and_once_it_has_stopped(running: Stack) -> None:
    running.cli("SET", "kept", "yes")
    ids = running.ids()
    with running.configured(redis={"image": "redis:7"}):
        refused = running.start()
        assert running.ids() == ids
        running.script("stop.sh").ok()
        for done in (refused, running.start()):
            assert done.code == 5, done.text
            assert "holds data of Redis 8." in done.text
            assert "set redis.image to redis:8" in done.text
    running.start().ok()
    assert running.cli("GET", "kept") == "yes"


@pytest.mark.full
def test_data_of_another_owner_is_refused(stack: Stack) -> None:
    data = fill(stack.data / "postgres", uid=4711)
    assert_refused(stack, "belongs to uid 4711", "chown -R 999")
    assert data.stat().st_uid == 4711


@pytest.mark.full
def test_a_directory_that_another_container_works_on_is_refused(
    running: Stack, make_stack: Callable[[str], Stack]
) -> None:
    second = make_stack("second")
    second.configure(dataDirectory=str(running.data))
    assert_refused(second, "is in use by process", "would destroy the data")
    assert running.sql("SELECT 1") == "1"


@pytest.mark.full
def test_a_directory_that_another_process_works_on_is_refused(stack: Stack) -> None:
    data = fill(stack.data / "postgres")
    process = subprocess.Popen(["sleep", "120"], cwd=data)
    try:
        assert_refused(stack, f"is in use by process {process.pid}", "sleep")
    finally:
        process.kill()
        process.wait()


@pytest.mark.full
def test_a_taken_port_is_refused_and_its_holder_named(stack: Stack) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", stack.postgres_port))
        holder.listen()
        assert_refused(stack, f"port {stack.postgres_port} is taken by", f"pid {os.getpid()}")


@pytest.mark.full
def test_a_port_taken_by_another_container_is_refused_by_its_name(
    running: Stack, make_stack: Callable[[str], Stack]
) -> None:
    second = make_stack("second")
    second.configure(redis={"port": running.redis_port})
    assert_refused(second, f"port {running.redis_port} is taken by container {running.redis}")


def test_the_servers_of_another_stack_are_not_taken_over(running: Stack, make_stack: Callable[[str], Stack]) -> None:
    second = make_stack("second")
    second.configure(
        postgres={"containerName": running.postgres, "port": running.postgres_port},
        redis={"containerName": running.redis, "port": running.redis_port},
        dataDirectory=str(running.data),
    )
    ids = running.ids()
    assert_refused(second, f"belongs to stack {running.name}")
    assert running.ids() == ids


def test_a_clone_with_a_state_of_its_own_does_not_take_the_servers_over(running: Stack, tmp_path: Path) -> None:
    clone = Stack(tmp_path, name=running.name, config=dict(running.config))
    ids = running.ids()
    clone.pulumi("stack", "init", clone.name).ok()
    for done in (clone.pulumi("preview"), clone.start()):
        assert done.code != 0, done.text
        assert f"{running.postgres} and {running.redis} of stack {running.name} were made by another state" in done.text
        assert f"{running.project / '.state'}; this one is in " in done.text
        assert "./scripts/start.sh --take-over" in done.text
    assert done.code == 5, done.text
    assert running.ids() == ids


@pytest.mark.full
def test_another_name_for_the_administrator_of_existing_data_is_refused(running: Stack) -> None:
    ids = running.ids()
    with running.configured(postgres={"adminUser": "another"}):
        done = running.start()
    assert done.code == 5, done.text
    assert "knows its administrator as dbadmin" in done.err
    assert running.ids() == ids


@pytest.fixture
def small_disk(stack: Stack) -> Iterator[Stack]:
    stack.data.mkdir(parents=True)
    run("mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", str(stack.data)).ok()
    yield stack
    run("umount", str(stack.data)).ok()


@pytest.mark.full
def test_too_little_disk_is_refused(small_disk: Stack) -> None:
    assert_refused(small_disk, "only ", "MB free")
    assert not list(small_disk.data.iterdir())


@pytest.mark.full
def test_a_missing_network_is_refused_with_the_command_that_makes_it(stack: Stack) -> None:
    stack.configure(network={"create": False})
    assert_refused(stack, f"docker network create {stack.network}")
    stack.pulumi("stack", "select", "another", "--create").ok()
    assert stack.start().code == 5
    assert stack.selected() == "another", "a start that failed selects nothing"
    run("docker", "network", "create", stack.network).ok()
    stack.start().ok()
    assert stack.selected() == stack.name


@pytest.mark.full
def test_an_unusable_daemon_is_refused(stack: Stack) -> None:
    stack.environment = {"DOCKER_HOST": "unix:///nonexistent/docker.sock"}
    done = stack.pulumi("stack", "init", stack.name).ok()
    done = stack.pulumi("preview")
    assert done.code != 0
    assert "Docker daemon does not answer" in done.text
    started = stack.start()
    assert started.code != 0
    assert "Traceback" not in started.text


def test_an_image_that_nobody_has_is_named_with_the_command(stack: Stack) -> None:
    stack.configure(redis={"image": "no-such-image-anywhere:8"})
    stack.pulumi("stack", "init", stack.name).ok()
    done = stack.pulumi("preview")
    assert done.code != 0
    assert "docker pull no-such-image-anywhere:8" in done.text


@pytest.mark.full
def test_a_server_that_never_answers_ends_the_update_with_its_last_log_lines(stack: Stack) -> None:
    broken = f"{stack.name}-broken:8"
    base = resolve("redis:8", stand_ins=True).name
    stack.build_image(broken, f'FROM {base}\nENTRYPOINT ["sh", "-c", "echo the reason why; exit 7"]\n')
    stack.configure(redis={"image": broken})
    done = stack.start()
    assert done.code == 1, done.text
    assert "the reason why" in done.err
    assert "Traceback" not in done.text
    stack.configure(redis={"image": "redis:8"})
    stack.start().ok()
    run("docker", "image", "rm", broken)


@pytest.mark.full
def test_a_budget_one_connection_too_large_is_refused_with_its_terms(stack: Stack) -> None:
    stack.declare(*({"name": name, "poolSize": size} for name, size in {"alpha": 1, "beta": 2, "delta": 16}.items()))
    stack.pulumi("stack", "init", stack.name).ok()
    stack.pulumi("preview").ok()  # 2 + 4 + 32 + 10 + 3 = 51
    stack.configure(postgres={"adminReserve": 11})
    done = stack.pulumi("preview")
    assert done.code != 0
    terms = ["alpha 1 x 1 x 2 colours", "beta 2 x 1 x 2 colours", "delta 16 x 1 x 2 colours"]
    for term in (*terms, "reserve 11", "reserve 3", "52 connections are declared", "max_connections is 51"):
        assert term in done.text, done.text
    assert "Traceback" not in done.text


def test_a_redis_that_would_be_made_anew_with_less_memory_than_it_uses_is_refused(running: Stack) -> None:
    for number in range(6):
        running.redis_admin("SETRANGE", f"large:{number}", str(7 * 1024 * 1024), "x")
    ids = running.ids()
    with running.configured(redis={"memory": "64m", "port": running.other_port}):
        for done in (running.pulumi("preview"), running.start()):
            assert done.code != 0
            assert "with these settings it may use 32.0 MB (maxmemory)" in done.text, done.text
    assert (done.code, running.ids()) == (5, ids)
    assert running.redis_admin("EXISTS", *(f"large:{number}" for number in range(6))) == "6"
    running.redis_admin("FLUSHALL")
