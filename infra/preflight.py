"""Look at the host before anything is declared; refuse what would harm data or fail half-way."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pulumi

from dbserver import contract, refusals
from dbserver.docker import containers, host, images, networks, ports
from dbserver.docker.containers import Container
from dbserver.docker.images import Image
from dbserver.errors import CommandError
from dbserver.postgres import access
from dbserver.postgres.server import Server
from infra.settings import Postgres, Redis, Settings


class HostError(Exception):
    """The host is not fit for what is declared; nothing was changed."""


@dataclass(frozen=True)
class Host:
    """What the program needs to know of the host."""

    images: dict[str, Image]


def examine(settings: Settings) -> Host:
    """Return the images to run. Raises HostError with every reason at once, each with its way out."""
    # Read here: the engine's settings belong to the thread, a worker would see another stack's name.
    stack = pulumi.get_stack()
    names = {server: _declared(settings, server).container_name for server in contract.SERVERS}
    with ThreadPoolExecutor() as pool:
        network = pool.submit(networks.find, settings.network.name)
        resolving = {server: pool.submit(_image, settings, server) for server in contract.SERVERS}
        existing = containers.inspect(list(names.values()))
        found = {server: image.result() for server, image in resolving.items()}
        kept = pool.submit(_kept, settings, existing.get(names[contract.POSTGRES]))
        judged = [pool.submit(_server_reasons, settings, s, found[s], existing.get(names[s])) for s in names]
        reasons = refusals.owners(list(existing.values()), stack, settings.postgres.admin_user)
        reasons += refusals.network(settings.network.name, network.result(), create=settings.network.create)
        reasons += [reason for judgement in judged for reason in judgement.result()]
        for name in kept.result():
            way = f"./scripts/dbserver drop {name} destroys them"
            pulumi.log.warn(f"application {name} is declared no more: its database and its role are kept; {way}")
    if reasons:
        raise HostError(f"{contract.REFUSED}\n  " + "\n  ".join(reasons))
    if not pulumi.runtime.is_dry_run():
        _start_what_was_stopped(settings, stack, list(existing.values()))
    return Host(found)


def _kept(settings: Settings, container: Container | None) -> list[str]:
    """Return the applications that the running server knows and the stack declares no more."""
    if container is None or not container.running:
        return []
    server = Server(container.name, settings.postgres.admin_user)
    try:
        known = json.loads(server.query(access.REGISTERED, server.admin))
    except CommandError:
        return []  # a server that is new, or does not answer: its own resource tells
    declared = {(entry.database_name, entry.role_name) for entry in settings.applications}
    return [entry["name"] for entry in known if (entry["database"], entry["role"]) not in declared]


def _declared(settings: Settings, server: str) -> Postgres | Redis:
    return settings.postgres if server == contract.POSTGRES else settings.redis


def _image(settings: Settings, server: str) -> Image:
    return images.resolve(_declared(settings, server).image, stand_ins=settings.stand_ins)


def _server_reasons(settings: Settings, server: str, image: Image, container: Container | None) -> list[str]:
    port = _declared(settings, server).port
    path = contract.data_directory(settings.data_directory, server)
    reasons = [] if refusals.publishes(container, port) else refusals.port(port, ports.holders(port))
    if refusals.settled(container, image, path, server):
        return reasons
    directory = host.inspect_directory(path, image.name, server)
    return reasons + refusals.directory(server, directory, image, container)


def _start_what_was_stopped(settings: Settings, stack: str, existing: list[Container]) -> None:
    """Start containers of this stack that were only stopped: the engine does not look whether they run."""
    for container in existing:
        if container.belongs_to(stack) and container.state in ("exited", "created") and _stays(settings, container):
            pulumi.log.info(f"starting container {container.name}, which was stopped")
            containers.start(container.name)


def _stays(settings: Settings, container: Container) -> bool:
    """Return False where the data directory is declared elsewhere by now: the engine replaces such a container."""
    paths = {contract.data_directory(settings.data_directory, server) for server in contract.SERVERS}
    return bool(paths & set(container.mounts.values()))
