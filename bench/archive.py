"""The continuous archive: what it costs a server that writes, and a restore to a second beside a restore of a dump."""

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import pyrage

from bench import backups, commands
from bench.backups import APPLICATION, BUSY, DATABASE, DOCUMENTS, EVENTS, MEGABYTES, PEOPLE, READINGS
from bench.commands import MeasurementError
from bench.figures import Comparison, Table, comparison_table, spread, verdict
from bench.ours import Ours, say
from dbserver import moment
from tests.support.keys import public, written
from tests.support.lost import lose, rescuing
from tests.support.stack import Stack

SCALE = 10
ON, SYNCHRONOUS = {"enabled": True}, {"enabled": True, "synchronous": True}
BEGIN_SECONDS = 120
THROUGHPUT = 0.9
LOAD_NOTE = (
    f"`pgbench -c 4 -T {backups.PGBENCH_SECONDS}`, scale {SCALE}, on servers of the same settings that take turns: one "
    "without an archive, one with, one whose commits wait for it. Archive and server share the disk and the processor."
)
RESTORE_NOTE = (
    "The same application of the same size. To a second: a throwaway server is recovered from the base backup and the "
    "log, the application backed up from it, and that restored as every other backup. The gap is that of {clients} "
    "clients which connect again at once."
)
RESCUE_NOTE = (
    "`rescue` on a machine that has the parts but nothing of the stack, from a directory of another disk: databases of "
    "{size:.0f} MB in all. Fetching, decrypting, the start of the stack and the restore are in it."
)


@dataclass
class Rates:
    """Transactions a second, a figure a round."""

    off: list[float] = field(default_factory=list)
    on: list[float] = field(default_factory=list)
    synchronous: list[float] = field(default_factory=list)


def measure(rounds: int, megabytes: int = MEGABYTES) -> list[Table]:
    """Return the tables. `megabytes` is the size of the application that is restored."""
    return [_load(rounds), _restore(rounds, megabytes), _rescue(rounds, megabytes)]


def load_table(rates: Rates) -> Table:
    """Return what an archive costs a server that writes."""
    off = median(rates.off)
    asynchronous = median(rates.on) / off
    rows = [
        ("no archive", _rate(rates.off), "1.00x", "", ""),
        ("archive", _rate(rates.on), f"{asynchronous:.2f}x", f">= {THROUGHPUT}x", verdict(asynchronous >= THROUGHPUT)),
        ("synchronous archive", _rate(rates.synchronous), f"{median(rates.synchronous) / off:.2f}x", "stated", ""),
    ]
    header = ("server", "transactions a second", "ratio", "target", "verdict")
    return Table("What the archive costs", header, rows, LOAD_NOTE)


def _rate(found: list[float]) -> str:
    return f"{median(found):.0f} ({min(found):.0f}-{max(found):.0f})"


def _load(rounds: int) -> Table:
    rates = Rates()
    with _server(None) as off, _server(ON) as on, _server(SYNCHRONOUS) as synchronous:
        for number in range(rounds + 1):
            say(f"pgbench with and without an archive, round {number} of {rounds}")
            for ours, found in ((off, rates.off), (on, rates.on), (synchronous, rates.synchronous)):
                rate = backups.pgbench(ours)
                if number:
                    found.append(rate)
    return load_table(rates)


def _restore(rounds: int, megabytes: int) -> Table:
    taken: list[tuple[float, float, float, float]] = []
    with _server(ON) as ours:
        shop = Filled(ours, megabytes)
        for number in range(rounds + 1):
            say(f"a restore to a second, round {number} of {rounds}")
            measured = shop.round()
            taken += [measured] * bool(number)
    clients = backups.FEW
    dump, second, gap, second_gap = zip(*taken, strict=True)
    compared = [
        Comparison("`restore --at`", second, "`restore BACKUP`", dump, 1.6),
        Comparison(f"`restore --at`: the gap of {clients} clients", second_gap, "`restore BACKUP`", gap, 1.2),
    ]
    return comparison_table("Back to a second", compared, RESTORE_NOTE.format(clients=clients))


