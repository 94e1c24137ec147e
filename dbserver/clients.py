"""Who is connected: what the servers say of their clients, with the container behind each address."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from dbserver import contract
from dbserver.docker import containers, networks
from dbserver.docker.networks import Network
from dbserver.errors import DbServerError, RefusedError, UsageError
from dbserver.postgres import activity
from dbserver.postgres.server import Server as Postgres
from dbserver.redis import commands
from dbserver.redis.server import Server as Redis
from dbserver.results.clients import ApplicationUse, Client

COLOURS = ("blue", "green")
COLOUR = re.compile(rf"(?:^|[-_.])({'|'.join(COLOURS)})(?=$|[-_.])")
INSIDE, HOST, UNKNOWN, ON_NETWORK = "inside the container", "the host", "an unknown address", "the network"


@dataclass(frozen=True)
class Servers:
    """Where to ask: container names by server, of one or both; the administrator, the shared network."""

    containers: Mapping[str, str]
    admin: str
    network: str


@dataclass(frozen=True)
class Found:
    """Everybody who is connected, and what the servers allow. `faults` are the servers that did not tell."""

    clients: tuple[Client, ...] = ()
    applications: tuple[ApplicationUse, ...] = ()
    used: int = 0
    max_connections: int = 0
    redis_clients: int = 0
    redis_max_clients: int = 0
    faults: tuple[str, ...] = ()

    def of_applications(self) -> list[Client]:
        """Return those whom a stop cuts off: everybody but the host and the servers themselves."""
        return [each for each in self.clients if each.origin in (ON_NETWORK, UNKNOWN)]


def find(servers: Servers) -> Found:
    """Return who is connected; a server that does not tell is a fault of the result.

    Raises NotRunningError where the Docker daemon does not answer.
    """
    with ThreadPoolExecutor() as pool:
        network = pool.submit(networks.find, servers.network)
        asked = [pool.submit(_told, servers, name, ask) for name, ask in ASK.items()]
    (told, *faults), (found, *more) = (answer.result() for answer in asked)
    faults += more
    told, (listed, limit) = told or activity.NOBODY, found or ("", 0)
    places = Places(network.result(), tuple(servers.containers.values()))
    postgres = postgres_clients(told["clients"], told["applications"], places)
    redis = redis_clients(
        commands.client_list(listed), postgres, [each["name"] for each in told["applications"]], places
    )
    return Found(
        clients=(*postgres, *redis),
        applications=tuple(
            ApplicationUse(each["name"], sum(c.total for c in postgres if c.application == each["name"]), each["limit"])
            for each in told["applications"]
        ),
        used=told["used"],
        max_connections=told["max_connections"],
        redis_clients=sum(client.total for client in redis),
        redis_max_clients=limit,
        faults=tuple(faults),
    )


@dataclass(frozen=True)
class Places:
    """Turns an address into where it is. `own` are the servers' containers."""

    network: Network | None
    own: Sequence[str]

    def of(self, address: str) -> tuple[str, str]:
        """Return the container (or nothing) and the origin."""
        if address in ("", "127.0.0.1", "::1"):
            return "", INSIDE
        if self.network and address in self.network.gateways:
            return "", HOST
        container = self.network.members.get(address, "") if self.network else ""
        if container in self.own:
            return container, INSIDE
        return container, ON_NETWORK if container else UNKNOWN


def colour_of(container: str) -> str:
    """Return the colour in a container's name, such as crypto-ai-backend-blue; nothing where it has none."""
    found = COLOUR.findall(container)
    return found[-1] if found else ""


def postgres_clients(
    rows: Sequence[Mapping[str, Any]], applications: Sequence[Mapping[str, Any]], places: Places
) -> tuple[Client, ...]:
    """Return the connections to PostgreSQL; an application's are those to its database or of its role."""
    names = {entry["role"]: entry["name"] for entry in applications}
    databases = {entry["database"]: entry["name"] for entry in applications}
    clients = []
    for row in rows:
        container, origin = places.of(row["address"])
        clients.append(
            Client(
                server=contract.POSTGRES,
                application=databases.get(row["database"]) or names.get(row["role"], ""),
                container=container,
                colour=colour_of(container),
                origin=origin,
                address=row["address"],
                total=row["total"],
                active=row["active"],
                idle=row["idle"],
                idle_in_transaction=row["idle_in_transaction"],
                waiting_for_locks=row["waiting"],
                oldest_transaction_seconds=round(row["oldest"], 1),
            )
        )
    return tuple(clients)


