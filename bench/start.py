"""How long a start takes, beside `docker compose` on the same images, limits, settings and health checks."""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from bench import commands, processes
from bench.bare import Bare, bare
from bench.compose import Compose, Servers, wait_until_both_answer
from bench.figures import Comparison, Table, comparison_table
from bench.ours import Ours, say
from dbserver import contract
from tests.support.ports import free_port
from tests.support.stack import Stack
from tools import compose, machine
from tools.steps import Steps

WATCHED_RUNS = 3
PROBES = {contract.POSTGRES: ["pg_isready", "-U", contract.DEFAULT_ADMIN], contract.REDIS: ["redis-cli", "ping"]}
HELP_SECONDS = 0.25
FRESH_NOTE = (
    "Fresh: empty data directories, no containers, no network; Pulumi's stack is initialised before. "
    "`pulumi up` returns when both servers have answered. Once, unrecorded, each side starts before the rounds."
)
PROCESSOR_NOTE = "Of the commands and the programs that they wait for; the Docker daemon's own work is not in it."
BREAKDOWN_NOTE = (
    "The median of {runs} runs of {total:.2f} s, watched every {interval:.0f} ms (watching slows them a little). "
    "Processes overlap; what is shorter than that is not seen."
)


class Theirs:
    """`docker compose up -d` with the settings files that our stack has rendered."""

    def __init__(self, ours: Ours) -> None:
        stack = ours.stack
        here = machine.here()
        self.servers = Servers(
            prefix=f"{stack.name}-compose",
            like=stack.directory,
            directory=stack.directory / "compose",
            ports={server: free_port() for server in contract.SERVERS},
        )
        self.containers = {server: self.servers.container(server) for server in contract.SERVERS}
        configuration = compose.configuration(Steps(sys.stderr, here.cache / "logs"), here)
        self.compose = Compose(stack.project / contract.COMPOSE_FILE, self.servers, configuration)
        self.settings = self.servers.directory / "settings"
        shutil.copytree(stack.data / "config", self.settings)

    def forget(self) -> None:
        """Remove containers, network and data; put the settings files in place."""
        self.compose.down()
        shutil.rmtree(self.servers.data, ignore_errors=True)
        shutil.copytree(self.settings, self.servers.data / "config")
        self.compose.make_directories()

    def up_until_both_answer(self) -> float:
        """Return the seconds from `docker compose up -d` until both servers answer."""
        started = time.perf_counter()
        self.compose.up()
        wait_until_both_answer(self.containers)
        return time.perf_counter() - started

    def up_and_probe(self) -> float:
        """Return the seconds of `docker compose up -d` and then the two probes of the integration document."""
        started = time.perf_counter()
        self.compose.up()
        for server, probe in PROBES.items():
            argv = ["docker", "exec", self.containers[server], *probe]
            commands.run(argv, self.compose.environment, self.servers.directory)
        return time.perf_counter() - started


def measure(rounds: int) -> list[Table]:
    """Return fresh starts, starts with nothing to do, and where the latter's time goes."""
    with both() as (ours, theirs):
        fresh = _fresh(ours, theirs, rounds)
        with bare(ours, theirs.compose) as alone:
            nothing = _nothing_to_do(ours, theirs, alone, rounds)
        quick = _command_line(ours, rounds)
        say("where a `pulumi up` with nothing to do spends its time")
        starting = comparison_table("Starting", [*fresh, *nothing, quick], FRESH_NOTE)
        return [starting, _processor(ours, theirs, rounds), _breakdown(ours)]


@contextmanager
def both() -> Iterator[tuple[Ours, Theirs]]:
    """Start each side once, unrecorded; remove both at the end."""
    with tempfile.TemporaryDirectory(prefix="dbs-bench-", ignore_cleanup_errors=True) as directory:
        stack = Stack(Path(directory))
        try:
            yield _started_once(stack)
        finally:
            stack.remove()