def _rescue(rounds: int, megabytes: int) -> Table:
    taken: dict[str, list[float]] = {"--backups": [], "": []}
    with _server(ON) as ours, tempfile.TemporaryDirectory(prefix="dbs-bench-") as directory:
        there, key = Path(directory), written(Path(directory) / "identity.txt", pyrage.x25519.Identity.generate())
        ours.stack.configure(offsite={"url": f"file://{there}", "recipients": [public(key)]})
        size = Filled(ours, megabytes).copied()
        for number in range(rounds):
            for how, found in taken.items():
                say(f"a rescue {how or 'from the archive'}, round {number + 1} of {rounds}")
                lose(ours.stack)
                argv = [*rescuing(ours.stack, there, key), *([how] if how else [])]
                began = time.monotonic()
                commands.run(argv, ours.environment, ours.stack.project)
                found.append(time.monotonic() - began)
    return rescue_table(taken["--backups"], taken[""], size)


def rescue_table(backed_up: list[float], archived: list[float], size: int) -> Table:
    """Return how long a rescue takes, and how long a GB of databases: `size` is theirs, in bytes."""
    rows = [
        (name, spread(found), f"{median(found) / (size / 1e9):.0f} s", "stated")
        for name, found in (("the newest backups", backed_up), ("the archive, to the last push", archived))
    ]
    header = ("PostgreSQL from", "seconds", "a GB of databases", "target")
    return Table("A machine is lost", header, rows, RESCUE_NOTE.format(size=size / 1e6))


class Filled(backups.Restoring):
    """A running stack with an archive, whose application has a database of some size."""

    def __init__(self, ours: Ours, megabytes: int) -> None:
        super().__init__(ours)
        counts = {"events": EVENTS, "documents": DOCUMENTS, "readings": READINGS, "people": PEOPLE}
        data = {name: each * megabytes for name, each in counts.items()}
        self.stack.sql(backups.DATA.format(**data), DATABASE)

    def round(self) -> tuple[float, float, float, float]:
        """Return the seconds of a restore of a backup and of one to a second, and the gap of each."""
        self._verb("backup", APPLICATION)
        name = max(path.name for path in self.directory.glob(f"{APPLICATION}_*"))
        gap, dump = self._timed_gap("restore", APPLICATION, name, "--confirm", APPLICATION)
        # As the schedule would have: what was loaded is in a base backup, and the log has what came after it.
        self._verb("archive", "--base-backup")
        self.stack.sql("UPDATE person SET name = name || '.' WHERE id % 100 = 0", DATABASE)
        wanted = moment.written(datetime.now(UTC))
        second_gap, second = self._timed_gap("restore", APPLICATION, "--at", wanted, "--confirm", APPLICATION)
        self._forget_kept()
        return dump, second, gap, second_gap

    def copied(self) -> int:
        """Copy backups and archive elsewhere; return the bytes of all databases."""
        self._verb("backup", "--all")
        self._verb("archive", "--base-backup")
        self._verb("offsite", "push")
        return int(self.stack.sql("SELECT sum(pg_database_size(oid)) FROM pg_database"))

    def _timed_gap(self, *arguments: str) -> tuple[float, float]:
        began = time.monotonic()
        gap = self._gap(backups.FEW, *arguments)
        return gap, time.monotonic() - began


def _until_archived(stack: Stack) -> None:
    """Wait until the first base backup is complete: it is no part of what is measured."""
    deadline = time.monotonic() + BEGIN_SECONDS
    while not json.loads(stack.script("dbserver", "archive", "--format", "json").out)["windows"]:
        if time.monotonic() > deadline:
            raise MeasurementError(f"no base backup within {BEGIN_SECONDS} s")
        time.sleep(1)


@contextmanager
def _server(archive: dict[str, bool] | None) -> Iterator[Ours]:
    with tempfile.TemporaryDirectory(prefix="dbs-bench-", ignore_cleanup_errors=True) as directory:
        stack = Stack(Path(directory))
        stack.configure(postgres={"memory": "2g", "maxConnections": 200})
        if archive:
            stack.configure(archive={**archive, "containerName": f"{stack.name}-archive"})
        stack.declare({"name": APPLICATION, "poolSize": 40}, {"name": BUSY, "poolSize": 5})
        try:
            ours = Ours(stack)
            ours.forget()
            ours.up()
            fill = ["docker", "exec", stack.postgres, "pgbench", "-i", "-q", "-s", str(SCALE), "-U", "dbadmin", BUSY]
            commands.run(fill, ours.environment, stack.project)
            if archive:
                _until_archived(stack)
            yield ours
        finally:
            stack.remove()
