"""How long moving in keeps a client waiting, beside `docker compose up -d` that creates the same containers anew."""

import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from bench import commands
from bench.figures import Comparison, Table, comparison_table
from bench.ours import say
from dbserver import contract, gap
from dbserver.readiness import READY_SECONDS
from tests.support.installation import Installation
from tests.support.stack import Stack

NOTE = (
    "Seconds in which a client that connects anew every 10 ms got no answer, on the same installation: PostgreSQL 15 "
    "and Redis 7 with three databases. The client is the same on both sides, and not the one inside `dbserver adopt`."
)


def measure(rounds: int) -> list[Table]:
    """Return the gaps of moving in."""
    with tempfile.TemporaryDirectory(prefix="dbs-bench-", ignore_cleanup_errors=True) as directory:
        stack = Stack(Path(directory))
        try:
            say("an installation made by compose")
            return [_table(Installation(stack).up(), rounds)]
        finally:
            stack.remove()


def _table(installed: Installation, rounds: int) -> Table:
    stack = installed.stack
    mine: dict[str, list[float]] = {server: [] for server in contract.SERVERS}
    composed: dict[str, list[float]] = {server: [] for server in contract.SERVERS}
    adopt = partial(installed.adopt, "--confirm", stack.name)
    for number in range(1, rounds + 1):
        say(f"moving in, round {number} of {rounds}")
        _gaps(composed, stack, lambda: installed.compose("up", "-d", "--force-recreate").ok())
        _gaps(mine, stack, lambda: adopt().ok())
        adopt("--undo").ok()
    what, other = "`dbserver adopt`: {} away", "`docker compose up -d`, created anew"
    compared = [Comparison(what.format(name), mine[name], other, composed[name], 1.0) for name in contract.SERVERS]
    return comparison_table("Moving in", compared, NOTE)


def _gaps(found: Mapping[str, list[float]], stack: Stack, act: Callable[[], object]) -> None:
    probes: dict[str, gap.Probe] = {
        contract.POSTGRES: partial(gap.postgres_answers, stack.postgres_port, contract.DEFAULT_ADMIN),
        contract.REDIS: partial(gap.redis_answers, stack.redis_port),
    }
    with gap.measured(probes, READY_SECONDS) as away:
        act()
    for server, seconds in away.items():
        if seconds is None:
            raise commands.MeasurementError(f"{server} did not answer before")
        found[server].append(seconds)
