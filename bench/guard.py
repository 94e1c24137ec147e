"""What `guard` takes on a large preview, and how long a recreated container keeps a client waiting."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

from bench import commands
from bench.figures import Comparison, Table, comparison_table, spread
from bench.operations import gaps
from bench.ours import Ours, say
from dbserver import contract
from tests.support.stack import Stack

RESOURCES = 200
SECONDS_AT_MOST = 0.3
MAX_CONNECTIONS = 500
NOTE = (
    "`./scripts/dbserver guard FILE` as it is typed, on what the engine printed of {resources} resources. Where "
    "something restarts or is recreated, guard asks the running servers for settings and connections."
)
RECREATE_NOTE = (
    "Seconds in which a client that connects anew got no answer while `start` recreated the container for another "
    "image; the backup before is made while the server answers."
)


@dataclass
class Figures:
    """Seconds, a figure a round."""

    alone: list[float] = field(default_factory=list)
    asking: list[float] = field(default_factory=list)
    away: dict[str, list[float]] = field(default_factory=lambda: {server: [] for server in contract.SERVERS})
    restarted: dict[str, list[float]] = field(default_factory=lambda: {server: [] for server in contract.SERVERS})


def measure(rounds: int) -> list[Table]:
    """Return the time of `guard`, and the gaps of recreated containers."""
    figures = Figures()
    with _running() as ours:
        alone, asking = _preview(ours, cut=False), _preview(ours, cut=True)
        for number in range(rounds + 1):
            say(f"guard, round {number} of {rounds}" if number else "guard, once, unrecorded")
            taken = _guard(ours, alone), _guard(ours, asking)
            if number:
                figures.alone.append(taken[0])
                figures.asking.append(taken[1])
        for number in range(1, rounds + 1):
            say(f"recreating, round {number} of {rounds}")
            _recreate(ours, figures, number)
    return tables(figures)


def tables(figures: Figures) -> list[Table]:
    """Return the tables of what was measured."""
    limit = [SECONDS_AT_MOST]
    comparisons = [
        Comparison("`guard`: applications change", figures.alone, "the limit", limit, 1.0),
        Comparison("`guard`: a restart and a new container", figures.asking, "the limit", limit, 1.0),
    ]
    rows = [_row(server, figures.away[server], figures.restarted[server]) for server in contract.SERVERS]
    return [
        comparison_table("Guard", comparisons, NOTE.format(resources=RESOURCES)),
        Table("Recreating", ("what", "recreated", "`dbserver restart`", "ratio"), rows, RECREATE_NOTE),
    ]


def _row(server: str, recreated: list[float], restarted: list[float]) -> tuple[str, str, str, str]:
    ratio = median(recreated) / median(restarted)
    return f"{server} away", spread(recreated), spread(restarted), f"{ratio:.2f}x"


@contextmanager
def _running() -> Iterator[Ours]:
    with tempfile.TemporaryDirectory(prefix="dbs-bench-", ignore_cleanup_errors=True) as directory:
        stack = Stack(Path(directory))
        try:
            for server in contract.SERVERS:
                for letter in "ab":
                    image = contract.STAND_IN_PREFIX + contract.DEFAULT_IMAGE[server]
                    commands.run(["docker", "tag", image, _image(stack, server, letter)], stack.env(), stack.project)
                stack.configure(**{server: {"image": _image(stack, server, "a")}})
            stack.configure(postgres={"maxConnections": MAX_CONNECTIONS})
            ours = Ours(stack)
            ours.forget()
            ours.up()
            yield ours
        finally:
            stack.remove()
            names = [_image(stack, server, letter) for server in contract.SERVERS for letter in "ab"]
            commands.run(["docker", "image", "rm", "--force", *names], stack.env(), Path("/"))


def _image(stack: Stack, server: str, letter: str) -> str:
    return f"{stack.name}-{letter}-{contract.DEFAULT_IMAGE[server]}"


def _preview(ours: Ours, *, cut: bool) -> Path:
    """Return the file with a preview of so many resources; where it cuts clients off, guard has to ask."""
    stack, count = ours.stack, RESOURCES
    changes = {"postgres": {"settings": {"wal_level": "logical"}}, "redis": {"image": _image(stack, "redis", "b")}}
    while True:
        applications = [{"name": f"app-{number:03}", "poolSize": 1} for number in range(count)]
        with stack.configured(applications=applications, **(changes if cut else {})):
            printed = commands.run(ours.argv("preview", "--json"), ours.environment, stack.project)
        found = len({step["urn"] for step in json.loads(printed)["steps"]})
        if found == RESOURCES:
            break
        count += RESOURCES - found
    path = stack.directory / f"preview-{cut}.json"
    path.write_text(printed)
    return path


def _guard(ours: Ours, preview: Path) -> float:
    # Development turns Python's cache of compiled modules off; nobody who types the command does.
    environment = {name: value for name, value in ours.stack.env().items() if name != "PYTHONDONTWRITEBYTECODE"}
    argv = [str(ours.stack.project / "scripts" / "dbserver"), "guard", str(preview)]
    return commands.timed(argv, environment, ours.stack.project)


def _recreate(ours: Ours, figures: Figures, number: int) -> None:
    stack = ours.stack
    for server in contract.SERVERS:
        stack.configure(**{server: {"image": _image(stack, server, "ab"[number % 2])}})
    ports = {server: int(stack.config[server]["port"]) for server in contract.SERVERS}
    for found, verb in ((figures.away, ["start"]), (figures.restarted, ["restart", "--yes"])):
        argv = [str(stack.project / "scripts" / "dbserver"), *verb]
        gaps(found, ports, partial(commands.run, argv, ours.environment, stack.project))
