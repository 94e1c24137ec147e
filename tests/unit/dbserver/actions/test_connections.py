"""connections and drain: who is connected, and when a colour is gone."""

import json

import pytest

from dbserver.actions import connections
from dbserver.errors import NotRunningError, UsageError
from dbserver.results.clients import ApplicationUse, Drained
from tests.unit.dbserver.actions.test_verbs import DECLARED
from tests.unit.fakes import SHOP, Clock, Failed, Programs, activity, connected, network, postgres_row, redis_listing

CLIENTS = "pg_stat_activity WHERE backend_type = 'client backend'"
BLUE, GREEN, NOBODY_S, HOST, WORKER = "172.18.0.4", "172.18.0.5", "172.18.0.9", "172.18.0.1", "172.18.0.6"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(connections, "time", made)
    return made


def drain(colour: str = "blue", wait: float = 0, name: str = "shop") -> tuple[Drained, list[str]]:
    told: list[str] = []
    return connections.drain(DECLARED, name, colour, wait, told.append), told


def test_connections_are_told_with_the_limits_of_both_servers(programs: Programs) -> None:
    connected(programs, postgres_row(BLUE, 3), redis=[(GREEN, "shop", 1)])
    found = connections.connections(DECLARED)
    assert [(each.server, each.container, each.total) for each in found.clients] == [
        ("postgres", "shop-blue", 3), ("redis", "shop-green", 1),
    ]  # fmt: skip
    assert (found.stack, found.used, found.max_connections) == ("unit", 4, 102)
    assert (found.redis_clients, found.redis_max_clients) == (1, 10_000)
    assert found.applications == (ApplicationUse("shop", 3, 20),)
    assert found.well


def test_connections_are_told_by_the_server_that_answers_and_are_not_well(programs: Programs) -> None:
    connected(programs, postgres_row(BLUE, 3))
    programs.answer("CLIENT LIST", Failed("container is not running"))
    found = connections.connections(DECLARED)
    assert (len(found.clients), len(found.faults), found.well) == (1, 1, False)


def test_a_colour_without_connections_is_gone_at_once(programs: Programs, clock: Clock) -> None:
    connected(programs, postgres_row(GREEN, 3), postgres_row(HOST))
    began = clock.now
    found, told = drain(wait=60)
    assert (found.well, found.left, told) == (True, (), [])
    assert clock.now - began < 0.1, "it slept"


@pytest.mark.parametrize("seen_by", ["postgres", "redis"])
def test_a_colour_with_one_idle_connection_to_either_server_is_not_gone(programs: Programs, seen_by: str) -> None:
    rows = [postgres_row(BLUE)] if seen_by == "postgres" else []
    connected(programs, *rows, redis=[(BLUE, "shop", 9)] if seen_by == "redis" else [])
    found, told = drain()
    assert (found.well, [(each.server, each.container) for each in found.left]) == (False, [(seen_by, "shop-blue")])
    assert told == [], "one look waits for nobody"


def test_an_address_that_no_container_has_may_be_of_either_colour(programs: Programs) -> None:
    connected(programs, postgres_row(NOBODY_S))
    assert [drain(colour)[0].well for colour in ("blue", "green")] == [False, False]


@pytest.mark.parametrize(("address", "colours"), [(WORKER, ["blue"]), (NOBODY_S, ["blue", "green"])])
def test_a_client_of_an_open_redis_may_be_anybody_s(programs: Programs, address: str, colours: list[str]) -> None:
    connected(programs, redis=[(address, "default", 9)])
    programs.answer("network inspect", network(("worker-blue", WORKER)))
    found = {colour: drain(colour)[0] for colour in ("blue", "green")}
    assert [colour for colour, each in found.items() if not each.well] == colours
    assert [(each.server, each.address) for each in found["blue"].left] == [("redis", address)]


def test_a_client_that_tells_postgresql_another_database_and_role_is_not_the_application_s(programs: Programs) -> None:
    connected(programs, postgres_row(BLUE, database="postgres", role="reporting"))
    assert drain()[0].well


def test_neither_another_application_nor_a_client_on_the_host_keeps_a_colour(programs: Programs) -> None:
    connected(programs, postgres_row(BLUE, database="blog", role="blog"), postgres_row(HOST), postgres_row(""))
    assert drain()[0].well


def test_it_waits_until_the_colour_is_gone_and_tells_each_change_once(programs: Programs) -> None:
    connected(programs)
    five, two = activity(postgres_row(BLUE, 5)), activity(postgres_row(BLUE, 2))
    programs.answer(CLIENTS, five, five, two, activity())
    found, told = drain(wait=60)
    assert told == [
        "still connected: shop-blue (blue) 5 to postgres", "still connected: shop-blue (blue) 2 to postgres",
    ]  # fmt: skip
    assert (found.well, found.seconds) == (True, 1.5)


def test_a_colour_that_stays_ends_the_wait_with_who_it_is(programs: Programs, clock: Clock) -> None:
    connected(programs, postgres_row(BLUE, 5))
    began = clock.now
    found, _ = drain(wait=3.2)
    assert (found.well, found.seconds, [each.total for each in found.left]) == (False, 3.2, [5])
    assert clock.now - began < 3.3, "it waited longer than it was told"


def test_an_unknown_application_is_a_fault_of_usage(programs: Programs) -> None:
    connected(programs)
    with pytest.raises(UsageError) as caught:
        drain(name="shpo")
    assert (caught.value.message, caught.value.hint) == ("there is no application shpo", "one of: shop")


@pytest.mark.parametrize("silent", [CLIENTS, "CLIENT LIST"])
def test_a_server_that_does_not_tell_proves_nothing(programs: Programs, silent: str) -> None:
    connected(programs)
    programs.answer(silent, Failed("container is not running"))
    with pytest.raises(NotRunningError) as caught:
        drain(wait=60)
    assert caught.value.message.startswith("nobody knows who is connected: ")
    assert "container is not running" in caught.value.message


def test_a_server_that_stops_telling_ends_the_wait(programs: Programs) -> None:
    connected(programs, postgres_row(BLUE))
    programs.answer("CLIENT LIST", redis_listing(), Failed("container is not running"))
    with pytest.raises(NotRunningError):
        drain(wait=60)


def test_an_application_that_only_the_registry_names_is_known(programs: Programs) -> None:
    connected(programs)
    told = {"clients": [], "used": 0, "max_connections": 9}
    programs.answer(CLIENTS, f"{json.dumps([SHOP, {**SHOP, 'name': 'gone'}])}\n{json.dumps(told)}\n")
    assert drain(name="gone")[0].well
