"""Who is connected, by application, container and colour; and nobody is cut off unasked."""

import json
import signal
import time
from collections.abc import Iterator

import pytest
from jsonschema import validate

from tests.support.commands import run
from tests.support.lending import Lent
from tests.support.pools import APPLICATION, ENTRIES, pool, redis_pool, refused, remove, two_colours
from tests.support.project import ROOT
from tests.support.stack import Stack

REFUSED, UNHEALTHY, USAGE = 5, 3, 2


@pytest.fixture(scope="module")
def busy(lent: Lent) -> Stack:
    """A running stack with an application."""
    return lent.admit(*ENTRIES)


@pytest.fixture
def colours(busy: Stack) -> Iterator[dict[str, str]]:
    with two_colours(busy) as names:
        yield names


def shown(stack: Stack, *arguments: str) -> dict[str, object]:
    """Return a verb's JSON, which has to be of its published shape."""
    ended = stack.script("dbserver", *arguments, "--format", "json")
    found = dict(json.loads(ended.out))
    assert "error" not in found, ended.text
    schema = json.loads((ROOT / "docs" / "reference" / "schemas" / f"{found['schema']}.json").read_text())
    validate(found, schema)
    return found


def test_each_client_is_shown_with_its_application_container_and_colour(busy: Stack, colours: dict[str, str]) -> None:
    clients = shown(busy, "connections")["clients"]
    assert isinstance(clients, list)
    seen = {(c["server"], c["application"], c["container"], c["colour"], c["total"]) for c in clients if c["container"]}
    assert seen == {
        ("postgres", APPLICATION, colours["blue"], "blue", 3),
        ("postgres", APPLICATION, colours["green"], "green", 1),
        ("redis", APPLICATION, colours["redis"], "green", 2),
    }


def test_connections_are_counted_against_the_limits_of_role_and_server(busy: Stack, colours: dict[str, str]) -> None:
    found = shown(busy, "connections")
    assert found["applications"] == [
        {"name": APPLICATION, "connections": 4, "connection_limit": 10},
        {"name": "other", "connections": 0, "connection_limit": 4},
    ]
    assert found["max_connections"] == int(busy.sql("SHOW max_connections"))
    assert found["redis_max_clients"] == int(busy.redis_admin("CONFIG", "GET", "maxclients").split()[-1])
    assert colours["blue"] in busy.script("dbserver", "connections").ok().out


def test_an_open_transaction_and_a_wait_for_a_lock_are_shown(busy: Stack) -> None:
    busy.sql("CREATE TABLE IF NOT EXISTS held (); ALTER TABLE held OWNER TO crypto", "crypto_ai_agent")
    names = [
        pool(busy, "holder-blue", 1, "BEGIN; LOCK TABLE held;"),
        pool(busy, "waiter-green", 1, "BEGIN; LOCK TABLE held;"),
    ]
    time.sleep(1.1)
    clients = shown(busy, "connections")["clients"]
    remove(*names)
    assert isinstance(clients, list)
    by_name = {client["container"]: client for client in clients}
    assert by_name[names[0]]["idle_in_transaction"] == 1
    assert by_name[names[0]]["oldest_transaction_seconds"] > 1
    assert by_name[names[1]]["waiting_for_locks"] == 1


def test_drain_ends_with_0_only_when_no_connection_of_the_colour_is_left(busy: Stack, colours: dict[str, str]) -> None:
    there = busy.script("dbserver", "drain", APPLICATION, "blue")
    assert there.code == 1, there.text
    assert f"{colours['blue']} (blue) 3 to postgres" in there.out
    assert colours["green"] not in there.out
    waiting = busy.popen(str(busy.project / "scripts" / "dbserver"), "drain", APPLICATION, "blue", "--wait", "120s")
    time.sleep(2)
    assert waiting.poll() is None, "it waits"
    remove(colours["blue"])
    out, _ = waiting.communicate(timeout=60)
    assert waiting.returncode == 0, out
    assert busy.script("dbserver", "drain", APPLICATION, "green").code == 1, "the other colour is still there"
    pool(busy, "crypto-ai-backend-blue", 1)


