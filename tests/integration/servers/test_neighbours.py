"""Who comes from neither the network nor the host is let in by neither server, though Docker lets it reach them."""

import json
from collections.abc import Iterator

import pytest

from dbserver import contract
from dbserver.docker import daemon
from dbserver.postgres import convergence
from dbserver.postgres.settings import HBA_FILE
from tests.support.commands import Ran, run
from tests.support.lending import ADMIN, Lent
from tests.support.neighbours import OF_THE_MACHINE, neighbour
from tests.support.tenants import redis

HOST = ("--network", "host")
# Before Docker 28 the server itself refuses; since then nothing of a neighbour's arrives.
OPEN = bool(daemon.letting_neighbours_in(daemon.look().version))
UNANSWERED = "timeout expired"
REJECTED = "pg_hba.conf rejects connection" if OPEN else UNANSWERED


@pytest.fixture(scope="module")
def street(lent: Lent) -> Lent:
    return lent.admit({"name": "shop", "poolSize": 2})


@pytest.fixture(scope="module")
def elsewhere(street: Lent) -> Iterator[tuple[str, str]]:
    with neighbour(street) as options:
        yield options


def addresses(stack: Lent, container: str, network: str = "") -> list[str]:
    """Return a container's addresses on a network."""
    known = stack.inspect(container)["NetworkSettings"]["Networks"][network or stack.network]
    return [each for each in (known["IPAddress"], known["GlobalIPv6Address"]) if each]


def login(stack: Lent, host: str, port: int = 5432, role: str = "shop") -> list[str]:
    known = stack.variables("shop")
    password = known["DB_PASSWORD"] if role == "shop" else stack.output("adminPassword")
    line = f"host={host} port={port} dbname={'shop' if role == 'shop' else role} user={role} connect_timeout=2"
    return ["env", f"PGPASSWORD={password}", "psql", "-XAtq", line, "-c", "SELECT current_user"]


def assert_refused(done: Ran, reason: str) -> None:
    assert done.code != 0, f"it was not refused:\n{done.text}"
    assert reason in done.out, done.text


def test_an_application_comes_from_the_network_and_the_host_and_from_no_neighbour(
    street: Lent, elsewhere: tuple[str, str]
) -> None:
    (address,) = addresses(street, street.postgres)
    assert street.attempts([login(street, street.postgres)])[0].ok().out == "shop"
    published, direct = street.attempts(
        [login(street, "127.0.0.1", street.postgres_port), login(street, address)], *HOST
    )
    assert (published.ok().out, direct.ok().out) == ("shop", "shop")
    assert_refused(street.attempts([login(street, address)], *elsewhere)[0], REJECTED)


def test_redis_answers_the_network_and_the_host_and_no_neighbour(street: Lent, elsewhere: tuple[str, str]) -> None:
    (address,) = addresses(street, street.redis)
    ping = ["timeout", "2", *redis(f"redis://{address}:6379/0", "PING")[2:]]
    here = redis(f"redis://127.0.0.1:{street.redis_port}/0", "PING")
    assert street.attempts([ping], server="redis")[0].ok().out == "PONG"
    assert [each.ok().out for each in street.attempts([here, ping], *HOST, server="redis")] == ["PONG", "PONG"]
    unanswered = street.attempts([ping], *elsewhere, server="redis")[0]
    assert unanswered.code == 124, unanswered.text


@pytest.fixture
def both(street: Lent) -> Iterator[str]:
    """A network of both families that names no gateway; PostgreSQL is on it, and its rules are those for it."""
    name, file = f"{street.name}-both", street.data / "config" / contract.POSTGRES / HBA_FILE
    before = file.read_text()
    run("docker", "network", "create", "--ipv6", "--subnet", "fd5b:16::/64", "--subnet", "10.213.16.0/24", name).ok()
    run("docker", "network", "connect", name, street.postgres).ok()
    try:
        file.write_text(convergence.rendered({}, ADMIN, name)[HBA_FILE])
        street.sql("SELECT pg_reload_conf()")
        yield name
    finally:
        file.write_text(before)
        street.sql("SELECT pg_reload_conf()")
        run("docker", "network", "disconnect", name, street.postgres).ok()
        run("docker", "network", "rm", name).ok()


def test_both_families_of_a_network_that_names_no_gateway_are_let_in_and_no_neighbour(
    street: Lent, both: str, elsewhere: tuple[str, str]
) -> None:
    found = addresses(street, street.postgres, both)
    assert len(found) == 2
    within = [login(street, address, role=role) for address in found for role in ("shop", ADMIN)]
    here = [login(street, address, role=ADMIN) for address in found]
    street.until(lambda: street.attempts(here[:1], *HOST)[0].code == 0, 30, what="the rules of the other network")
    assert [each.ok().out for each in street.attempts(here, *HOST)] == [ADMIN, ADMIN]
    done = street.attempts(within, "--network", both)
    assert [each.ok().out for each in done[::2]] == ["shop", "shop"]
    for refused in done[1::2]:
        assert_refused(refused, "pg_hba.conf rejects connection")
    for refused in street.attempts([login(street, address) for address in found], *elsewhere):
        assert_refused(refused, REJECTED)


def test_what_doctor_prints_keeps_neighbours_out_before_they_reach_a_server(
    street: Lent, elsewhere: tuple[str, str]
) -> None:
    found = json.loads(street.script("dbserver", "doctor", "--format", "json").out)["findings"]
    commands = [each["command"].replace("sudo ", "") for each in found if each["cause"] == OF_THE_MACHINE]
    assert len(commands) == OPEN
    for command in commands:
        (address,) = addresses(street, street.postgres)
        run("bash", "-c", command).ok()
        try:
            assert_refused(street.attempts([login(street, address)], *elsewhere)[0], UNANSWERED)
            assert street.attempts([login(street, street.postgres)])[0].ok().out == "shop"
            assert street.attempts([login(street, address)], *HOST)[0].ok().out == "shop"
        finally:
            run("bash", "-c", command.replace("-I DOCKER-USER", "-D DOCKER-USER")).ok()
