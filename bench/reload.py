"""A change of settings that a running server takes, beside compose, which makes the containers anew for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from statistics import median

from bench import commands
from bench.figures import Table, verdict
from bench.ours import Ours, say
from bench.start import Theirs, both
from dbserver import contract, gap
from dbserver.readiness import READY_SECONDS

# In PostgreSQL's and in Redis' spelling; both are taken at a reload.
SETTINGS = {contract.POSTGRES: "work_mem", contract.REDIS: "timeout"}
VALUES = {contract.POSTGRES: "{}MB", contract.REDIS: "{}00"}
NOTE = (
    "One new value for each server: `work_mem` and `timeout`, in our configuration and `start.sh`; in the"
    " file of compose as arguments of the commands, and `docker compose up -d`. A client connects anew every 10 ms, the"
    " same on both sides: attempts without an answer, and the longest time from one answer to the next. Ours stay the"
    " same containers."
)


@dataclass
class Seen:
    """What a client of one server met: attempts without an answer, and the longest time without one, by round."""

    refused: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        """Return the medians."""
        return f"{median(self.refused):.0f} unanswered, {median(self.seconds):.2f} s"


def measure(rounds: int) -> list[Table]:
    """Return what a client of each server meets while its settings change."""
    with both() as (ours, theirs):
        ours.up()
        ours.start()
        theirs.up_until_both_answer()
        mine: dict[str, Seen] = {server: Seen() for server in contract.SERVERS}
        composed: dict[str, Seen] = {server: Seen() for server in contract.SERVERS}
        before = ours.stack.ids()
        for number in range(1, rounds + 1):
            say(f"settings, round {number} of {rounds}")
            watch(mine, _ports(ours), partial(_ours_changed, ours, number))
            watch(composed, theirs.servers.ports, partial(_theirs_changed, theirs, number))
        if ours.stack.ids() != before:
            raise commands.MeasurementError("a change of settings replaced a container")
    return [table(mine, composed)]


def table(mine: dict[str, Seen], composed: dict[str, Seen]) -> Table:
    """Return the table of what was seen."""
    rows = [
        (
            f"{server}: {SETTINGS[server]}",
            str(mine[server]),
            str(composed[server]),
            verdict(not any(mine[server].refused)),
        )
        for server in mine
    ]
    header = ("what", "`start.sh`, a reload", "`docker compose up -d`, recreated", "target: none unanswered")
    return Table("Settings", header, rows, NOTE)


def watch(found: dict[str, Seen], ports: Mapping[str, int], act: Callable[[], object]) -> None:
    """Add to what was seen of each server while something was done."""
    refused = dict.fromkeys(found, 0)

    def counted(server: str, probe: gap.Probe) -> bool:
        answered = probe()
        refused[server] += not answered
        return answered

    ask: dict[str, gap.Probe] = {
        contract.POSTGRES: partial(gap.postgres_answers, ports[contract.POSTGRES], contract.DEFAULT_ADMIN),
        contract.REDIS: partial(gap.redis_answers, ports[contract.REDIS]),
    }
    with gap.measured(
        {server: partial(counted, server, probe) for server, probe in ask.items()}, READY_SECONDS
    ) as away:
        act()
    for server, seconds in away.items():
        if seconds is None:
            raise commands.MeasurementError(f"{server} did not answer before its settings changed")
        found[server].refused.append(refused[server])
        found[server].seconds.append(seconds)


def _ports(ours: Ours) -> dict[str, int]:
    return {server: int(ours.stack.config[server]["port"]) for server in contract.SERVERS}


def _value(server: str, number: int) -> str:
    return VALUES[server].format(5 + number)


def _ours_changed(ours: Ours, number: int) -> None:
    for server, name in SETTINGS.items():
        ours.stack.configure(**{server: {"settings": {name: _value(server, number)}}})
    ours.start()


def _theirs_changed(theirs: Theirs, number: int) -> None:
    for server, service in theirs.compose.content["services"].items():
        name, value = SETTINGS[server], _value(server, number)
        own = ["-c", f"{name}={value}"] if server == contract.POSTGRES else [f"--{name}", value]
        service["command"] = [*service["command"][: None if number == 1 else -2], *own]
    theirs.compose.write()
    theirs.compose.up()
