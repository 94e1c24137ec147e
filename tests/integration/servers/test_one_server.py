"""One server at a time: stopped, started, off the network, crashing; and what list and drop tell."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dbserver.declared import parse
from dbserver.updating import tell_grants
from tests.support.commands import run
from tests.support.lending import Lent
from tests.support.shown import server
from tests.support.stack import Stack

ENTRY = {"name": "shop", "poolSize": 2}


@pytest.fixture(scope="module", autouse=True)
def _shop(lent: Lent) -> None:
    lent.admit(ENTRY)


@pytest.fixture(autouse=True)
def _as_before(lent: Lent) -> Iterator[None]:
    before = lent.ids()
    yield
    lent.script("status.sh").ok()
    assert lent.ids() == before


def test_one_server_is_stopped_and_started_and_the_other_serves_on(lent: Stack) -> None:
    since = lent.started_at(lent.postgres)
    stopped = lent.script("stop.sh", "redis", "--format", "json").ok()
    assert json.loads(stopped.out)["stopped"] == [lent.redis]
    assert (lent.sql("SELECT 1"), lent.script("status.sh").code) == ("1", 3)
    started = lent.start("redis").ok()
    assert f"stack {lent.name} is up" in started.out
    assert lent.cli("PING") == "PONG"
    assert lent.started_at(lent.postgres) == since
    run("docker", "pause", lent.redis).ok()
    lent.start("redis").ok()
    lent.start("redis").ok()
    assert lent.start("redis", "--take-over").code == 2


def test_a_server_that_is_started_alone_is_refused_where_its_data_is_gone(lent: Stack) -> None:
    lent.script("stop.sh", "postgres").ok()
    away = lent.data / "away"
    (lent.data / "postgres").rename(away)
    try:
        (lent.data / "postgres").mkdir()
        refused = lent.start("postgres")
        assert refused.code == 5
        assert "holds no data of this PostgreSQL" in refused.err
        assert list((lent.data / "postgres").iterdir()) == []
    finally:
        (lent.data / "postgres").rmdir()
        away.rename(lent.data / "postgres")
        lent.start("postgres").ok()


def test_a_server_off_its_network_is_down_and_says_so(lent: Stack) -> None:
    run("docker", "network", "disconnect", lent.network, lent.redis).ok()
    try:
        shown = lent.script("status.sh")
        assert (server(lent, "redis")["answers"], bool(server(lent, "postgres")["answers"])) == ("", True)
    finally:
        run("docker", "network", "connect", "--alias", "redis", lent.network, lent.redis).ok()
    assert shown.code == 3
    assert f"DOWN {lent.redis}" in shown.out
    assert f"is not on network {lent.network}: no application reaches it; ./scripts/start.sh" in shown.out


def test_a_crash_loop_shows_its_last_lines_and_the_way_out(lent: Stack) -> None:
    file = lent.data / "config" / "redis" / "redis.conf"
    kept = file.read_text()
    try:
        file.write_text(f"{kept}no-such-setting yes\n")
        run("docker", "restart", "-t", "60", lent.redis).ok()
        lent.until(lambda: lent.inspect(lent.redis)["RestartCount"] >= 1, what="a crash")
        lent.until(lambda: "no-such-setting" in lent.script("status.sh").out, what="the reason in status")
        shown = lent.script("status.sh")
    finally:
        file.write_text(kept)
        run("docker", "restart", "-t", "60", lent.redis).ok()
        lent.until(lambda: run("docker", "exec", lent.redis, "redis-cli", "ping").out == "PONG\n", what="PONG")
    assert shown.code == 3
    assert f"docker logs --tail 100 {lent.redis}" in shown.out


@contextmanager
def holding(stack: Stack) -> Iterator[str]:
    """Hold a connection from an application's container; its name."""
    name, url = f"{stack.name}-blue", stack.variables("shop")["DATABASE_URL"]
    image = stack.inspect(stack.postgres)["Config"]["Image"]
    argv = ["docker", "run", "--rm", "--name", name, "--network", stack.network, "--env", "URL", "--entrypoint", "sh"]
    script = 'exec psql "$URL" -c "SELECT pg_sleep(600)"'
    held = subprocess.Popen([*argv, image, "-c", script], env={**stack.env(), "URL": url}, stdout=subprocess.DEVNULL)
    try:
        stack.until(lambda: name in stack.script("dbserver", "connections").out, what="a connection")
        yield name
    finally:
        run("docker", "rm", "-f", name)
        held.wait(60)


def test_what_is_not_declared_is_marked_and_who_holds_it_is_named(lent: Lent) -> None:
    assert "not declared" not in lent.script("dbserver", "list").ok().out
    with lent.configured(applications=[]), holding(lent) as name:
        listed = lent.script("dbserver", "list").ok()
        told = json.loads(lent.script("dbserver", "list", "--format", "json").ok().out)
        refused = lent.script("dbserver", "drop", "shop", "--confirm", "shop")
    assert "shop is not declared: ./scripts/dbserver drop shop destroys it" in listed.out
    assert [each["declared"] for each in told["applications"]] == [False]
    assert refused.code == 5
    assert f"1 clients are connected to shop: {name} (blue) " in refused.err


def test_a_collation_of_another_version_is_told_with_the_command_that_mends_it(lent: Lent) -> None:
    lent.sql("UPDATE pg_database SET datcollversion = '0.9' WHERE datname = 'shop'", "postgres")
    shown, listed = server(lent, "postgres")["advice"], lent.script("dbserver", "list").ok().out
    command = shown[-1].partition("version: ")[2]
    assert command.startswith(f"docker exec {lent.postgres} reindexdb")
    assert shown[-1] in listed
    run("sh", "-c", command).ok()
    assert not [each for each in server(lent, "postgres")["advice"] if "collation" in each]


def test_what_a_start_would_revoke_is_named_with_its_grantee(lent: Lent) -> None:
    lent.sql("CREATE ROLE monitor LOGIN; GRANT CONNECT ON DATABASE shop TO monitor")
    lent.sql("GRANT TEMPORARY ON DATABASE shop TO PUBLIC")
    told: list[str] = []
    tell_grants(parse(lent.name, lent.file.read_text()), told.append)
    assert told == [
        "database shop grants CONNECT to monitor and TEMPORARY to everybody, which nothing declares: revoked"
    ]  # fmt: skip
    assert lent.change(ENTRY) == []
    tell_grants(parse(lent.name, lent.file.read_text()), told.append)
    assert len(told) == 1
    assert lent.sql("SELECT has_database_privilege('monitor', 'shop', 'CONNECT')") == "f"
    lent.sql("DROP ROLE monitor")
