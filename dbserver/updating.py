"""The update of a stack: from every state to what it declares."""

import json
import time
from collections.abc import Callable, Mapping
from functools import partial

from dbserver import compose, contract, major, remaking
from dbserver.archive.plan import SLOT
from dbserver.declared import Declared
from dbserver.docker import containers, networks
from dbserver.docker.containers import Container
from dbserver.engine import command, state
from dbserver.errors import DbServerError
from dbserver.plan import replacing
from dbserver.postgres import access, archiving
from dbserver.postgres.server import Server
from dbserver.readiness import CRASHES

# So long at the most a server that crashes at once is seen to run.
CRASH_SECONDS = 3


def update(
    declared: Declared, tell: Callable[[str], None], *, override: bool, checkpoint: bool = True, new: bool = False,
    take_over: bool = False,
) -> None:  # fmt: skip
    """Bring the stack to what it declares, from every state. The caller holds its lock.

    With `new` servers begin with whatever the data directories hold, nothing included; with `take_over` those that
    another state has made are this one's from now on.
    """
    _remove_the_dead(declared, tell)
    remaking.remove_those_without_files(declared, tell, override=override)
    if new:
        _remove_the_stopped(declared, tell)
    taken = state.mend(declared.stack)
    if taken:
        tell(f"the state was cut off by an update that was killed: {taken} is taken")
    command.make(declared.stack)
    for pid in state.release_stale_lock(declared.stack):
        tell(f"an update by process {pid} was killed half-way: its lock is released")
    found = containers.inspect(list(declared.containers.values()))
    _keep_what_is_as_declared(declared, found, tell)
    tell_grants(declared, tell)
    stopped = [container.id for container in found.values() if container.state == "exited"]
    allowed = {"disconnect": override, "checkpoint": checkpoint, "new": new, "take_over": take_over}
    _up(declared, stopped, tell, partial(command.up, declared.stack, tell, **allowed))
    major.reopen_marked(declared)
    _forget_archive(declared)


def _up(declared: Declared, stopped: list[str], tell: Callable[[str], None], up: Callable[[], None]) -> None:
    """Update; once more where a server that was stopped cannot start with the files that it finds."""
    try:
        up()
    except DbServerError:
        found = containers.inspect(list(declared.containers.values())).values()
        removed = [_removed_if_crashing(declared.stack, each, tell) for each in found if each.id in stopped]
        if not any(removed):
            raise
        up()


def _forget_archive(declared: Declared) -> None:
    """The server would keep log for an archive that is declared no more."""
    if declared.archive is None:
        server = Server(declared.containers[contract.POSTGRES], declared.admin)
        server.attempt(archiving.drop_unused(SLOT), "postgres")


def tell_grants(declared: Declared, tell: Callable[[str], None]) -> None:
    """Name what the update is going to revoke: nobody else is to connect to a declared database."""
    databases = [database for database, _ in declared.applications.values()]
    server = Server(declared.containers[contract.POSTGRES], declared.admin)
    asked = server.attempt(access.foreign_grants(databases), "postgres") if databases else None
    if asked and asked.succeeded:
        for grant in json.loads(asked.stdout or "[]"):
            tell(f"{grant}, which nothing declares: revoked")


def _keep_what_is_as_declared(declared: Declared, found: Mapping[str, Container], tell: Callable[[str], None]) -> None:
    """Have the state know containers that are as declared and not of its making: the update would take them over.

    Compose has made them anew, an update was killed before it had noted one, or the state is an older one.
    """
    unknown = {
        server: found[name]
        for server, name in declared.containers.items()
        if name in found and _unknown(declared.stack, found[name]) and _as_declared(declared, server, found[name])
    }
    ids = {server: container.id for server, container in unknown.items()}
    for server in state.accept(declared.stack, ids) if ids else ():
        by_compose = compose.made(unknown[server].labels)
        why = "was made anew by docker compose, as declared" if by_compose else "is as declared, but not in the state"
        tell(f"container {unknown[server].name} {why}: kept")


def _unknown(stack: str, found: Container) -> bool:
    return found.belongs_to(stack) and (compose.made(found.labels) or not state.knows(stack, found.id))


def _as_declared(declared: Declared, server: str, found: Container) -> bool:
    return not replacing(declared.plan(server), found, found.image_id)


def _lost_its_network(declared: Declared, container: Container) -> bool:
    """A container belongs to a network by its id: Docker does not start it on another one of the same name."""
    found = networks.find(declared.network)
    if not container.belongs_to(declared.stack) or not (found or declared.create_network):
        return False
    return container.network_ids.get(declared.network) not in (None, found.id if found else "")


def _keeps_crashing(stack: str, container: Container) -> bool:
    """True for one of ours that Docker starts again and again; each time it looks for a moment like one that runs."""
    found: Container | None = container if container.belongs_to(stack) else None
    deadline = time.monotonic() + CRASH_SECONDS
    while found and (found.state == "restarting" or (found.state == "running" and found.restarts)):
        if found.state == "restarting" and found.restarts >= CRASHES:
            return True
        if found.health == "healthy" or time.monotonic() > deadline:
            return False
        time.sleep(0.1)
        found = containers.inspect([found.name]).get(found.name)
    return False


def _removed_if_crashing(stack: str, container: Container, tell: Callable[[str], None]) -> bool:
    crashing = _keeps_crashing(stack, container)
    if crashing:
        tell(f"container {container.name} keeps crashing: removed, created again on the same data and its settings")
        containers.stop(container.name)
        containers.remove(container.name)
    return crashing


def _remove_the_stopped(declared: Declared, tell: Callable[[str], None]) -> None:
    """Docker starts no container whose directories are gone; made anew, they are made with it."""
    for container in containers.inspect(list(declared.containers.values())).values():
        if container.state in ("exited", "created") and container.belongs_to(declared.stack):
            tell(f"container {container.name} is stopped: removed, created again on what its data directory holds")
            containers.remove(container.name)


def _remove_the_dead(declared: Declared, tell: Callable[[str], None]) -> None:
    """Remove containers that nothing starts again, and that hold the name."""
    for container in containers.inspect(list(declared.containers.values())).values():
        lost = container.state in ("exited", "created") and _lost_its_network(declared, container)
        if container.state == "dead" or lost:
            why = "has lost its network" if lost else "is dead"
            tell(f"container {container.name} {why}: removed, created again on the same data")
            containers.remove(container.name)
        _removed_if_crashing(declared.stack, container, tell)
        if container.state == "paused":
            tell(f"container {container.name} is paused: resumed")
            containers.resume(container.name)
