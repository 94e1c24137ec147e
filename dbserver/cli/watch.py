"""The status as a live view: small graphs of what moves, above the screen that `status` prints."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from dbserver import contract
from dbserver.cli.render import status as render_status
from dbserver.errors import DbServerError
from dbserver.results.status import PostgresUse, ServerStatus, Status
from dbserver.units import size

SHORTEST_SECONDS = 0.5
SAMPLES = 60
BARS = "▁▂▃▄▅▆▇█"


@dataclass
class History:
    """What the last samples showed, oldest first; None where a server did not answer."""

    connections: deque[float | None] = field(default_factory=lambda: deque(maxlen=SAMPLES))
    transactions: deque[float | None] = field(default_factory=lambda: deque(maxlen=SAMPLES))
    memory: dict[str, deque[float | None]] = field(
        default_factory=lambda: {server: deque(maxlen=SAMPLES) for server in contract.SERVERS}
    )
    before: tuple[PostgresUse, float] | None = None

    def add(self, found: Status | None, moment: float) -> None:
        """Add a sample taken at a moment in seconds; None is one that failed."""
        servers = {server.server: server for server in found.servers} if found else {}
        postgres = _use(servers.get(contract.POSTGRES))
        self.connections.append(postgres.connections if postgres else None)
        self.transactions.append(self._per_second(postgres, moment))
        self.before = (postgres, moment) if postgres else None
        for name, figures in self.memory.items():
            figures.append(servers[name].memory_used_bytes if name in servers else None)

    def _per_second(self, postgres: PostgresUse | None, moment: float) -> float | None:
        """Return None after a gap, and where the statistics were reset meanwhile."""
        if postgres is None or self.before is None:
            return None
        use, then = self.before
        done = postgres.transactions - use.transactions
        return done / (moment - then) if done >= 0 else None


def run(sample: Callable[[], Status], seconds: float) -> None:
    """Show samples until an interruption. Raises DbServerError where already the first one fails."""
    history, fault = History(), ""
    try:
        found: Status | None = sample()
        with Live(screen=True, auto_refresh=False) as live:
            while True:
                history.add(found, time.monotonic())
                live.update(view(found, history, fault), refresh=True)
                time.sleep(max(seconds, SHORTEST_SECONDS))
                found, fault = _attempt(sample)
    except KeyboardInterrupt:
        return


def view(found: Status | None, history: History, fault: str) -> RenderableType:
    """Return the live view; of a sample that failed, the reason."""
    status = render_status.screen(found) if found else Text(fault, "red")
    return Group(_graphs(history), "", status, "", Text("Ctrl-C ends", "dim"))


def spark(figures: Sequence[float | None]) -> str:
    """Return a bar for each figure, from none to the largest one; a gap where there is no figure."""
    largest = max((figure for figure in figures if figure is not None), default=0)
    return "".join(" " if figure is None else _bar(figure, largest) for figure in figures)


def _bar(figure: float, largest: float) -> str:
    return BARS[round(figure / largest * (len(BARS) - 1))] if largest else BARS[0]


def _graphs(history: History) -> Table:
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(no_wrap=True, justify="right", min_width=9)
    table.add_column(no_wrap=True, style="cyan")
    rows: list[tuple[str, Sequence[float | None], Callable[[float], str]]] = [
        ("connections", history.connections, lambda figure: f"{figure:.0f}"),
        ("transactions", history.transactions, lambda figure: f"{figure:.1f}/s"),
        *((f"{server} memory", figures, size) for server, figures in history.memory.items()),
    ]
    for name, figures, shown in rows:
        last = figures[-1] if figures else None
        table.add_row(name, "-" if last is None else shown(last), spark(figures))
    return table


def _attempt(sample: Callable[[], Status]) -> tuple[Status | None, str]:
    try:
        return sample(), ""
    except DbServerError as fault:
        return None, str(fault)


def _use(server: ServerStatus | None) -> PostgresUse | None:
    return server.postgres if server else None
