"""What status shows is true: figures against the servers' own, a container changed by hand, one server down."""

import fcntl
import json
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from jsonschema import Draft202012Validator
from prometheus_client.parser import text_string_to_metric_families

from dbserver import identity, locks
from tests.support.commands import run
from tests.support.shown import SCHEMA, server
from tests.support.stack import Stack

MIB = 1024**2


@contextmanager
def connected(stack: Stack, count: int) -> Iterator[None]:
    """Hold so many connections to PostgreSQL."""
    each = "psql -XqAt -U dbadmin -d postgres -c 'SELECT pg_sleep(600)' >/dev/null 2>&1 &"
    script = f"for i in $(seq {count}); do {each} done; wait"
    holding = subprocess.Popen(["docker", "exec", stack.postgres, "sh", "-c", script])
    try:
        sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'"
        stack.until(lambda: stack.sql(sleeping) == str(count), 60, what=f"{count} connections")
        yield
    finally:
        stack.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'")
        holding.wait(60)


@pytest.fixture(scope="module", autouse=True)
def _used(lent: Stack) -> None:
    """A database of some size, in a server whose counters have moved."""
    lent.sql("CREATE DATABASE measured")
    lent.sql("CREATE TABLE t AS SELECT repeat('x', 1000) FROM generate_series(1, 20000); CHECKPOINT", "measured")


def test_a_stack_as_it_is_declared_is_well_and_differs_in_nothing(lent: Stack) -> None:
    done = lent.script("status.sh", "--format", "json").ok()
    shown = json.loads(done.out)
    assert shown["well"] is True
    assert [each["differences"] for each in shown["servers"]] == [[], []]


def test_the_json_has_the_published_shape_and_nothing_is_unknown_on_this_machine(lent: Stack) -> None:
    lent.cli("GET", "no-such-key")
    shown = json.loads(lent.script("status.sh", "--format", "json").ok().out)
    Draft202012Validator(SCHEMA).validate(shown)
    for each in shown["servers"]:
        use = each.pop(each["server"])
        absent = {"postgres", "redis", "certificate"} - {each["server"]}
        assert {name for name, value in {**each, **use}.items() if value is None} == absent


def test_the_size_of_a_database_and_the_number_of_connections_are_those_of_the_server(lent: Stack) -> None:
    before = server(lent, "postgres")["postgres"]
    with connected(lent, 5):
        now = server(lent, "postgres")["postgres"]
    assert now["connections"] == before["connections"] + 5
    assert now["max_connections"] == int(lent.sql("SHOW max_connections"))
    assert now["transactions"] > before["transactions"]
    assert 0 < now["cache_hit_ratio"] <= 1
    sizes = {each["name"]: each["size_bytes"] for each in now["databases"]}
    assert set(sizes) == {"measured", "dbadmin", "postgres"}
    assert sizes["measured"] == int(lent.sql("SELECT pg_database_size('measured')"))
    assert next(iter(sizes)) == "measured"


def test_the_figures_of_the_host_are_those_of_the_host(lent: Stack) -> None:
    for name in ("postgres", "redis"):
        shown = server(lent, name)
        room = os.statvfs(lent.data)
        assert shown["disk_total_bytes"] == room.f_blocks * room.f_frsize
        assert abs(shown["disk_free_bytes"] - room.f_bavail * room.f_frsize) < 1024 * MIB
        assert 0 < shown["memory_used_bytes"] < shown["memory_limit_bytes"]
        assert shown["memory_limit_bytes"] == lent.inspect(shown["container"])["HostConfig"]["Memory"]
        assert (shown["restarts"], shown["oom_kills"]) == (0, 0)
        assert 0 < shown["uptime_seconds"] < 3600


def test_redis_s_memory_hits_and_evictions_are_those_of_redis(lent: Stack) -> None:
    before = server(lent, "redis")["redis"]
    assert (before["persistence"], before["persistence_fault"]) == ("append-only", "")
    lent.redis_admin("CONFIG", "RESETSTAT")
    try:
        lent.redis_admin("SETRANGE", "big", str(8 * MIB - 1), "x")
        for key in ("big", "big", "big", "missing"):
            lent.redis_admin("STRLEN", key)
        full = server(lent, "redis")["redis"]
        assert full["used_memory"] - before["used_memory"] > 8 * MIB
        assert (full["hit_ratio"], full["evicted_keys"]) == (0.75, 0)
        lent.redis_admin("CONFIG", "SET", "maxmemory-policy", "allkeys-lru", "maxmemory", "4mb")
        lent.redis_admin("SET", "small", "x")
        assert server(lent, "redis")["redis"]["evicted_keys"] == 1
        assert server(lent, "redis")["redis"]["max_memory"] == 4 * MIB
    finally:
        policy = ("CONFIG", "SET", "maxmemory-policy", "noeviction", "maxmemory", str(before["max_memory"]))
        lent.redis_admin(*policy)
        lent.redis_admin("DEL", "big", "small")


