"""Look at the host before anything is declared; refuse what would harm data or fail half-way."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pulumi

from dbserver import clients, contract, endpoint, refusals
from dbserver.archive.plan import LINE_FILE
from dbserver.docker import containers, daemon, host, images, networks, ports
from dbserver.docker import identity as asking
from dbserver.docker.containers import Container, Published
from dbserver.docker.host import Identity
from dbserver.docker.images import Image
from dbserver.errors import CommandError, RefusedError
from dbserver.plan import ContainerPlan, in_order, replacing
from dbserver.postgres import commands as postgres
from dbserver.readiness import wait_until
from dbserver.redis import commands as redis
from dbserver.redis import convergence, sharing
from dbserver.redis import server as redis_server
from dbserver.settings.model import Postgres, Redis, Settings
from infra import compose_file, entries, identity
from infra.deployment import refuse_disconnecting
from infra.plans import Here, archive_plan, backup_directory, container_plan
from infra.precautions import take_precautions

READY = {contract.POSTGRES: postgres.wait_until_ready, contract.REDIS: redis.wait_until_ready}


class HostError(Exception):
    """The host is not fit for what is declared; nothing was changed."""


@dataclass(frozen=True)
class Host:
    """What the program needs to know of the host: images to run, labels of containers, ids of those that are there.

    `published` is server -> its ports in the order in which the provider finds them, `identities` which data is there.
    """

    images: dict[str, Image]
    labels: dict[str, dict[str, str]]
    containers: dict[str, str] = field(default_factory=dict)
    published: dict[str, tuple[Published, ...]] = field(default_factory=dict)
    identities: dict[str, Identity] = field(default_factory=dict)

    def here(self, plan: ContainerPlan) -> Here:
        """Return what of a container depends on the one that is there."""
        return Here(self.labels[plan.server], self.published.get(plan.server, plan.published))


def examine(settings: Settings) -> Host:
    """Return images and labels of the containers. Raises HostError with every reason at once, each with its way out."""
    # Read here: the engine's settings belong to the thread, a worker would see another stack's name.
    stack = pulumi.get_stack()
    names = {server: _declared(settings, server).container_name for server in contract.SERVERS}
    with ThreadPoolExecutor() as pool:
        network = pool.submit(networks.find, settings.network.name)
        engine = pool.submit(daemon.look)
        resolving = {server: pool.submit(_image, settings, server) for server in contract.SERVERS}
        existing = containers.inspect([*names.values(), *_archives(settings)])
        found = {server: image.result() for server, image in resolving.items()}
        asked = pool.submit(entries.look, settings, existing.get(names[contract.POSTGRES]), found[contract.POSTGRES])
        known: dict[str, Identity] = {}
        judged = [
            pool.submit(_server_reasons, settings, stack, s, found[s], existing.get(names[s]), known) for s in names
        ]
        reasons = refusals.owners(list(existing.values()), stack, settings.postgres.admin_user)
        reasons += compose_file.reasons()
        reasons += refusals.context(endpoint.context(), endpoint.address())
        reasons += refusals.network(settings.network.name, network.result(), create=settings.network.create)
        if settings.tls.address:
            reasons += refusals.address(settings.tls.address, ports.addresses())
        reasons += [reason for judgement in judged for reason in judgement.result()]
        ours = [server for server, name in names.items() if name in existing and existing[name].belongs_to(stack)]
        reasons += identity.strangers(stack, {names[server]: known[server] for server in ours if server in known})
        reasons += _told(asked.result())
        _warn(settings, engine.result().version)
    if reasons:
        raise HostError(f"{contract.REFUSED}\n  " + "\n  ".join(reasons))
    going = _refuse_replacing(settings, found, existing)
    text = compose_file.rendered(settings, found)
    if not pulumi.runtime.is_dry_run():
        take_precautions(settings, stack, going)
        compose_file.write(text)
        _start_what_was_stopped(settings, stack, list(existing.values()))
    labels = compose_file.labels(settings, text, found, existing)
    labels[contract.ARCHIVE] = archive_plan(settings).labels(stack, found[contract.POSTGRES])
    ids = {server: existing[name].id for server, name in names.items() if name in existing}
    return Host(found, labels, ids, _published(settings, found, existing), known)


def _told(found: entries.Found) -> tuple[str, ...]:
    """Warn; return what a preview refuses. An update does not: it finishes the other applications."""
    previewed = pulumi.runtime.is_dry_run()
    for text in (*found.warnings, *(found.doubts if previewed else ())):
        pulumi.log.warn(text)
    return found.faults if previewed else ()


def _warn(settings: Settings, version: str) -> None:
    what = daemon.letting_neighbours_in(version)
    if what:
        pulumi.log.warn(f"{what}; until then: docs/how-to/troubleshooting.md#docker-before-28")

    reaches = {each.name: sharing.Reach(each.prefixes, each.redis_channels) for each in settings.applications}
    for text in sharing.warnings(reaches) if settings.redis.access == "password" else ():
        pulumi.log.warn(f"{text}: docs/reference/isolation.md#what-redischannels-shares")


def _published(
    settings: Settings, images: Mapping[str, Image], existing: Mapping[str, Container]
) -> dict[str, tuple[Published, ...]]:
    plans = {server: container_plan(settings, server, image.name) for server, image in images.items()}
    return {
        server: in_order(plan, compose_file.staying(plan, images[server], existing.get(plan.name)))
        for server, plan in plans.items()
    }


def _archives(settings: Settings) -> list[str]:
    return [settings.archive.container_name] if settings.archive.enabled else []


def _declared(settings: Settings, server: str) -> Postgres | Redis:
    return settings.postgres if server == contract.POSTGRES else settings.redis


def _image(settings: Settings, server: str) -> Image:
    return images.resolve(_declared(settings, server).image, stand_ins=settings.stand_ins)


def _server_reasons(
    settings: Settings, stack: str, server: str, image: Image, container: Container | None, known: dict[str, Identity]
) -> list[str]:
    port = _declared(settings, server).port
    path = contract.data_directory(settings.data_directory, server)
    reasons = [] if refusals.publishes(container, port) else refusals.port(port, ports.holders(port))
    reasons += refusals.version(server, image)
    if container and refusals.settled(container, image, path, server):
        seen = asking.asked(container.name, server)
        known.update({server: seen} if seen else {})
        return reasons + (identity.reasons(settings, stack, server, seen) if seen else [])
    directory = host.inspect_directory(path, image.name, server, identity.remembered_in(settings, server))
    known[server] = directory.identity
    reasons += identity.reasons(settings, stack, server, directory.identity)
    reasons += refusals.directory(server, directory, image, container)
    if server == contract.POSTGRES and settings.archive.enabled and not directory.version:
        archive = contract.archive_directory(settings.data_directory, settings.archive.directory)
        holds = host.held_files(archive, [LINE_FILE], image.name, server)
        reasons += refusals.archived(path, archive) if holds else []
    return reasons


def _start_what_was_stopped(settings: Settings, stack: str, existing: list[Container]) -> None:
    """Start containers of this stack that were only stopped, and wait for their servers: the engine does neither."""
    started = []
    for container in existing:
        if container.belongs_to(stack) and container.state in ("exited", "created") and _stays(settings, container):
            pulumi.log.info(f"starting container {container.name}, which was stopped")
            # Docker starts no container with a mount whose directory is gone.
            host.make_private_directory(backup_directory(settings), container.image)
            host.make_closed_directory(contract.socket_directory(settings.data_directory), container.image)
            containers.start(container.name)
            started.append(container)
    for container in started:
        probe = READY.get(container.labels.get(contract.LABEL_SERVER, ""))
        if probe:
            wait_until(container.name, probe(container.name))


def _stays(settings: Settings, container: Container) -> bool:
    """Return False where the data directory is declared elsewhere by now: the engine replaces such a container."""
    paths = {contract.data_directory(settings.data_directory, server) for server in contract.SERVERS}
    paths.add(contract.archive_directory(settings.data_directory, settings.archive.directory))
    return bool(paths & set(container.mounts.values()))


def _refuse_replacing(
    settings: Settings, images: Mapping[str, Image], existing: Mapping[str, Container]
) -> dict[str, Container]:
    """Judge before anything is declared: once the engine replaces a container it is too late. A preview only warns.

    Return server -> container of those that the engine is going to replace.
    """
    going = {}
    for server, image in images.items():
        plan = container_plan(settings, server, image.name)
        container = existing.get(plan.name)
        if container is None or not container.running or not container.belongs_to(pulumi.get_stack()):
            continue
        why = replacing(plan, container, image.identity)
        if why:
            _refuse_cutting_off(settings, {server: plan.name}, f"replacing {plan.name} ({'; '.join(why)}): ")
            if server == contract.REDIS:
                _refuse_too_little(settings, plan.name)
            going[server] = container
    return going


def _refuse_too_little(settings: Settings, container: str) -> None:
    """Judge the memory for data here too: a Redis that is made anew begins with it, and evicts, before it is asked."""
    server, wanted = redis_server.Server(container, settings.postgres.admin_user), settings.redis.effective_settings
    try:
        convergence.refuse_too_little(server, redis_server.actual_settings(server, wanted), wanted)
    except CommandError:
        return  # it does not answer: the backup that is made before tells
    except RefusedError as fault:
        raise RefusedError(f"{contract.REFUSED} {fault.message}", fault.hint) from None


def _refuse_cutting_off(settings: Settings, names: Mapping[str, str], doing: str) -> None:
    network, admin = settings.network.name, settings.postgres.admin_user
    if not pulumi.runtime.is_dry_run():
        refuse_disconnecting(names, network, admin, doing)
        return
    connected = clients.find(clients.Servers(names, admin, network)).of_applications()
    if connected:
        pulumi.log.warn(f"{doing}it cuts off {clients.listed(connected)}; `up` refuses that while they are connected")
