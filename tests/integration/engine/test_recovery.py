"""start.sh is the way back from every state, with all data."""

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from dbserver.postgres.scram import matches
from tests.support.commands import run
from tests.support.stack import Stack


@pytest.fixture
def running(lasting: Stack) -> Stack:
    """One stack for all: every test here ends with servers that run."""
    return lasting


def keep_something(stack: Stack) -> None:
    stack.sql("DROP TABLE IF EXISTS kept")
    stack.sql("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    stack.cli("SET", "kept", "yes")


def assert_kept(stack: Stack) -> None:
    assert stack.sql("SELECT count(*), sum(n) FROM kept") == "1000|500500"
    assert stack.cli("GET", "kept") == "yes"
    assert stack.password_works(stack.output("adminPassword"))
    assert stack.script("status.sh").code == 0


def assert_clean(stack: Stack) -> None:
    stack.pulumi("preview", "--refresh", "--expect-no-changes").ok()


@pytest.mark.full
def test_stop_refresh_and_up_keep_the_containers_and_the_data(running: Stack) -> None:
    keep_something(running)
    before = running.ids()
    running.script("stop.sh").ok()
    running.pulumi("refresh", "--yes", "--skip-preview").ok()
    running.pulumi("up", "--yes").ok()
    assert running.ids() == before
    assert_kept(running)
    running.script("stop.sh").ok()
    running.start().ok()
    assert running.ids() == before
    assert_kept(running)
    assert_clean(running)


@pytest.mark.full
def test_a_stopped_stack_whose_data_was_moved_serves_them_from_there(running: Stack) -> None:
    keep_something(running)
    for place in (running.directory / "moved", running.data):
        running.script("stop.sh").ok()
        running.data.rename(place)
        running.data = place
        running.configure(dataDirectory=str(place))
        running.start().ok()
        assert_kept(running)


@pytest.mark.full
def test_removed_containers_come_back_with_their_data(running: Stack) -> None:
    keep_something(running)
    for name in (running.postgres, running.redis):
        run("docker", "rm", "-f", "-v", name).ok()
    running.start().ok()
    assert_kept(running)
    assert_clean(running)


@pytest.mark.full
def test_a_paused_container_is_resumed(running: Stack) -> None:
    keep_something(running)
    run("docker", "pause", running.postgres).ok()
    running.start().ok()
    assert_kept(running)


@pytest.mark.full
def test_an_open_redis_that_runs_gets_another_local_password_without_a_new_container(running: Stack) -> None:
    keep_something(running)
    before, password = running.ids(), running.data / "config" / "redis" / "admin-password"
    password.unlink()
    started = running.start().ok()
    assert f"the local password of {running.redis} was gone or another: it has a new one, and runs on" in started.err
    assert running.ids() == before
    assert password.stat().st_mode & 0o777 == 0o600
    assert_kept(running)
    assert_clean(running)


@pytest.mark.full
def test_foreign_containers_under_our_names_are_taken_over(running: Stack) -> None:
    keep_something(running)
    for server, name, inner in (
        ("postgres", running.postgres, "/var/lib/postgresql/data"),
        ("redis", running.redis, "/data"),
    ):
        image = running.inspect(name)["Config"]["Image"]
        run("docker", "stop", "--time", "60", name).ok()
        run("docker", "rm", name).ok()
        run("docker", "run", "-d", "--name", name, "-v", f"{running.data / server}:{inner}", image).ok()
    running.until(lambda: run("docker", "exec", running.postgres, "pg_isready").code == 0)
    running.sql("INSERT INTO kept SELECT 0")
    done = running.start().ok()
    assert "taking over" in done.err
    assert running.sql("SELECT count(*) FROM kept") == "1001"
    assert "was shut down at" in run("docker", "logs", running.postgres).text
    assert_clean(running)


@pytest.mark.full
def test_a_lost_state_finds_the_data_and_the_password_in_the_outputs_works(running: Stack) -> None:
    keep_something(running)
    before = running.output("adminPassword")
    shutil.rmtree(running.project / ".state" / ".pulumi")
    running.start().ok()
    assert running.output("adminPassword") != before
    assert_kept(running)
    assert not running.password_works(before)


@pytest.mark.full
def test_an_older_state_restored_over_newer_containers_is_brought_in_line(running: Stack) -> None:
    keep_something(running)
    older = running.directory / "older"
    shutil.copytree(running.project / ".state", older)
    shutil.rmtree(running.project / ".state" / ".pulumi")
    running.start().ok()
    shutil.rmtree(running.project / ".state" / ".pulumi")
    shutil.copytree(older / ".pulumi", running.project / ".state" / ".pulumi")
    running.start().ok()
    assert_kept(running)
    assert_clean(running)


@pytest.mark.full
def test_a_password_changed_by_hand_is_seen_and_repaired(running: Stack) -> None:
    declared = running.output("adminPassword")
    running.sql("ALTER ROLE dbadmin PASSWORD 'by hand'")
    assert running.pulumi("preview", "--refresh", "--expect-no-changes").code != 0
    running.start().ok()
    assert running.password_works(declared)
    assert_clean(running)


def test_destroy_leaves_data_and_network_and_start_serves_them_again(running: Stack) -> None:
    keep_something(running)
    ids, client = running.ids(), f"{running.name}-client-blue"
    listen = ("--entrypoint", "redis-cli", running.inspect(running.redis)["Config"]["Image"], "-h", "redis")
    run("docker", "run", "-d", "--name", client, "--network", running.network, *listen, "SUBSCRIBE", "news").ok()
    running.until(lambda: "cmd=subscribe" in running.redis_admin("CLIENT", "LIST"), 60, what="a client of Redis")
    tried = running.pulumi("destroy", "--yes")
    assert (tried.code != 0, f"{client} (blue) 1 to redis" in tried.text) == (True, True), tried.text
    assert "DBSERVER_DISCONNECT_APPLICATIONS=yes" in tried.text
    assert running.ids() == ids
    assert_clean(running)
    running.environment["DBSERVER_DISCONNECT_APPLICATIONS"] = "yes"
    running.pulumi("destroy", "--yes").ok()
    del running.environment["DBSERVER_DISCONNECT_APPLICATIONS"]
    run("docker", "rm", "-f", "-v", client).ok()
    assert run("docker", "ps", "-aq", "--filter", f"label=com.database.stack={running.name}").out == ""
    run("docker", "network", "inspect", running.network).ok()
    running.start().ok()
    assert_kept(running)
    assert "was shut down at" in run("docker", "logs", running.postgres).text


def write_until(stop: threading.Event, insert: Callable[[int], bool], acknowledged: list[int]) -> None:
    number = 0
    while not stop.is_set():
        if insert(number):
            acknowledged.append(number)
        number += 1


@pytest.mark.full
def test_killed_servers_come_back_healthy_with_every_acknowledged_write(running: Stack) -> None:
    running.sql("CREATE TABLE log (n int)")
    stop, rows, keys = threading.Event(), list[int](), list[int]()
    writers = [
        threading.Thread(target=write_until, args=(stop, partial(insert_row, running), rows)),
        threading.Thread(target=write_until, args=(stop, partial(set_key, running), keys)),
    ]
    for writer in writers:
        writer.start()
    for number in range(1, 4):
        running.until(partial(reached, 8 * number, rows, keys), what="acknowledged writes")
        running.kill(running.postgres)
        running.kill(running.redis)
        running.until(lambda: running.script("status.sh").code == 0, what="both servers back by themselves")
    running.until(partial(reached, max(len(rows), len(keys)) + 1, rows, keys), what="writes after the last kill")
    stop.set()
    for writer in writers:
        writer.join()
    assert len(rows) > 20
    assert len(keys) > 20
    there = {int(n) for n in running.sql("SELECT n FROM log").split()}
    assert set(rows) <= there, f"lost: {sorted(set(rows) - there)}"
    # appendfsync everysec: what a killed process had written is the kernel's and stays.
    missing = [n for n in keys if running.cli("GET", f"log:{n}") != str(n)]
    assert not missing, f"lost: {missing}"
    for name in (running.postgres, running.redis):
        running.until(partial(healthy, running, name))


def reached(least: int, *acknowledged: list[int]) -> bool:
    return all(len(numbers) >= least for numbers in acknowledged)


def insert_row(stack: Stack, number: int) -> bool:
    return stack.psql(f"INSERT INTO log VALUES ({number})").code == 0


def healthy(stack: Stack, name: str) -> bool:
    return bool(stack.inspect(name)["State"]["Health"]["Status"] == "healthy")


def set_key(stack: Stack, number: int) -> bool:
    return run("docker", "exec", stack.redis, "redis-cli", "SET", f"log:{number}", str(number)).out == "OK\n"


@pytest.mark.full
@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGKILL], ids=["interrupted", "killed"])
def test_an_update_ended_half_way_is_finished_by_start(stack: Stack, blow: signal.Signals) -> None:
    process = stack.popen(str(stack.project / "scripts" / "start.sh"))
    stack.until(lambda: run("docker", "container", "inspect", stack.postgres).code == 0, what="a first container")
    assert stack.blow(process, blow) != 0
    stack.start().ok()
    keep_something(stack)
    assert_clean(stack)
    assert_kept(stack)


