"""start: the way back from every state to two servers that answer."""

import time
from collections.abc import Callable

from dbserver import engine, locks, updating
from dbserver.actions.status import status
from dbserver.declared import Declared
from dbserver.errors import NotRunningError
from dbserver.results.servers import Started


def start(
    declared: Declared, tell: Callable[[str], None], *, override: bool = False, checkpoint: bool = True
) -> Started:
    """Bring the stack up and prove that both servers answer.

    Raises LockedError while another start is at work, RefusedError where the
    update would cut application containers off (unless `override`) or cannot
    back up what a container holds that it recreates (with `checkpoint`), and
    DbServerError with the engine's diagnostics where it did not finish.
    """
    began = time.monotonic()
    engine.require()
    with locks.held(engine.STATE / "locks", declared.stack, "start"):
        updating.update(declared, tell, override=override, checkpoint=checkpoint)
    reached = status(declared)
    faults = [f"{server.container}: {server.fault}" for server in reached.servers if not server.answers]
    if faults:
        raise NotRunningError("the update finished, but " + "; ".join(faults), "docker logs, then ./scripts/start.sh")
    return Started(reached, round(time.monotonic() - began, 1))
