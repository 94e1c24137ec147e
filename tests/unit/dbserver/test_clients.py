"""Who is connected: which container and colour an address is, whose a client is, and who prevents a stop."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbserver import clients
from dbserver.clients import HOST, INSIDE, ON_NETWORK, UNKNOWN, Places, Servers, colour_of
from dbserver.docker.networks import Network
from dbserver.errors import NotRunningError, RefusedError
from dbserver.results.clients import ApplicationUse, Client
from tests.unit.fakes import SHOP, Failed, Programs, connected, inspected, network, postgres_row, printed

BOTH = Servers({"postgres": "db-server-postgres", "redis": "db-server-redis"}, "dbadmin", "nginx-network")
ONLY_POSTGRES = Servers({"postgres": "db-server-postgres"}, "dbadmin", "nginx-network")
PLACES = Places(
    Network("nginx-network", "n", "bridge", ("172.18.0.1", "fd00::1"), {
        "172.18.0.2": "db-server-postgres", "172.18.0.3": "db-server-redis", "172.18.0.4": "shop-blue",
        "fd00::4": "shop-blue", "172.18.0.5": "worker",
    }),
    ("db-server-postgres", "db-server-redis"),
)  # fmt: skip


def client(**changes: Any) -> Client:
    """Return three idle connections of shop's blue container to PostgreSQL, with changes."""
    values: dict[str, Any] = {
        "server": "postgres", "application": "shop", "container": "shop-blue", "colour": "blue",
        "origin": ON_NETWORK, "address": "172.18.0.4", "total": 3, "active": 0, "idle": 3, "idle_in_transaction": 0,
        "waiting_for_locks": 0, "oldest_transaction_seconds": 0.0,
    }  # fmt: skip
    return Client(**{**values, **changes})


# Where an address is ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("", ("", INSIDE)),
        ("127.0.0.1", ("", INSIDE)),
        ("::1", ("", INSIDE)),
        ("172.18.0.1", ("", HOST)),
        ("fd00::1", ("", HOST)),
        ("172.18.0.3", ("db-server-redis", INSIDE)),
        ("172.18.0.4", ("shop-blue", ON_NETWORK)),
        ("fd00::4", ("shop-blue", ON_NETWORK)),
        ("172.18.0.9", ("", UNKNOWN)),
    ],
    ids=["socket", "loopback", "loopback IPv6", "gateway", "gateway IPv6", "own", "container", "IPv6", "nobody's"],
)
def test_an_address_is_a_container_the_host_or_nobody_s(address: str, place: tuple[str, str]) -> None:
    assert PLACES.of(address) == place


def test_without_the_network_every_address_from_outside_is_unknown() -> None:
    places = Places(None, ("db-server-postgres",))
    assert [places.of(address) for address in ("172.18.0.1", "172.18.0.4", "")] == [
        ("", UNKNOWN), ("", UNKNOWN), ("", INSIDE),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("container", "colour"),
    [
        ("crypto-ai-backend-blue", "blue"),
        ("crypto_ai_green_1", "green"),
        ("blue", "blue"),
        ("green.shop", "green"),
        ("blueberry-shop", ""),
        ("shop-evergreen", ""),
        ("bluegreen", ""),
        ("shop-BLUE", ""),
        ("blue-lagoon-green", "green"),
        ("", ""),
    ],
)
def test_a_colour_is_a_whole_part_of_the_name_and_the_last_one_wins(container: str, colour: str) -> None:
    assert colour_of(container) == colour


@given(st.text(alphabet="abcdefgh123", min_size=1), st.sampled_from("-_."), st.sampled_from(clients.COLOURS))
def test_a_colour_is_found_at_either_end_of_any_name(name: str, separator: str, colour: str) -> None:
    assert colour_of(f"{name}{separator}{colour}") == colour
    assert colour_of(f"{colour}{separator}{name}") == colour
    assert colour_of(f"{name}{colour}{name}") == ""


# Whose a client is --------------------------------------------------------------------


def test_a_client_of_postgres_belongs_to_the_application_of_its_database_or_else_of_its_role() -> None:
    rows = [
        postgres_row("172.18.0.4", 3, idle=1, active=1, idle_in_transaction=1, waiting=1, oldest=2.345),
        postgres_row("172.18.0.4", database="postgres", role="shop_user"),
        postgres_row("172.18.0.5", database="shop_data", role="reporting"),
        postgres_row("", database="dbadmin", role="dbadmin"),
    ]
    found = clients.postgres_clients(rows, [SHOP], PLACES)
    assert found[0] == client(
        idle=1, active=1, idle_in_transaction=1, waiting_for_locks=1, oldest_transaction_seconds=2.3
    )
    assert [(each.application, each.container, each.origin) for each in found[1:]] == [
        ("shop", "shop-blue", ON_NETWORK),
        ("shop", "worker", ON_NETWORK),
        ("", "", INSIDE),
    ]


