"""Who is connected, as text for people, literally."""

from dbserver.cli.render import connections as render
from dbserver.results.clients import ApplicationUse, Client, Connections, Drained
from tests.unit.dbserver.test_clients import client


def found(*clients: Client, faults: tuple[str, ...] = ()) -> str:
    use = (ApplicationUse("shop", 3, 20), ApplicationUse("blog", 0, 4))
    return render.connections(Connections("dev", 4, 102, use, clients, 1, 10_000, faults))


LIMITS = """\
PostgreSQL: 4 of 102 connections
  shop: 3 of 20
  blog: 0 of 4
Redis: 1 of 10000 clients
"""


def test_clients_are_a_table_under_the_limits() -> None:
    shown = found(
        client(active=1, idle=1, idle_in_transaction=1, oldest_transaction_seconds=75.2, waiting_for_locks=1),
        client(server="redis", application="", container="worker", colour="", total=1, idle=1),
        client(application="", container="", colour="", origin="the host", address="172.18.0.1"),
        client(application="", container="", colour="", origin="inside the container", address=""),
    )
    assert shown.splitlines() == [
        *LIMITS.splitlines(),
        "",
        "SERVER    APPLICATION  CLIENT                COLOUR  TOTAL  ACTIVE  IDLE  IDLE IN TX  OLDEST TX   WAITING",
        "postgres  shop         shop-blue             blue    3      1       1     1           1 min 15 s  1",
        "redis     -            worker                -       1      0       1     0           -           0",
        "postgres  -            the host 172.18.0.1   -       3      0       3     0           -           0",
        "postgres  -            inside the container  -       3      0       3     0           -           0",
    ]


def test_where_nobody_is_connected_it_says_so() -> None:
    assert found() == f"{LIMITS}\nnobody is connected"


def test_a_server_that_did_not_tell_is_named_last() -> None:
    assert found(faults=("db-server-redis is gone",)) == (
        f"{LIMITS}\nnobody is connected\nunknown: db-server-redis is gone"
    )


def test_a_colour_that_is_gone_is_told_with_the_time_that_it_took() -> None:
    assert render.drained(Drained("dev", "shop", "blue", 1.5, ())) == "no connection of blue of shop is left (1.5 s)"


def test_a_colour_that_is_left_is_told_with_who_it_is() -> None:
    left = (client(), client(server="redis", total=1), client(container="", colour="", origin="an unknown address"))
    assert render.drained(Drained("dev", "shop", "blue", 60.0, left)) == (
        "blue of shop is still connected after 60.0 s: shop-blue (blue) 3 to postgres, shop-blue (blue) 1 to redis,"
        " an unknown address 172.18.0.4 3 to postgres"
    )


def test_a_client_of_which_nobody_knows_whose_it_is_is_named_as_one() -> None:
    left = (client(), client(server="redis", application="", container="worker-blue", total=1))
    assert render.drained(Drained("dev", "shop", "blue", 0.0, left)).splitlines()[1] == (
        "of these nobody knows which application's they are: worker-blue (blue) 1 to redis;"
        " see docs/how-to/deployments.md, 'Who is connected'"
    )
