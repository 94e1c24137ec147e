"""restart: one server or both, with the shortest gap, and how long it was."""

import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from dbserver import clients, contract, gap, locks
from dbserver.declared import Declared
from dbserver.docker import containers
from dbserver.errors import NotRunningError
from dbserver.postgres import sql
from dbserver.postgres.server import Server as Postgres
from dbserver.redis.server import Server as Redis
from dbserver.results.servers import Away, Restarted

BACK_SECONDS = 10


def restart(declared: Declared, names: Collection[str], *, override: bool) -> Restarted:
    """Restart these servers and prove that they answer.

    A checkpoint goes before, so that the shutdown has little left to write;
    one server after the other, so that each has the machine to itself. An
    interruption waits until the one at work is back. Raises RefusedError while
    application containers are connected, unless `override`, and
    NotRunningError for a container that does not exist.
    """
    began = time.monotonic()
    with locks.held(declared.stack, "restart"):
        _refuse_missing(declared, names)
        connected = clients.refuse(declared.servers(names), override=override)
        away = _restart(declared, names)
    return Restarted(
        stack=declared.stack,
        servers=tuple(Away(name, declared.containers[name], away[name]) for name in names),
        disconnected=tuple(sorted({client.shown for client in connected})),
        seconds=round(time.monotonic() - began, 1),
    )


def _refuse_missing(declared: Declared, names: Collection[str]) -> None:
    wanted = [declared.containers[name] for name in names]
    found = containers.inspect(wanted)
    missing = [name for name in wanted if name not in found]
    if missing:
        raise NotRunningError(f"there is no container {', '.join(missing)}", "./scripts/start.sh")


def _restart(declared: Declared, names: Collection[str]) -> dict[str, float | None]:
    away: dict[str, float | None] = {}
    with ThreadPoolExecutor(1) as pool:
        for name in names:
            pool.submit(_restart_one, declared, name, away).result()
    return away


def _restart_one(declared: Declared, name: str, away: dict[str, float | None]) -> None:
    if name == contract.POSTGRES:
        Postgres(declared.containers[name], declared.admin).attempt(sql.CHECKPOINT, "postgres")
    with gap.measured({name: _probe(declared, name)}, BACK_SECONDS) as measured:
        containers.restart(declared.containers[name])
    # It looks for a crash while it waits, which the measurement does not.
    kind = Postgres if name == contract.POSTGRES else Redis
    kind(declared.containers[name], declared.admin).wait()
    away.update(measured)


def _probe(declared: Declared, name: str) -> gap.Probe:
    if name == contract.POSTGRES:
        return partial(gap.postgres_answers, declared.ports[name], declared.admin)
    return partial(gap.redis_answers, declared.ports[name])
