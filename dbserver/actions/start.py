"""start: the way back from every state to two servers that answer."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from dbserver import contract, identity, locks
from dbserver.actions.status import heard
from dbserver.applied import looking, record
from dbserver.declared import Declared
from dbserver.docker import containers, host
from dbserver.docker.containers import Container
from dbserver.engine import backend, command
from dbserver.errors import CommandError, NotRunningError, RefusedError
from dbserver.postgres.server import Server as Postgres
from dbserver.redis import usage
from dbserver.redis.convergence import remove_left_over
from dbserver.redis.server import Server as Redis
from dbserver.results.servers import Started
from dbserver.results.status import ServerStatus, Status


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
    command.require()
    with locks.held(declared.stack, "start"):
        record.forget(declared.stack)
        updating.update(declared, tell, override=override, checkpoint=checkpoint, new=new, take_over=take_over)
        reached, seen = _looked(declared)
        _refuse_silent([server for server in reached.servers if not server.answers])
        command.select(declared.stack)
        record.write(declared.stack, seen)
    return Started(reached, round(time.monotonic() - began, 1))


def start_one(declared: Declared, server: str) -> Started:
    """Start one server's container, stopped or paused, and prove that it answers; the other one stays as it is.

    No engine is asked, so nothing is made or changed. Raises NotRunningError where that is needed, RefusedError where
    its directory does not hold the stack's data.
    """
    began, name = time.monotonic(), declared.containers[server]
    kind = Postgres if server == contract.POSTGRES else Redis
    with locks.held(declared.stack, "start"):
        found = containers.inspect([name]).get(name)
        if found is None or not found.belongs_to(declared.stack):
            raise NotRunningError(f"there is no container {name} of stack {declared.stack}", "./scripts/start.sh")
        if found.state == "paused":
            containers.resume(name)
        elif not found.running:
            _refuse_strange(declared, server, found)
            containers.start(name)
        kind(name, declared.admin).wait()
    return Started(heard(declared, {})[0], round(time.monotonic() - began, 1))


def _refuse_strange(declared: Declared, server: str, found: Container) -> None:
    """A server that is started on an empty directory begins anew there."""
    path = contract.data_directory(declared.data_directory, server)
    remembered = f"{contract.config_directory(declared.data_directory, server)}/{contract.IDENTITY_FILE}"
    holds = host.inspect_directory(path, found.image, server, remembered).identity
    strange = identity.mismatch(server, path, holds, identity.read(backend.STATE, declared.stack).get(server))
    if strange:
        raise RefusedError(strange, "./scripts/start.sh says what to do")


def _refuse_silent(servers: Sequence[ServerStatus]) -> None:
    if servers:
        faults = "; ".join("\n".join([f"{each.container}: {each.fault}", *each.log]) for each in servers)
        hint = "; ".join(f"docker logs {each.container}" for each in servers)
        raise NotRunningError(f"the update finished, but {faults}", f"{hint}; mend the cause, then ./scripts/start.sh")


def _looked(declared: Declared) -> tuple[Status, dict[str, str]]:
    """Return the state of both servers, and what there is of all that an update compares.

    What killed processes of Redis have left on its disk is removed: each leaves as much as it was saving.
    """
    with ThreadPoolExecutor(1) as pool:
        network = pool.submit(looking.networks, declared)
        reached, told = heard(declared, looking.QUESTIONS)
        if usage.left_over(told.said.get(contract.REDIS, "")):
            remove_left_over(Redis(declared.containers[contract.REDIS], declared.admin))
        return reached, looking.look(declared, told, network.result())
