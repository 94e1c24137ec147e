"""start: the way back from every state to two servers that answer."""

import time
from collections.abc import Callable

from dbserver import engine, locks
from dbserver.actions.status import status
from dbserver.declared import Declared
from dbserver.docker import containers
from dbserver.errors import NotRunningError
from dbserver.results import Started


def start(declared: Declared, tell: Callable[[str], None]) -> Started:
    """Bring the stack up and prove that both servers answer.

    Raises LockedError while another start is at work, and DbServerError with
    the engine's diagnostics where the update did not finish.
    """
    began = time.monotonic()
    engine.require()
    with locks.held(engine.STATE / "locks", declared.stack, "start"):
        engine.select(declared.stack)
        for pid in engine.release_stale_lock(declared.stack):
            tell(f"an update by process {pid} was killed half-way: its lock is released")
        _remove_the_dead(declared, tell)
        engine.up(declared.stack, tell)
    reached = status(declared)
    faults = [f"{server.container}: {server.fault}" for server in reached.servers if not server.well]
    if faults:
        raise NotRunningError("the update finished, but " + "; ".join(faults), "docker logs, then ./scripts/start.sh")
    return Started(reached, round(time.monotonic() - began, 1))


def _remove_the_dead(declared: Declared, tell: Callable[[str], None]) -> None:
    """Remove containers that Docker failed to remove: nothing starts them again, and they hold the name."""
    for container in containers.inspect(list(declared.containers.values())).values():
        if container.state == "dead":
            tell(f"container {container.name} is dead: removed, created again on the same data")
            containers.remove(container.name)
        if container.state == "paused":
            tell(f"container {container.name} is paused: resumed")
            containers.resume(container.name)