def _started_once(stack: Stack) -> tuple[Ours, Theirs]:
    say("each side once, unrecorded")
    ours = Ours(stack)
    ours.forget()
    ours.up()
    theirs = Theirs(ours)
    theirs.forget()
    theirs.up_until_both_answer()
    return ours, theirs


def _fresh(ours: Ours, theirs: Theirs, rounds: int) -> list[Comparison]:
    up, answering, waited = [], [], []
    for number in range(1, rounds + 1):
        say(f"fresh starts, round {number} of {rounds}")
        theirs.forget()
        up.append(_after(ours.forget, ours.up))
        wait_until_both_answer(ours.containers)
        ours.forget()
        answering.append(_after(theirs.forget, theirs.up_until_both_answer))
        waited.append(_after(theirs.forget, lambda: theirs.compose.up("--wait")))
    what = "fresh `pulumi up`"
    return [
        Comparison(what, up, "`docker compose up -d` until both answer", answering, 2.0),
        Comparison(what, up, "`docker compose up -d --wait`", waited, 0.4),
    ]


def _after(before: Callable[[], None], measured: Callable[[], float]) -> float:
    before()
    return measured()


def _nothing_to_do(ours: Ours, theirs: Theirs, alone: Bare, rounds: int) -> list[Comparison]:
    say("both running, then starts with nothing to do")
    ours.up()
    theirs.up_until_both_answer()
    before = ours.stack.ids()
    up, previewed, composed, probed, started, asked, without = [], [], [], [], [], [], []
    ours.start()
    for _ in range(rounds):
        composed.append(theirs.compose.up())
        started.append(ours.start())
        probed.append(theirs.up_and_probe())
        asked.append(ours.start_asking())
        up.append(ours.up())
        without.append(alone.up())
        previewed.append(ours.bare_up())
        ours.start()  # the engine has written its state anew: confirmed once, unrecorded
    if ours.stack.ids() != before:
        raise commands.MeasurementError("a `pulumi up` with nothing to do replaced a container")
    return [
        Comparison("`pulumi up`, nothing to do", up, "a bare program's: two containers, nothing else", without, 1.6),
        Comparison("`pulumi up`, nothing to do", up, "`docker compose up -d`, nothing to do", composed, 2.5),
        Comparison("`start.sh`, nothing to do", started, "`docker compose up -d` and the two probes", probed, 2.0),
        Comparison(
            "`start.sh --refresh`, nothing to do", asked, "`pulumi up --yes`, which previews first", previewed, 1.3
        ),
    ]


def _processor(ours: Ours, theirs: Theirs, rounds: int) -> Table:
    """Return the processor seconds of both sides' commands where there is nothing to do."""
    sides = {
        "`start.sh`": ours.start,
        "`docker compose up -d` and the two probes": theirs.up_and_probe,
        "`start.sh --refresh`": ours.start_asking,
    }
    rows = [(what, f"{median(commands.processor(side) for _ in range(rounds)):.2f} s") for what, side in sides.items()]
    return Table("Processor time with nothing to do", ("what", "processor"), rows, PROCESSOR_NOTE)


def _command_line(ours: Ours, rounds: int) -> Comparison:
    helps = [ours.script("dbserver", "--help") for _ in range(rounds + 1)][1:]
    return Comparison("`dbserver --help`", helps, "the limit", [HELP_SECONDS], 1.0)


def _breakdown(ours: Ours) -> Table:
    watched = sorted((ours.watched_up() for _ in range(WATCHED_RUNS)), key=_total)
    chosen = watched[len(watched) // 2]
    interval = processes.INTERVAL_SECONDS * 1000
    note = BREAKDOWN_NOTE.format(runs=WATCHED_RUNS, total=_total(chosen), interval=interval)
    return processes.table("A `pulumi up` with nothing to do, by process", chosen, note)


def _total(seen: list[processes.Seen]) -> float:
    return max(one.end for one in seen)
