"""What `status` takes: in seconds, beside the commands that it replaces, with many databases, and in memory."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench import commands
from bench.figures import Comparison, Table, comparison_table
from bench.ours import Ours, say
from bench.start import Theirs
from dbserver import contract
from dbserver.postgres import commands as postgres
from dbserver.postgres.sql import create_database
from tests.support.stack import Stack

FEW, MANY = 20, 200
CONNECTIONS = 50
MAX_CONNECTIONS = 100
SECONDS_AT_MOST = 0.6
MANY_AT_MOST = 2.0
MIB_AT_MOST = 100
KIB_PER_MIB = 1024
SLEEPING = "SELECT pg_sleep(86400)"
COUNT = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%';"
NOTE = (
    "`./scripts/status.sh` as it is typed, with {connections} connections to each PostgreSQL. In the same rounds "
    "`docker compose ps` and then the two probes of the integration document (`docker exec ... pg_isready`, "
    "`docker exec ... redis-cli ping`) take {typed:.2f} s: status takes {ratio:.2f}x of it."
)
MEMORY_NOTE = "The largest process of the command, as the kernel counts its resident memory; the largest of all rounds."


@dataclass
class Figures:
    """What was measured, a figure a round: seconds, and MiB."""

    few: list[float] = field(default_factory=list)
    many: list[float] = field(default_factory=list)
    typed: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)


def measure(rounds: int) -> list[Table]:
    """Return the time and the memory of `status`."""
    figures = Figures()
    with _all() as (few, many, theirs):
        for number in range(rounds + 1):
            say(f"status, round {number} of {rounds}" if number else "status, once, unrecorded")
            taken = Figures()
            _round(few, many, theirs, taken)
            if number:
                for name, values in vars(taken).items():
                    getattr(figures, name).extend(values)
    return tables(figures)


def tables(figures: Figures) -> list[Table]:
    """Return the tables of what was measured."""
    typed = median(figures.typed)
    note = NOTE.format(connections=CONNECTIONS, typed=typed, ratio=median(figures.few) / typed)
    what = f"`status`, {FEW} databases"
    comparisons = [
        Comparison(what, figures.few, "the limit", [SECONDS_AT_MOST], 1.0),
        Comparison(f"`status`, {MANY} databases", figures.many, f"the same with {FEW}", figures.few, MANY_AT_MOST),
    ]
    largest = max(figures.memory)
    verdict = "reached" if largest < MIB_AT_MOST else "MISSED"
    row = (f"`status`, {FEW} and {MANY} databases", f"{largest:.0f} MiB", f"< {MIB_AT_MOST} MiB", verdict)
    memory = Table("Memory of status", ("what", "largest process", "target", "verdict"), [row], MEMORY_NOTE)
    return [comparison_table("Status", comparisons, note), memory]


def script(count: int) -> str:
    """Return the SQL that makes so many databases of a server that has two of its own."""
    own = len(("postgres", contract.DEFAULT_ADMIN))
    return "".join(create_database(f"bench_{number:03}") for number in range(count - own))


@contextmanager
def _all() -> Iterator[tuple[Ours, Ours, Theirs]]:
    with tempfile.TemporaryDirectory(prefix="dbs-bench-", ignore_cleanup_errors=True) as directory, ExitStack() as ends:
        sides = [_side(Path(directory) / name, count, ends) for name, count in (("few", FEW), ("many", MANY))]
        theirs = Theirs(sides[0])
        ends.callback(theirs.compose.down)
        theirs.forget()
        theirs.up_until_both_answer()
        yield sides[0], sides[1], theirs


def _side(directory: Path, databases: int, ends: ExitStack) -> Ours:
    say(f"a server with {databases} databases and {CONNECTIONS} connections")
    stack = Stack(directory)
    ends.callback(stack.remove)
    stack.configure(postgres={"maxConnections": MAX_CONNECTIONS})
    side = Ours(stack)
    side.forget()
    side.up()
    _sql(side, script(databases))
    ends.enter_context(_connected(side))
    return side


@contextmanager
def _connected(side: Ours) -> Iterator[None]:
    """Hold connections to PostgreSQL."""
    psql = f'psql -XqAt -U {contract.DEFAULT_ADMIN} -d postgres -c "{SLEEPING}" >/dev/null 2>&1 &'
    loop = f"for i in $(seq {CONNECTIONS}); do {psql} done; wait"
    argv = ["docker", "exec", side.containers[contract.POSTGRES], "sh", "-c", loop]
    holding = commands.begin(argv, side.environment, side.stack.project)
    try:
        side.stack.until(lambda: int(_sql(side, COUNT)) == CONNECTIONS, what=f"{CONNECTIONS} connections")
        yield
    finally:
        commands.stop(holding)


def _round(few: Ours, many: Ours, theirs: Theirs, figures: Figures) -> None:
    for side, seconds in ((few, figures.few), (many, figures.many)):
        taken, mib = _status(side)
        seconds.append(taken)
        figures.memory.append(mib)
    figures.typed.append(sum(_timed(theirs, argv) for argv in _typed(theirs)))


def _typed(theirs: Theirs) -> Sequence[Sequence[str]]:
    return (
        theirs.compose.argv("ps"),
        ["docker", "exec", theirs.containers[contract.POSTGRES], "pg_isready"],
        ["docker", "exec", theirs.containers[contract.REDIS], "redis-cli", "ping"],
    )


def _timed(theirs: Theirs, argv: Sequence[str]) -> float:
    return commands.timed(argv, theirs.compose.environment, theirs.servers.directory)


def _status(side: Ours) -> tuple[float, float]:
    """Return the seconds of `status`, and the resident memory of its largest process in MiB."""
    # Development turns Python's cache of compiled modules off; nobody who types the command does.
    environment = {name: value for name, value in side.stack.env().items() if name != "PYTHONDONTWRITEBYTECODE"}
    argv = [str(side.stack.project / "scripts" / "status.sh")]
    started = time.perf_counter()
    process = subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL)
    _, ended, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(ended)
    if process.returncode != 0:
        raise commands.MeasurementError(f"status ended with {process.returncode}")
    return seconds, used.ru_maxrss / KIB_PER_MIB


def _sql(side: Ours, statements: str) -> str:
    argv = postgres.psql(side.containers[contract.POSTGRES], contract.DEFAULT_ADMIN, "postgres")
    file = side.stack.directory / "statements.sql"
    file.write_text(statements)
    return commands.run(["sh", "-c", 'exec "$@" <"$0"', str(file), *argv], side.environment, side.stack.project)