def hold_the_registry(stack: Stack) -> "subprocess.Popen[str]":
    """Let every update wait that has made a role and its database: the registry of applications comes after them."""
    held = "BEGIN; LOCK TABLE dbserver.application IN SHARE MODE; SELECT pg_sleep(600)"
    argv = ["docker", "exec", stack.postgres, "psql", "-XAtq", "-U", "dbadmin", "-d", "dbadmin", "-c", held]
    holding = stack.popen(*argv)
    locked = "SELECT count(*) FROM pg_locks WHERE mode = 'ShareLock' AND relation = 'dbserver.application'::regclass"
    stack.until(lambda: stack.sql(locked) == "1", what="the lock")
    return holding


def end_all_sessions(stack: Stack) -> None:
    others = "FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    stack.sql(f"SELECT pg_terminate_backend(pid) {others}")
    stack.until(lambda: stack.sql(f"SELECT count(*) {others}") == "0", what="the end of the killed update's sessions")


@pytest.mark.full
def test_a_kill_just_after_a_role_was_made_loses_no_password(running: Stack) -> None:
    holding = hold_the_registry(running)
    running.declare({"name": "killed", "poolSize": 1})
    process = running.popen(str(running.project / "scripts" / "start.sh"))
    found = "SELECT rolpassword FROM pg_authid WHERE rolname = 'killed'"
    running.until(lambda: running.sql(found), what="the role")
    assert running.blow(process, signal.SIGKILL) != 0
    end_all_sessions(running)
    holding.communicate(timeout=120)
    verifier = running.sql(found)
    running.start().ok()
    password = running.variables("killed")["DB_PASSWORD"]
    assert matches(verifier, password)
    assert running.password_works(password, "killed")
    assert_clean(running)


