"""What a hundred applications cost, beside one application and beside the plain SQL that creates the same."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench import commands
from bench.figures import Comparison, Table, comparison_table
from bench.ours import Ours, say
from dbserver import contract
from dbserver.applications import COLOURS
from dbserver.postgres import commands as postgres
from dbserver.postgres import scram
from dbserver.postgres.sql import identifier, literal
from tests.support.stack import Stack

MANY = 100
POOL_SIZE = 1
MAX_CONNECTIONS = 300
PREVIEW_AT_MOST = 1.6
SQL_FACTOR = 1.5
NOTE = (
    "Two stacks of the same settings run side by side, one with one application, one with {many}. A preview has to "
    "find nothing to do. Before each update that creates, both stacks are made anew and run without applications. "
    "The plain SQL is one script for one psql in the container: {many} times a role with a password and a connection "
    "limit, and a database that it owns. Medians: the plain SQL {sql:.2f} s, the update that creates one application "
    "{one:.2f} s. {factor} x the first + the second, put together round by round, is {bound:.2f} s; the update that "
    "creates {many} takes {up:.2f} s."
)


@dataclass
class Seconds:
    """What was measured, a figure a round."""

    preview_one: list[float] = field(default_factory=list)
    preview_many: list[float] = field(default_factory=list)
    up_one: list[float] = field(default_factory=list)
    up_many: list[float] = field(default_factory=list)
    sql: list[float] = field(default_factory=list)

    @property
    def bound(self) -> list[float]:
        """What an update that creates many may take, round by round."""
        return [SQL_FACTOR * sql + one for sql, one in zip(self.sql, self.up_one, strict=True)]


def measure(rounds: int) -> list[Table]:
    """Return previews with nothing to do, and updates that create applications."""
    seconds = Seconds()
    with _both() as (one, many):
        for number in range(1, rounds + 1):
            say(f"applications, round {number} of {rounds}")
            _round(one, many, seconds)
    return [table(seconds)]


def table(seconds: Seconds) -> Table:
    """Return the table of what was measured."""
    note = NOTE.format(
        many=MANY, factor=SQL_FACTOR, sql=median(seconds.sql), one=median(seconds.up_one),
        up=median(seconds.up_many), bound=median(seconds.bound),
    )  # fmt: skip
    comparisons = [
        Comparison(
            f"`pulumi preview`, {MANY} applications, nothing to do", seconds.preview_many,
            "the same with 1 application", seconds.preview_one, PREVIEW_AT_MOST,
        ),
        Comparison(
            f"`pulumi up` that creates {MANY} applications", seconds.up_many,
            f"{SQL_FACTOR} x plain SQL + `pulumi up` that creates 1", seconds.bound, 1.0,
        ),
    ]  # fmt: skip
    return comparison_table("Applications", comparisons, note)


def entries(count: int) -> list[dict[str, Any]]:
    """Return so many applications as they are configured."""
    return [{"name": f"bench-{number:03}", "poolSize": POOL_SIZE} for number in range(count)]


def plain_sql(names: Sequence[str], verifier: str) -> str:
    """Return the script that creates a role and a database of each name, one after another."""
    limit = POOL_SIZE * COLOURS
    return "".join(
        f"CREATE ROLE {identifier(name)} LOGIN CONNECTION LIMIT {limit} PASSWORD {literal(verifier)};\n"
        f"CREATE DATABASE {identifier(name)} OWNER {identifier(name)} TEMPLATE template0 ENCODING 'UTF8';\n"
        for name in names
    )


@contextmanager
def _both() -> Iterator[tuple[Ours, Ours]]:
    with tempfile.TemporaryDirectory(prefix="dbs-bench-", ignore_cleanup_errors=True) as directory, ExitStack() as ends:
        stacks = []
        for name in ("one", "many"):
            stack = Stack(Path(directory) / name)
            ends.callback(stack.remove)
            stack.configure(postgres={"maxConnections": MAX_CONNECTIONS})
            stacks.append(Ours(stack))
        yield stacks[0], stacks[1]


def _round(one: Ours, many: Ours, seconds: Seconds) -> None:
    for side in (one, many):
        _without_applications(side)
    # The SQL comes between the two updates: no side has the quieter machine for itself.
    seconds.up_one.append(_with_applications(one, 1))
    seconds.sql.append(_plain(one))
    seconds.up_many.append(_with_applications(many, MANY))
    for side, figures in ((one, seconds.preview_one), (many, seconds.preview_many)):
        side.preview()  # once, unrecorded
        figures.append(side.preview())


def _without_applications(side: Ours) -> None:
    side.forget()
    side.stack.configure(applications=[])
    side.up()


def _with_applications(side: Ours, count: int) -> float:
    side.stack.configure(applications=entries(count))
    return side.up()


def _plain(side: Ours) -> float:
    script = side.stack.directory / "plain.sql"
    names = [f"plain_{number:03}" for number in range(MANY)]
    script.write_text(plain_sql(names, scram.verifier("of the benchmark")))
    psql = postgres.psql(side.containers[contract.POSTGRES], contract.DEFAULT_ADMIN, "postgres")
    argv = ["sh", "-c", 'exec "$@" <"$0"', str(script), *psql]
    return commands.timed(argv, side.environment, side.stack.project)