def test_drain_counts_a_client_of_an_open_redis_that_may_be_anybody_s(busy: Stack) -> None:
    worker = redis_pool(busy, "worker-blue", 1)
    left = busy.script("dbserver", "drain", APPLICATION, "blue")
    assert (left.code, f"{worker} (blue) 1 to redis" in left.out) == (1, True), left.text
    busy.script("dbserver", "drain", APPLICATION, "green", "--wait", "60s").ok()
    remove(worker)
    busy.script("dbserver", "drain", APPLICATION, "blue", "--wait", "60s").ok()


@pytest.mark.full
def test_drain_sees_a_colour_that_is_connected_to_redis_only(busy: Stack, colours: dict[str, str]) -> None:
    remove(colours["green"])
    left = busy.script("dbserver", "drain", APPLICATION, "green")
    assert left.code == 1, left.text
    assert f"{colours['redis']} (green) 2 to redis" in left.out
    pool(busy, "crypto-ai-backend-green", 1)


def test_drain_of_an_unknown_application_is_a_fault_of_usage(busy: Stack) -> None:
    tried = busy.script("dbserver", "drain", "crypto", "blue")
    assert (tried.code, APPLICATION in tried.err) == (USAGE, True), tried.text


@pytest.mark.parametrize("verb", [("stop",), ("restart", "--yes")], ids=" ".join)
def test_a_server_is_not_taken_away_from_connected_applications(
    busy: Stack, colours: dict[str, str], verb: tuple[str, ...]
) -> None:
    before = busy.started_at(busy.postgres), busy.started_at(busy.redis)
    refused(busy.script("dbserver", *verb), colours)
    assert (busy.started_at(busy.postgres), busy.started_at(busy.redis)) == before


@pytest.mark.full
def test_one_server_is_restarted_while_applications_use_the_other(busy: Stack, colours: dict[str, str]) -> None:
    remove(colours["redis"])
    before = busy.started_at(busy.postgres)
    busy.script("dbserver", "restart", "redis", "--yes").ok()
    assert busy.started_at(busy.postgres) == before
    redis_pool(busy, f"{APPLICATION}-worker-green", 2)


@pytest.mark.full
def test_a_colour_that_vanished_without_a_word_is_gone_within_a_minute(busy: Stack, colours: dict[str, str]) -> None:
    assert busy.script("dbserver", "drain", APPLICATION, "green").code == 1
    for name in (colours["green"], colours["redis"]):
        run("docker", "network", "disconnect", busy.network, name).ok()
    for colour in ("blue", "green"):
        assert busy.script("dbserver", "drain", APPLICATION, colour).code == 1, "nobody knows whose address that was"
    busy.script("dbserver", "drain", APPLICATION, "green", "--wait", "90s").ok()


def test_restart_says_how_long_a_client_got_no_answer(busy: Stack) -> None:
    found = shown(busy, "restart", "--yes")
    servers = found["servers"]
    assert isinstance(servers, list)
    assert [away["server"] for away in servers] == ["postgres", "redis"]
    for away in servers:
        assert 0 < away["seconds"] < 60, found


def test_restart_asks_and_without_a_terminal_needs_a_yes(busy: Stack) -> None:
    before = busy.started_at(busy.postgres)
    tried = busy.script("dbserver", "restart")
    assert (tried.code, "--yes" in tried.err) == (REFUSED, True), tried.text
    assert busy.started_at(busy.postgres) == before


def test_an_interrupted_restart_leaves_both_servers_answering(busy: Stack) -> None:
    before = busy.started_at(busy.postgres)
    process = busy.popen(str(busy.project / "scripts" / "dbserver"), "restart", "--yes")
    busy.until(lambda: busy.started_at(busy.postgres) != before, 30, what="the restart of the first one")
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 1, out
    assert "Traceback" not in out
    assert busy.started_at(busy.postgres) != before
    assert (busy.sql("SELECT 1"), busy.redis_admin("PING")) == ("1", "PONG")


@pytest.mark.full
def test_who_is_connected_is_told_by_the_server_that_answers(busy: Stack, colours: dict[str, str]) -> None:
    run("docker", "stop", busy.redis).ok()
    found = busy.script("dbserver", "connections")
    run("docker", "start", busy.redis).ok()
    assert found.code == UNHEALTHY, found.text
    assert colours["blue"] in found.out