def redis_clients(
    rows: Sequence[Mapping[str, str]], postgres: Sequence[Client], applications: Sequence[str], places: Places
) -> tuple[Client, ...]:
    """Return the connections to Redis, one entry a container and user.

    In open mode nobody names himself: the container then belongs to the
    application whose database it uses, nobody's where it uses several, else to
    the one whose name is in its own.
    """
    grouped: dict[tuple[str, str], list[Mapping[str, str]]] = {}
    for row in rows:
        grouped.setdefault((commands.address_of(row), row.get("user", "")), []).append(row)
    clients = []
    for (address, user), connections in grouped.items():
        container, origin = places.of(address)
        idle = sum(1 for row in connections if row.get("idle") != "0")
        clients.append(
            Client(
                server=contract.REDIS,
                application=user if user in applications else _owner(container, postgres, applications),
                container=container,
                colour=colour_of(container),
                origin=origin,
                address=address,
                total=len(connections),
                active=len(connections) - idle,
                idle=idle,
                idle_in_transaction=0,
                waiting_for_locks=0,
                oldest_transaction_seconds=0,
            )
        )
    return tuple(clients)


def listed(clients: Iterable[Client]) -> str:
    """Return who it is in one line: container, colour, connections."""
    totals: dict[tuple[str, str], int] = {}
    for client in clients:
        key = client.shown if client.container else f"{client.origin} {client.address}".strip(), client.server
        totals[key] = totals.get(key, 0) + client.total
    return ", ".join(f"{who} {count} to {server}" for (who, server), count in totals.items())


def refuse(servers: Servers, *, override: bool, doing: str = "") -> list[Client]:
    """Return the application containers that are connected to these servers; idle ones of a pool count.

    Raises RefusedError where there are any and nobody said that they may be
    cut off. A server that does not answer serves nobody, and so does one that is
    on no network: what it holds are connections that nothing comes through.
    """
    connected = find(servers).of_applications()
    if connected:
        found = containers.inspect(list(servers.containers.values()))
        alone = [server for server, name in servers.containers.items() if name in found and not found[name].networks]
        connected = [client for client in connected if client.server not in alone]
    if connected and not override:
        flag = f"{contract.DISCONNECT_FLAG} (for pulumi itself: {contract.DISCONNECT_VARIABLE}=yes)"
        hint = f"finish the deployment and stop them, or cut them off with {flag}"
        raise RefusedError(f"{doing}application containers are connected: {listed(connected)}", hint)
    return connected


def unknown(name: str, known: Sequence[str]) -> UsageError:
    """Return the error for an application that nobody knows."""
    return UsageError(f"there is no application {name}", f"one of: {', '.join(sorted(known)) or 'none is declared'}")


def _owner(container: str, postgres: Sequence[Client], applications: Sequence[str]) -> str:
    if not container:
        return ""
    used = {client.application for client in postgres if client.container == container and client.application}
    if used:
        return used.pop() if len(used) == 1 else ""
    named = sorted((name for name in applications if f"-{name}-" in f"-{container.replace('_', '-')}-"), key=len)
    return named[-1] if named else ""


def _told(servers: Servers, name: str, ask: Callable[[str, str], Any]) -> list[Any]:
    """Return what a server tells; where it does not, None and its fault."""
    try:
        return [ask(servers.containers[name], servers.admin) if name in servers.containers else None]
    except DbServerError as fault:
        return [None, fault.message]


def _redis(container: str, admin: str) -> tuple[str, int]:
    server = Redis(container, admin)
    said = server.command_lines("CLIENT LIST", "CONFIG GET maxclients")
    listing, _, limit = said.rpartition("maxclients")
    if limit and not limit.strip().isdigit():
        # One of elsewhere may want a password that nobody here has.
        raise DbServerError(f"{server.container} does not tell who its clients are: {said.strip().splitlines()[0]}")
    return listing, int(limit or 0)


ASK: Mapping[str, Callable[[str, str], Any]] = {
    contract.POSTGRES: lambda container, admin: activity.read(Postgres(container, admin)),
    contract.REDIS: _redis,
}