def test_the_metrics_are_read_by_prometheus_and_say_the_same(lent: Stack) -> None:
    printed = lent.script("status.sh", "--format", "prometheus").ok().out
    found = {
        (sample.name, sample.labels["server"], sample.labels.get("database")): sample.value
        for family in text_string_to_metric_families(printed)
        for sample in family.samples
    }
    assert (found["dbserver_up", "postgres", None], found["dbserver_up", "redis", None]) == (1, 1)
    size = int(lent.sql("SELECT pg_database_size('measured')"))
    assert found["dbserver_postgres_database_size_bytes", "postgres", "measured"] == size


def test_it_is_one_screen_without_colours_where_there_is_no_terminal(lent: Stack) -> None:
    text = lent.script("status.sh").ok().out
    assert "\x1b" not in text
    assert len(text.splitlines()) <= 40
    assert text.count("ok   ") == 2
    assert "       databases   measured" in text


def test_it_needs_neither_pulumi_nor_its_state_and_waits_for_no_lock(lent: Stack) -> None:
    state, away = lent.project / ".state", lent.project / ".state-away"
    state.rename(away)
    try:
        with locks.held(lent.name, "start"):
            lent.script("status.sh", env={**lent.env(), "PULUMI_HOME": "/nonexistent"}).ok()
    finally:
        shutil.rmtree(state, ignore_errors=True)
        away.rename(state)


def test_other_data_than_the_stacks_is_named_and_both_servers_data_is_known_without_the_state(lent: Stack) -> None:
    state = lent.project / ".state"
    file, known = identity.path(state, lent.name), identity.read(state, lent.name)
    kept = file.read_text()
    try:
        identity.write(state, lent.name, {**known, "postgres": replace(known["postgres"], identity="1")})
        shown = lent.script("status.sh")
        done = lent.script("status.sh", "--format", "json")
        file.unlink()
        lent.script("status.sh").ok()
    finally:
        file.write_text(kept)
    postgres, redis = json.loads(done.out)["servers"]
    said = f"{lent.data / 'postgres'} holds the data of another PostgreSQL ({known['postgres'].identity})"
    assert postgres["data_fault"].startswith(f"{said}; the stack's is 1")
    assert (done.code, shown.code, postgres["answers"] != "", redis["data_fault"]) == (3, 3, True, "")
    assert shown.out.startswith(f"SICK {lent.postgres}")
    assert len([line for line in shown.out.splitlines() if said in line]) == 1
    assert lent.script("status.sh").ok().out.count("ok   ") == 2


@pytest.mark.full
def test_a_server_that_hangs_is_down_after_ten_seconds_and_nothing_is_left_waiting_in_its_container(
    lent: Stack,
) -> None:
    lent.send(lent.redis, signal.SIGSTOP)
    try:
        done = lent.script("status.sh", "--format", "json")
        waiting = run("docker", "top", lent.redis).ok().out
    finally:
        lent.send(lent.redis, signal.SIGCONT)
    assert done.code == 3
    postgres, redis = json.loads(done.out)["servers"]
    assert redis["fault"] == f"{lent.redis} does not answer PONG: no answer within 10 s"
    assert redis["disk_free_bytes"] > 0
    assert postgres["answers"]
    assert "redis-cli --user" not in waiting


def until_printed(terminal: int, words: str, seconds: float = 60) -> str:
    """Return what is printed on a terminal up to these words."""
    printed, deadline = b"", time.monotonic() + seconds
    while words.encode() not in printed:
        assert time.monotonic() < deadline, printed.decode(errors="replace")
        if select.select([terminal], [], [], 1)[0]:
            printed += os.read(terminal, 65536)
    return printed.decode(errors="replace")


def test_a_live_view_shows_graphs_and_ends_with_0_and_a_clean_terminal(lent: Stack) -> None:
    terminal, inside = pty.openpty()
    try:
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 45, 120, 0, 0))
        before = termios.tcgetattr(inside)
        watching = subprocess.Popen(
            [str(lent.project / "scripts" / "status.sh"), "--watch", "0.5s"],
            stdin=inside, stdout=inside, stderr=inside, start_new_session=True,
            env={**lent.env(), "TERM": "xterm-256color"},
        )  # fmt: skip
        shown = until_printed(terminal, "/s ")
        assert "\x1b[?1049h" in shown
        assert "postgres memory" in shown
        assert lent.redis in shown
        os.killpg(watching.pid, signal.SIGINT)
        ended = until_printed(terminal, "\x1b[?1049l")
        assert watching.wait(60) == 0
        assert "Traceback" not in ended
        assert termios.tcgetattr(inside) == before
    finally:
        os.close(terminal)
        os.close(inside)


def test_a_live_view_without_a_terminal_is_a_fault_of_usage(lent: Stack) -> None:
    done = lent.script("status.sh", "--watch")
    assert done.code == 2
    assert "needs a terminal" in done.err
