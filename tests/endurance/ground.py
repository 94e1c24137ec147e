"""The stack under endurance: what is known of it, what its databases have to hold, and what was found wrong."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dbserver.postgres import swap
from tests.endurance.judge import Origin, Row, Write, judge, lost_increments, required
from tests.endurance.steps import APPLICATIONS, Step
from tests.endurance.writers import Writers
from tests.support.commands import Ran
from tests.support.shop import backups
from tests.support.stack import Stack

# A recovery that takes longer counts as none.
SECONDS_AT_MOST = 120
TOLD_SECONDS = 1  # a manifest says the second in which its backup began, not when in it
SAID = 600  # characters of what a command said
BACK_SECONDS = 30  # a restore to a moment goes back so far at the most


@dataclass(frozen=True)
class Recovery:
    """Seconds from the beginning of start.sh until it ended, and until every connection was writing again."""

    back: float
    writing: float


@dataclass
class Ground:
    """The running stack, its writers, and the accounts of their writes."""

    stack: Stack
    place: Path
    origins: dict[int, Origin] = field(default_factory=dict)
    # Of each backup the database that it is of, by number; and the databases that were examined after they had been
    # set aside: nothing is written to them any more, and they may go.
    sources: dict[str, int] = field(default_factory=dict)
    aside: set[int] = field(default_factory=set)
    # Of each application its live database as it was last examined, and since when it was live at the latest.
    settled: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)
    lost_increments: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ledger = self.place / "ledger"
        self.writers = {name: Writers(self.stack, name, ledger / name) for name in APPLICATIONS}

    # What is done -----------------------------------------------------------

    def found(self, fault: str) -> None:
        """Note what must not be."""
        self.wrong.append(fault)

    def verb(self, *arguments: str, script: str = "dbserver") -> Ran:
        """Run a command that has to succeed; where it does not, that is a fault."""
        done = self.stack.script(script, *arguments)
        if done.code != 0:
            self.found(f"{' '.join((script, *arguments))} ended with {done.code}: {done.text.strip()[-SAID:]}")
        return done

    def json(self, *arguments: str) -> dict[str, Any]:
        """Run a verb, return what it says."""
        done = self.verb(*arguments, "--format", "json")
        return dict(json.loads(done.out)) if done.code == 0 else {}

    def configure(self, setting: str, value: str) -> None:
        """Declare a setting of PostgreSQL besides those that are declared."""
        settings = self.stack.config["postgres"].get("settings", {})
        self.stack.configure(postgres={"settings": {**settings, setting: value}})

    def recover(self) -> Recovery:
        """Let start.sh alone bring the stack back, and the applications write again."""
        began = time.monotonic()
        self.verb(script="start.sh")
        back = time.monotonic() - began
        self.wait_for_health()
        self.wait_for_writes()
        recovery = Recovery(back, time.monotonic() - began)
        if recovery.back > SECONDS_AT_MOST:
            self.found(f"start.sh took {recovery.back:.0f} s")
        return recovery

    def wait_for_health(self) -> None:
        """Wait until status finds nothing wrong: the archive follows a server that has come back within seconds."""
        deadline = time.monotonic() + SECONDS_AT_MOST
        while (done := self.stack.script("status.sh")).code != 0:
            if time.monotonic() > deadline:
                self.found(f"status.sh ends with {done.code}: {done.text.strip()[-SAID:]}")
                return
            time.sleep(0.5)

    def wait_for_writes(self) -> None:
        """Wait until a write of every connection was acknowledged that was not when this began."""
        before = self.progress()
        deadline = time.monotonic() + SECONDS_AT_MOST
        while silent := [name for name, size in self.progress().items() if size <= before[name]]:
            if time.monotonic() > deadline:
                self.found(f"no write was acknowledged within {SECONDS_AT_MOST} s: {', '.join(silent)}")
                return
            time.sleep(0.1)

    def progress(self) -> dict[str, int]:
        return {name: size for writers in self.writers.values() for name, size in writers.progress().items()}

    # What is there ----------------------------------------------------------

    def backups(self, application: str) -> list[str]:
        """Return the backups of an application's database, oldest first."""
        return sorted(path.parent.name for path in backups(self.stack).glob(f"{application}_*/manifest.json"))

    def live(self, application: str) -> int:
        """Return the number of the live database."""
        return int(self.stack.sql(f"SELECT oid FROM pg_database WHERE datname = '{application}'"))

    def databases(self, application: str) -> dict[int, str]:
        """Return the live database and those that restores have kept, by number."""
        listed = self.stack.sql(
            f"{swap.REGISTRY} SELECT d.oid, d.datname FROM pg_database d LEFT JOIN dbserver.database r"
            f" ON r.name = d.datname WHERE d.datname = '{application}'"
            f" OR r.application = '{application}' AND r.purpose = '{swap.KEPT}'"
        )
        return {int(oid): name for oid, name in (line.split("|") for line in listed.splitlines())}

    # The accounts -----------------------------------------------------------

    def note_backups(self) -> None:
        """Note of which database each new backup is; to be called before anything swaps databases."""
        for application in self.writers:
            new = [name for name in self.backups(application) if name not in self.sources]
            if new:
                self.sources.update(dict.fromkeys(new, self.live(application)))

    def note_restore(self, application: str, backup: str) -> bool:
        """Note what the live database was restored from, if it is a new one; return whether it is."""
        known = {*self.origins, *self.sources.values()}
        if (live := self.live(application)) in known:
            return False
        manifest = json.loads((backups(self.stack) / backup / "manifest.json").read_text())
        began = datetime.fromisoformat(manifest["started"]).timestamp()
        ended = began + TOLD_SECONDS + manifest["duration_seconds"]
        self.origins[live] = Origin(self.sources[backup], began, ended)
        return True

    def moment(self, application: str, part: float) -> datetime:
        """Return a moment of the last seconds in which the live database was already live."""
        now = datetime.now(UTC)
        first = max(self.settled[application][1], now - timedelta(seconds=BACK_SECONDS))
        return first + part * (now - first)

    def note_moment(self, application: str, before: int, moment: datetime) -> bool:
        """Note that the live database holds what the one before held at a moment, if it is a new one; return that."""
        if (live := self.live(application)) == before:
            return False
        self.origins[live] = Origin(before, moment.timestamp(), moment.timestamp())
        return True

    def examine(self, *, again: bool = False) -> None:
        """Compare every database, and Redis, with what was acknowledged; what is set aside once, or again."""
        for application, writers in self.writers.items():
            acknowledged = writers.rows()
            there = self.databases(application)
            for oid, name in there.items():
                if again or oid not in self.aside:
                    self._judge(oid, name, acknowledged)
            self.aside |= {oid for oid, name in there.items() if name != application}
            self.aside -= {oid for oid, name in there.items() if name == application}
            if gone := {write.born for write in acknowledged} - {*there, *self.aside}:
                self.found(f"LOST: databases of {application} went away with acknowledged writes: {gone}")
                self.aside |= gone
            self._settle(application, next(oid for oid, name in there.items() if name == application))
            self._count(writers)

    def where(self) -> tuple[int, int, int]:
        """Return how many acknowledged writes are in live databases, else in kept ones, else went with a pruned one."""
        found = [0, 0, 0]
        for application, writers in self.writers.items():
            there = self.databases(application)
            rows = writers.rows()
            held = {write.id for write in required(self.live(application), rows, self.origins)}
            for write in rows:
                found[0 if write.id in held else 1 if write.born in there else 2] += 1
        return found[0], found[1], found[2]

    def _judge(self, oid: int, name: str, acknowledged: list[Write]) -> None:
        lines = self.stack.sql("SELECT id, born, extract(epoch FROM at) FROM written", name).splitlines()
        rows = [Row(row, int(born), float(at)) for row, born, at in (line.split("|") for line in lines)]
        verdict = judge(oid, rows, acknowledged, self.origins)
        if lost := [write.id for write in verdict.lost if write.id not in self.lost]:
            self.found(f"LOST: {len(lost)} acknowledged writes are not in {name} ({oid}): {lost[:3]}")
            self.lost.update(lost)
        if verdict.strange:
            self.found(f"{len(verdict.strange)} rows cannot be in {name} ({oid}): {verdict.strange[:3]}")

    def _settle(self, application: str, live: int) -> None:
        if self.settled.get(application, (0,))[0] != live:
            self.settled[application] = live, datetime.now(UTC)

    def _count(self, writers: Writers) -> None:
        increments = writers.increments()
        values = self.stack.redis_admin("MGET", *increments).splitlines()
        for (key, acknowledged), value in zip(increments.items(), values, strict=True):
            lost = lost_increments(acknowledged, int(value or 0))
            if lost > self.lost_increments.get(key, 0):
                self.found(f"LOST: {lost} acknowledged increments of {key} in Redis")
                self.lost_increments[key] = lost


Act = Callable[[Ground, Step], str]
