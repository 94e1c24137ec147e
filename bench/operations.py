"""How long a restart keeps a client waiting, beside `docker compose restart`; what memory each verb takes."""

import re
import subprocess
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from bench import commands
from bench.figures import Comparison, Table, comparison_table
from bench.ours import Ours, say
from bench.start import Theirs, both
from dbserver import contract, gap
from dbserver.errors import Exit
from dbserver.readiness import READY_SECONDS

MEMORY_LIMIT_MB = 100
DEAD_SECONDS = 2
LOOK_SECONDS = 0.005
RESTART_NOTE = (
    "Seconds in which a client that connects anew every 10 ms got no answer; both servers restart in one command. "
    "The client is the same on both sides, and not the one inside `dbserver restart`."
)
MEMORY_NOTE = "The largest resident memory of the command itself; `start` runs Pulumi's engine beside it."
VERBS: Mapping[str, tuple[str, ...]] = {
    "status": ("status",),
    "doctor": ("doctor",),
    "connections": ("connections",),
    "list": ("list",),
    "logs": ("logs", "-n", "1000"),
    "psql": ("psql", "--", "-c", "SELECT 1"),
    "redis-cli": ("redis-cli", "--", "ping"),
    "restart": ("restart", "--yes"),
    "stop": ("stop",),
    "start": ("start",),
}


def measure(rounds: int) -> list[Table]:
    """Return the gaps of a restart, and the memory of every verb."""
    with both() as (ours, theirs):
        ours.up()
        theirs.up_until_both_answer()
        restarts = comparison_table("Restarting", _restarts(ours, theirs, rounds), RESTART_NOTE)
        return [restarts, _memory(ours), _dead_daemon(ours)]


def _restarts(ours: Ours, theirs: Theirs, rounds: int) -> list[Comparison]:
    mine: dict[str, list[float]] = {server: [] for server in contract.SERVERS}
    composed: dict[str, list[float]] = {server: [] for server in contract.SERVERS}
    for number in range(1, rounds + 1):
        say(f"restarts, round {number} of {rounds}")
        ports = {server: int(ours.stack.config[server]["port"]) for server in contract.SERVERS}
        gaps(mine, ports, partial(_verb, ours, "restart", "--yes"))
        gaps(composed, theirs.servers.ports, theirs.compose.restart)
    return [
        Comparison(
            f"`dbserver restart`: {server} away", mine[server], "`docker compose restart`", composed[server], 1.0
        )
        for server in contract.SERVERS
    ]


def gaps(found: Mapping[str, list[float]], ports: Mapping[str, int], act: Callable[[], object]) -> None:
    """Add to each server's list how long a client got no answer while something was done."""
    probes: dict[str, gap.Probe] = {
        contract.POSTGRES: partial(gap.postgres_answers, ports[contract.POSTGRES], contract.DEFAULT_ADMIN),
        contract.REDIS: partial(gap.redis_answers, ports[contract.REDIS]),
    }
    with gap.measured(probes, READY_SECONDS) as away:
        act()
    for server, seconds in away.items():
        if seconds is None:
            raise commands.MeasurementError(f"{server} did not answer before its restart")
        found[server].append(seconds)


def _verb(ours: Ours, *arguments: str) -> None:
    commands.run([_script(ours), *arguments], ours.environment, ours.stack.project)


def _script(ours: Ours) -> str:
    return str(ours.stack.project / "scripts" / "dbserver")


def _memory(ours: Ours) -> Table:
    say("the memory of every verb")
    rows = []
    for verb, arguments in VERBS.items():
        used = peak_mb(ours, arguments)
        rows.append((f"`dbserver {verb}`", f"{used:.0f} MB", "reached" if used <= MEMORY_LIMIT_MB else "MISSED"))
    return Table("Memory of the command line", ("verb", "peak", f"target <= {MEMORY_LIMIT_MB} MB"), rows, MEMORY_NOTE)


def _dead_daemon(ours: Ours) -> Table:
    say("every verb while the Docker daemon is dead")
    nobody = {**ours.environment, "DOCKER_HOST": f"unix://{ours.stack.directory}/nobody.sock"}
    rows = []
    for verb, arguments in VERBS.items():
        began = time.perf_counter()
        ended = subprocess.run([_script(ours), *arguments], env=nobody, capture_output=True, check=False)
        took = time.perf_counter() - began
        if ended.returncode != Exit.UNHEALTHY:
            raise commands.MeasurementError(f"dbserver {verb} ended with {ended.returncode} on a dead daemon")
        rows.append((f"`dbserver {verb}`", f"{took:.2f} s", "reached" if took <= DEAD_SECONDS else "MISSED"))
    return Table("While the Docker daemon is dead", ("verb", "answers after", f"target <= {DEAD_SECONDS} s"), rows)


def peak_mb(ours: Ours, arguments: tuple[str, ...]) -> float:
    """Return the largest resident memory of the command itself in MB, as Linux keeps it (VmHWM, in kB)."""
    process = subprocess.Popen(
        [_script(ours), *arguments],
        env=ours.environment,
        cwd=ours.stack.project,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    peak, status = 0, Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        found = re.search(r"^VmHWM:\s+(\d+) kB$", status.read_text(), re.MULTILINE)
        peak = max(peak, int(found[1]) if found else 0)
        time.sleep(LOOK_SECONDS)
    if process.returncode != 0:
        raise commands.MeasurementError(f"dbserver {' '.join(arguments)} ended with {process.returncode}")
    return peak / 1024