def redis_row(address: str, user: str = "default", idle: int = 9) -> dict[str, str]:
    return {"addr": f"{address}:50001", "user": user, "idle": str(idle), "flags": "N", "cmd": "get"}


def of_redis(*rows: dict[str, str], postgres: Sequence[Client] = (), names: Sequence[str] = ("shop",)) -> list[Client]:
    return list(clients.redis_clients(rows, postgres, names, PLACES))


def test_clients_of_redis_are_counted_by_container_and_user() -> None:
    found = of_redis(redis_row("172.18.0.4"), redis_row("172.18.0.4", idle=0), redis_row("172.18.0.4", "shop"))
    assert found == [
        client(server="redis", total=2, active=1, idle=1, oldest_transaction_seconds=0),
        client(server="redis", total=1, active=0, idle=1, oldest_transaction_seconds=0),
    ]


def test_a_client_of_redis_that_names_its_application_belongs_to_it() -> None:
    assert of_redis(redis_row("172.18.0.5", "shop"))[0].application == "shop"


def test_a_container_whose_user_says_nothing_belongs_to_the_application_whose_database_it_uses() -> None:
    used = client(container="worker", application="billing")
    assert of_redis(redis_row("172.18.0.5"), postgres=[used])[0].application == "billing"


def test_a_container_that_uses_several_applications_databases_may_be_of_any_of_them_in_an_open_redis() -> None:
    used = [client(application="shop"), client(application="billing")]
    assert of_redis(redis_row("172.18.0.4"), postgres=used)[0].application == ""
    assert of_redis(redis_row("172.18.0.4"), postgres=[used[0], used[0]])[0].application == "shop"


def test_what_others_use_in_postgres_says_nothing_about_a_container() -> None:
    used = [client(container="", application="billing"), client(container="worker", application="")]
    assert of_redis(redis_row("172.18.0.5"), redis_row("172.18.0.9"), postgres=used)[0].application == ""


@pytest.mark.parametrize(
    ("container", "application"),
    [
        ("shop-blue", "shop"),
        ("my-shop-worker_blue", "shop"),
        ("shop-admin-blue", "shop-admin"),
        ("shop_admin_blue", "shop-admin"),
        ("workshop-blue", ""),
        ("shops-blue", ""),
    ],
)
def test_else_a_container_belongs_to_the_application_with_the_longest_name_in_its_own(
    container: str, application: str
) -> None:
    places = Places(Network("n", "n", "bridge", (), {"172.18.0.4": container}), ())
    found = clients.redis_clients([redis_row("172.18.0.4")], [], ["shop", "shop-admin"], places)
    assert found[0].application == application


def test_an_address_that_no_container_has_belongs_to_nobody_in_an_open_redis() -> None:
    found = of_redis(redis_row("172.18.0.9"), redis_row("127.0.0.1"))
    assert [(each.application, each.origin) for each in found] == [("", UNKNOWN), ("", INSIDE)]


# Asking both servers ------------------------------------------------------------------


def test_everybody_is_found_with_what_the_servers_allow(programs: Programs) -> None:
    connected(
        programs,
        postgres_row("172.18.0.4", 3),
        postgres_row("172.18.0.5", 2),
        redis=[("172.18.0.5", "default", 4), ("172.18.0.5", "default", 0)],
    )
    found = clients.find(BOTH)
    assert [(each.server, each.application, each.container, each.colour, each.total) for each in found.clients] == [
        ("postgres", "shop", "shop-blue", "blue", 3),
        ("postgres", "shop", "shop-green", "green", 2),
        ("redis", "shop", "shop-green", "green", 2),
    ]
    assert found.applications == (ApplicationUse("shop", 5, 20),)
    assert (found.used, found.max_connections) == (6, 102)
    assert (found.redis_clients, found.redis_max_clients) == (2, 10_000)
    assert found.faults == ()