@pytest.mark.full
def test_the_engine_killed_alone_leaves_a_lock_that_start_releases(running: Stack) -> None:
    keep_something(running)
    run("docker", "rm", "-f", "-v", running.redis).ok()
    process = running.popen("bash", "-c", ". tools/environment.sh && exec pulumi up --yes --skip-preview --refresh")
    locks = running.project / ".state" / ".pulumi" / "locks"
    running.until(lambda: list(locks.rglob("*.json")), what="the engine's lock")
    running.blow(process, signal.SIGKILL)
    assert list(locks.rglob("*.json")), "the killed update left no lock: nothing was tested"
    done = running.start().ok()
    assert "its lock is released" in done.err
    assert_kept(running)
    assert_clean(running)


def test_a_lock_of_a_living_update_is_respected(running: Stack) -> None:
    process = running.popen("bash", "-c", ". tools/environment.sh && exec pulumi up --yes --skip-preview --refresh")
    locks = running.project / ".state" / ".pulumi" / "locks"
    running.until(lambda: list(locks.rglob("*.json")), what="the engine's lock")
    os.kill(process.pid, signal.SIGSTOP)
    try:
        done = running.start()
        assert done.code == 4, done.text
        assert "lock" in done.err
    finally:
        os.kill(process.pid, signal.SIGCONT)
        process.communicate(timeout=600)


@pytest.mark.full
def test_redis_data_of_another_installation_with_a_snapshot_only_is_not_lost(running: Stack, tmp_path: Path) -> None:
    image = running.inspect(running.redis)["Config"]["Image"]
    run("docker", "rm", "-f", "-v", running.redis).ok()
    shutil.rmtree(running.data / "redis")
    made = tmp_path / "elsewhere"
    made.mkdir()
    name = f"{running.name}-elsewhere"
    run("docker", "run", "-d", "--name", name, "-v", f"{made}:/data", image).ok()
    running.until(lambda: run("docker", "exec", name, "redis-cli", "ping").out == "PONG\n")
    run("docker", "exec", name, "redis-cli", "SET", "kept", "from a snapshot").ok()
    run("docker", "exec", name, "redis-cli", "SAVE").ok()
    run("docker", "rm", "-f", "-v", name).ok()
    shutil.copytree(made, running.data / "redis")
    assert running.start().code == 5, "other data than the stack's is taken on purpose only"
    running.start("--new-server").ok()
    assert running.cli("GET", "kept") == "from a snapshot"
    assert running.cli("CONFIG", "GET", "appendonly").split()[1] == "yes"
    running.kill(running.redis)
    running.until(lambda: running.script("status.sh").code == 0)
    assert running.cli("GET", "kept") == "from a snapshot"
