"""start: the way back from every state to two servers that answer."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from dbserver import contract, engine, locks
from dbserver.actions.status import heard
from dbserver.applied import looking, record
from dbserver.declared import Declared
from dbserver.errors import CommandError, NotRunningError, RefusedError
from dbserver.redis import server as redis
from dbserver.redis import usage
from dbserver.results.servers import Started
from dbserver.results.status import Status


def unchanged(declared: Declared, tell: Callable[[str], None]) -> Started | None:
    """Return what runs where nothing differs from what the last update applied, without asking the engine.

    Returns None, and tells what differs, where the engine has to be asked; in doubt it has to.
    """
    began = time.monotonic()
    applied = record.read(declared.stack)
    if not applied or locks.is_held(declared.stack):
        return None
    try:
        reached, seen = _looked(declared)
    except (CommandError, NotRunningError, RefusedError, OSError):
        return None
    differing = record.differing(applied, seen)
    if differing and seen:
        tell(f"not as the last update left it: {', '.join(differing)}")
    if differing or not all(server.answers for server in reached.servers):
        return None
    return Started(reached, round(time.monotonic() - began, 1))


def start(
    declared: Declared,
    tell: Callable[[str], None],
    *,
    override: bool = False,
    checkpoint: bool = True,
    new: bool = False,
    take_over: bool = False,
) -> Started:
    """Bring the stack up by the engine and prove that both servers answer.

    Raises LockedError while another start is at work, RefusedError where the
    update would cut application containers off (unless `override`) or cannot
    back up what a container holds that it recreates (with `checkpoint`), or
    finds other data than the stack's (unless `new`) or servers of another state
    (unless `take_over`), and DbServerError with
    the engine's diagnostics where it did not finish.
    """
    from dbserver import updating  # noqa: PLC0415  a start with nothing to do must not wait for this import

    began = time.monotonic()
    engine.require()
    with locks.held(declared.stack, "start"):
        record.forget(declared.stack)
        updating.update(declared, tell, override=override, checkpoint=checkpoint, new=new, take_over=take_over)
        reached, seen = _looked(declared)
        faults = [f"{server.container}: {server.fault}" for server in reached.servers if not server.answers]
        if faults:
            raise NotRunningError(
                "the update finished, but " + "; ".join(faults), "docker logs, then ./scripts/start.sh"
            )
        engine.select(declared.stack)
        record.write(declared.stack, seen)
    return Started(reached, round(time.monotonic() - began, 1))


def _looked(declared: Declared) -> tuple[Status, dict[str, str]]:
    """Return the state of both servers, and what there is of all that an update compares.

    What killed processes of Redis have left on its disk is removed: each leaves as much as it was saving.
    """
    with ThreadPoolExecutor(1) as pool:
        network = pool.submit(looking.networks, declared)
        reached, told = heard(declared, looking.QUESTIONS)
        if usage.left_over(told.said.get(contract.REDIS, "")):
            redis.remove_left_over(redis.Server(declared.containers[contract.REDIS], declared.admin))
        return reached, looking.look(declared, told, network.result())
