"""An installation as it is shown. Pure."""

from collections.abc import Mapping, Sequence

from dbserver import contract
from dbserver.adoption.found import Database, Installation
from dbserver.docker.containers import Published
from dbserver.results.adoption import AdoptionPlan, FoundDatabase, FoundServer


def shown(
    stack: str, file: str, found: Installation, names: Mapping[str, str], changes: Sequence[str],
    notices: Sequence[str],
) -> AdoptionPlan:  # fmt: skip
    """Return what was found and will be done; `names` is database -> the application that it becomes."""
    return AdoptionPlan(
        stack=stack,
        step="new",
        file=file,
        servers=tuple(_server(found, server) for server in contract.SERVERS),
        databases=tuple(_database(found, each, names) for each in found.postgres.databases),
        changes=tuple(changes),
        notices=tuple(notices),
        connected=connected(found),
    )


def ports(found: Installation) -> dict[str, int]:
    """Return server -> its port on the host; those without one are not among them."""
    known = {server: _published(found, server).port for server in contract.SERVERS}
    return {server: port for server, port in known.items() if port}


def connected(found: Installation) -> str:
    """Return who is connected to which database, in one line."""
    rows = found.postgres.told["connected"]
    return ", ".join(f"{row['role']} {row['total']} to {row['database']}" for row in rows if row["address"])


def _published(found: Installation, server: str) -> Published:
    return found.containers[server].at(f"{contract.INNER_PORT[server]}/tcp")


def _server(found: Installation, server: str) -> FoundServer:
    container = found.containers[server]
    _, address, port = _published(found, server)
    version = found.redis.info["redis_version"] if server == contract.REDIS else str(found.postgres.told["version"])
    return FoundServer(
        server=server,
        container=container.name,
        image=container.image,
        version=version,
        data=found.data[server],
        networks=tuple(sorted(container.networks)),
        published=f"{address or '0.0.0.0'}:{port}" if port else "",  # noqa: S104  what was found, not what is bound
    )


def _database(found: Installation, database: Database, names: Mapping[str, str]) -> FoundDatabase:
    return FoundDatabase(
        database=database.name,
        application=names.get(database.name, ""),
        role=database.owner,
        has_password=bool(found.postgres.roles[database.owner]["verifier"]),
        size_bytes=database.size,
        connections=found.postgres.connected(database.name),
        extensions=tuple(database.extensions),
    )
