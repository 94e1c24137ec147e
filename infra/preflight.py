"""Look at the host before anything is declared; refuse what would harm data or fail half-way."""

from dataclasses import dataclass

import pulumi

from dbserver import contract, refusals
from dbserver.docker import containers, host, images, networks, ports
from dbserver.docker.images import Image
from infra.settings import Settings


class HostError(Exception):
    """The host is not fit for what is declared; nothing was changed."""


@dataclass(frozen=True)
class Host:
    """What the program needs to know of the host."""

    images: dict[str, Image]


def examine(settings: Settings) -> Host:
    """Return the images to run. Raises HostError with every reason at once, each with its way out."""
    network = networks.find(settings.network.name)
    found = {
        contract.POSTGRES: images.resolve(settings.postgres.image, stand_ins=settings.stand_ins),
        contract.REDIS: images.resolve(settings.redis.image, stand_ins=settings.stand_ins),
    }
    reasons = refusals.network(settings.network.name, network, create=settings.network.create)
    names = {contract.POSTGRES: settings.postgres.container_name, contract.REDIS: settings.redis.container_name}
    existing = containers.inspect(list(names.values()))
    published = {contract.POSTGRES: settings.postgres.port, contract.REDIS: settings.redis.port}
    for server, name in names.items():
        container = existing.get(name)
        path = contract.data_directory(settings.data_directory, server)
        reasons += refusals.port(published[server], ports.holders(published[server]), container)
        if not refusals.settled(container, found[server], path, server):
            directory = host.inspect_directory(path, found[server].name, server)
            reasons += refusals.directory(server, directory, found[server], container)
    if reasons:
        raise HostError("refused before anything was changed:\n  " + "\n  ".join(reasons))
    if not pulumi.runtime.is_dry_run():
        start_what_was_stopped(list(existing.values()))
    return Host(found)


def start_what_was_stopped(existing: list[containers.Container]) -> None:
    """Start containers of this stack that were only stopped: the engine does not look whether they run."""
    for container in existing:
        if container.belongs_to(pulumi.get_stack()) and container.state in ("exited", "created"):
            pulumi.log.info(f"starting container {container.name}, which was stopped")
            containers.start(container.name)