def test_a_server_that_does_not_tell_is_a_fault_beside_what_the_other_tells(programs: Programs) -> None:
    connected(programs, redis=[("172.18.0.4", "shop", 1)])
    programs.answer("pg_stat_activity", Failed("container is not running"))
    found = clients.find(BOTH)
    assert [(each.server, each.application) for each in found.clients] == [("redis", "")]
    assert (found.applications, found.used, found.max_connections) == ((), 0, 0)
    assert len(found.faults) == 1
    assert "container is not running" in found.faults[0]


def test_a_redis_of_elsewhere_that_wants_a_password_is_a_fault_and_no_crash(programs: Programs) -> None:
    connected(programs, postgres_row("172.18.0.4", 3))
    programs.answer("CLIENT LIST", "NOAUTH Authentication required.\nNOAUTH Authentication required.\n\n")
    found = clients.find(BOTH)
    assert [each.server for each in found.clients] == ["postgres"]
    assert found.faults == ("db-server-redis does not tell who its clients are: NOAUTH Authentication required.",)


def test_a_server_that_is_not_asked_about_is_not_asked(programs: Programs) -> None:
    connected(programs)
    assert clients.find(ONLY_POSTGRES).faults == ()
    assert not programs.started("CLIENT LIST")


def test_a_daemon_that_does_not_answer_is_not_a_server_without_clients(programs: Programs) -> None:
    programs.answer("docker", Failed("Cannot connect to the Docker daemon"))
    with pytest.raises(NotRunningError):
        clients.find(BOTH)


# Nobody is cut off unasked --------------------------------------------------------------


def test_idle_connections_and_unknown_addresses_count_the_host_and_the_servers_do_not(programs: Programs) -> None:
    connected(
        programs,
        postgres_row("172.18.0.4", 3),
        postgres_row("172.18.0.9"),
        postgres_row("172.18.0.1"),
        postgres_row("172.18.0.3"),
        postgres_row(""),
    )
    with pytest.raises(RefusedError) as caught:
        clients.refuse(BOTH, override=False, doing="replacing it: ")
    assert caught.value.message == (
        "replacing it: application containers are connected:"
        " shop-blue (blue) 3 to postgres, an unknown address 172.18.0.9 1 to postgres"
    )
    assert caught.value.hint == (
        "finish the deployment and stop them, or cut them off with --disconnect-applications "
        "(for pulumi itself: DBSERVER_DISCONNECT_APPLICATIONS=yes)"
    )


def test_who_is_cut_off_on_purpose_is_returned(programs: Programs) -> None:
    connected(programs, postgres_row("172.18.0.4", 3))
    assert [each.container for each in clients.refuse(BOTH, override=True)] == ["shop-blue"]


def test_where_nobody_is_connected_nothing_is_refused(programs: Programs) -> None:
    connected(programs)
    assert clients.refuse(BOTH, override=False) == []


def test_servers_that_do_not_answer_serve_nobody(programs: Programs) -> None:
    programs.answer("docker exec", Failed("container is not running"))
    programs.answer("network inspect", network())
    assert clients.refuse(BOTH, override=False) == []


def test_a_server_on_no_network_serves_nobody_whatever_connections_it_still_holds(programs: Programs) -> None:
    connected(programs, postgres_row("172.18.0.4", 3), redis=[("172.18.0.4", "shop", 1)])
    off = inspected("db-server-postgres")
    off["NetworkSettings"]["Networks"] = {}
    programs.answer("container inspect", printed(off, inspected("db-server-redis")))
    assert clients.refuse(ONLY_POSTGRES, override=False) == []
    with pytest.raises(RefusedError) as caught:
        clients.refuse(BOTH, override=False)
    assert "shop-blue (blue) 1 to redis" in caught.value.message
    assert "postgres" not in caught.value.message


def test_a_list_adds_up_what_one_container_holds_on_each_server() -> None:
    found = [client(), client(total=2), client(server="redis", total=1), client(container="worker", colour="")]
    assert clients.listed(found) == "shop-blue (blue) 5 to postgres, shop-blue (blue) 1 to redis, worker 3 to postgres"
    assert clients.listed([]) == ""


@pytest.mark.parametrize(
    ("known", "hint"), [(["shop", "blog"], "one of: blog, shop"), ([], "one of: none is declared")]
)
def test_an_unknown_application_is_told_with_those_that_are_known(known: list[str], hint: str) -> None:
    fault = clients.unknown("shpo", known)
    assert (fault.message, fault.hint, int(fault.exit_code)) == ("there is no application shpo", hint, 2)
