"""Backups and restores beside `pg_dump > file; gzip` and `gunzip | psql`: time, size, gap, load, memory, disk."""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

from bench import clients, commands
from bench.figures import Comparison, Table, comparison_table, spread, verdict
from bench.operations import peak_mb
from bench.ours import Ours, say
from dbserver.backups import manifest as manifests
from dbserver.postgres import swap
from dbserver.units import MIB
from tests.support.stack import Stack

MEGABYTES = 1024
FEW, MANY = 10, 60
LISTED, LISTED_SECONDS = 1000, 0.5
MEMORY_LIMIT_MB = 120
PGBENCH_SECONDS = 20
LOOK_SECONDS = 0.01
APPLICATION, DATABASE, BUSY = "shop", "shop", "busy"
# Of each table so many rows a megabyte; together with their indexes they take about a quarter each.
EVENTS, DOCUMENTS, READINGS, PEOPLE = 900, 730, 3600, 1450
DATA = """
CREATE TABLE event (id bigserial PRIMARY KEY, at timestamptz, kind text, payload jsonb);
INSERT INTO event (at, kind, payload) SELECT now() - random() * interval '365 days',
 (ARRAY['click', 'order', 'view', 'refund'])[1 + floor(random() * 4)::int], jsonb_build_object(
 'user', floor(random() * 1e6), 'token', md5(random()::text), 'price', round((random() * 1e3)::numeric, 2),
 'tags', jsonb_build_array(left(md5(random()::text), 8), 'shop')) FROM generate_series(1, {events});
CREATE INDEX ON event (at);
CREATE TABLE document (id bigserial PRIMARY KEY, title text, body text);
INSERT INTO document (title, body) SELECT 'document ' || n, (SELECT string_agg(md5(random()::text), ' ')
 FROM generate_series(1, 8) WHERE n > 0) FROM generate_series(1, {documents}) n;
CREATE TABLE reading (at timestamptz, sensor int, value double precision);
INSERT INTO reading SELECT now() - n * interval '1 second', n % 100, random() * 100
 FROM generate_series(1, {readings}) n;
CREATE INDEX ON reading (at);
CREATE TABLE person (id bigserial PRIMARY KEY, name text, mail text UNIQUE, born date);
INSERT INTO person (name, mail, born) SELECT initcap(left(md5(random()::text), 12)), md5(n::text) || '@example.org',
 date '1950-01-01' + floor(random() * 20000)::int FROM generate_series(1, {people}) n;
ANALYZE;
"""
NOTE = (
    "A database of {size:.0f} MB: text, timestamps, jsonb, indexes. The original's commands run in the server's "
    "container. Its downtime is its whole restore: the clients' sessions are ended, the database is dropped, made "
    "anew and filled. A gap is the longest time for which any of the clients, which connect again at once, got no "
    "answer. The commands of ours are timed from their start to their end, a Python's start included."
)


@dataclass
class Seconds:
    """What was measured, a figure a round."""

    backup: list[float] = field(default_factory=list)
    gzip: list[float] = field(default_factory=list)
    nothing: list[float] = field(default_factory=list)
    verify: list[float] = field(default_factory=list)
    restore: list[float] = field(default_factory=list)
    psql: list[float] = field(default_factory=list)
    gap_few: list[float] = field(default_factory=list)
    gap_many: list[float] = field(default_factory=list)
    back_few: list[float] = field(default_factory=list)
    back_many: list[float] = field(default_factory=list)


def measure(rounds: int, megabytes: int = MEGABYTES) -> list[Table]:
    """Return the tables. `megabytes` is the size of the database."""
    seconds = Seconds()
    with _shop(megabytes) as shop:
        for number in range(rounds + 1):
            say(f"backups, round {number} of {rounds}" if number else "backups, once, unrecorded")
            taken = shop.round()
            if number:
                for name, values in vars(taken).items():
                    getattr(seconds, name).extend(values)
        compared = comparison_table("Backups and restores", comparisons(seconds), NOTE.format(size=shop.megabytes()))
        return [compared, shop.sizes(), shop.load(), shop.limits()]


def comparisons(seconds: Seconds) -> list[Comparison]:
    """Return what is held against what."""
    gzip, psql = "`pg_dump > file; gzip`", "`gunzip | psql`"
    down = "the original's downtime"
    return [
        Comparison("`dbserver backup`", seconds.backup, gzip, seconds.gzip, 0.15),
        Comparison("`dbserver backup`", seconds.backup, "one `pg_dump` into nothing", seconds.nothing, 1.2),
        Comparison("`dbserver verify`", seconds.verify, "`dbserver backup`", seconds.backup, 0.5),
        Comparison("`dbserver restore`", seconds.restore, psql, seconds.psql, 0.85),
        Comparison(f"restore: the gap of {FEW} clients", seconds.gap_few, down, seconds.psql, 0.02),
        Comparison(f"restore: the gap of {MANY} clients", seconds.gap_many, down, seconds.psql, 0.06),
        Comparison(f"rollback: the gap of {FEW} clients", seconds.back_few, down, seconds.psql, 0.02),
        Comparison(f"rollback: the gap of {MANY} clients", seconds.back_many, down, seconds.psql, 0.06),
    ]


class Restoring:
    """A running stack, and its verbs on backups as they are timed."""

    def __init__(self, ours: Ours) -> None:
        self.ours, self.stack = ours, ours.stack
        self.directory = self.stack.project / "backups"

    def _verb(self, *arguments: str) -> float:
        argv = [str(self.stack.project / "scripts" / "dbserver"), *arguments]
        return commands.timed(argv, self.ours.environment, self.stack.project)

    def _gap(self, count: int, *arguments: str) -> float:
        path = f"/proc/{self.stack.main_pid(self.stack.postgres)}/root/run/postgresql/.s.PGSQL.5432"
        with clients.reconnecting(clients.Where(path, APPLICATION, DATABASE), count) as gaps:
            self._verb(*arguments)
        return gaps.longest

    def _forget_kept(self) -> None:
        for name in self.stack.sql("SELECT name FROM dbserver.database WHERE purpose = 'kept'").split():
            self.stack.sql(swap.forget(name))


class Shop(Restoring):
    """A running stack whose application has a database of some size."""

    def __init__(self, ours: Ours, megabytes: int) -> None:
        super().__init__(ours)
        counts = {"events": EVENTS, "documents": DOCUMENTS, "readings": READINGS, "people": PEOPLE}
        self.stack.sql(DATA.format(**{name: each * megabytes for name, each in counts.items()}), DATABASE)
        self._inside(f"pgbench -i -q -s 10 -U dbadmin {BUSY}")
        self.backup = ""

    def round(self) -> Seconds:
        """Measure everything once, the two sides in turns."""
        taken = Seconds()
        taken.gzip.append(self._inside(f"pg_dump -U dbadmin {DATABASE} >/backups/o.sql && gzip -f /backups/o.sql"))
        taken.backup.append(self._verb("backup", APPLICATION))
        taken.nothing.append(self._inside(f"pg_dump -U dbadmin {DATABASE} >/dev/null"))
        self.backup = max(path.name for path in self.directory.glob(f"{APPLICATION}_*"))
        taken.verify.append(self._verb("verify", self.backup))
        taken.restore.append(self._verb(*self._restore()))
        self._forget_kept()
        for count, gaps, back in ((FEW, taken.gap_few, taken.back_few), (MANY, taken.gap_many, taken.back_many)):
            gaps.append(self._gap(count, *self._restore()))
            back.append(self._gap(count, "rollback", APPLICATION, "--confirm", APPLICATION))
            self._forget_kept()
        taken.psql.append(self._inside(_original_restore()))
        return taken

    def megabytes(self) -> float:
        """Return the size of the database."""
        return int(self.stack.sql(f"SELECT pg_database_size('{DATABASE}')")) / MIB

    def sizes(self) -> Table:
        """Return what a backup takes on the disk, in the end and at most."""
        gzip = (self.directory / "o.sql.gz").stat().st_size
        before = _bytes(self.directory)
        with _sampled(lambda: _bytes(self.directory) - before) as peak:
            self._verb("backup", APPLICATION)
        backup = _bytes(self.directory) - before
        rows = [
            ("a backup", f"{backup / MIB:.1f} MB", f"gzip's file: {gzip / MIB:.1f} MB", verdict(backup <= gzip)),
            ("the most while it is made", f"{max(peak) / MIB:.1f} MB", "its own size", verdict(max(peak) <= backup)),
        ]
        return Table("The size of a backup", ("what", "size", "at most", "verdict"), rows)

    def load(self) -> Table:
        """Return what another application notices of backups made one after the other."""
        say("pgbench, alone and beside backups")
        alone = pgbench(self.ours)
        with self._repeated("backup", APPLICATION):
            default = pgbench(self.ours)
        with self._repeated("backup", APPLICATION, "--low-priority", "--jobs", "1"):
            low = pgbench(self.ours)
        rows = [
            (what, f"{each:.0f}", f"{each / alone:.2f}x")
            for what, each in (("alone", alone), ("beside backups", default), ("beside low-priority backups", low))
        ]
        note = (
            f"`pgbench -c 4 -T {PGBENCH_SECONDS}` on another database of the server, while backups follow each other."
        )
        return Table("What backups cost the others", ("pgbench", "transactions a second", "ratio"), rows, note)

    def limits(self) -> Table:
        """Return the memory of the verbs, and the time to list many backups."""
        confirmed = ("rollback", APPLICATION, "--confirm", APPLICATION)
        verbs = [("backup", APPLICATION), ("verify", self.backup), self._restore(), confirmed]
        memory = [(f"`dbserver {verb[0]}`: memory", peak_mb(self.ours, verb)) for verb in verbs]
        self._many_backups()
        listed = [self._verb("backups") for _ in range(5)]
        memory.append((f"`dbserver backups` of {LISTED}: memory", peak_mb(self.ours, ("backups",))))
        most = f"{MEMORY_LIMIT_MB} MB"
        rows = [(what, f"{used:.0f} MB", most, verdict(used <= MEMORY_LIMIT_MB)) for what, used in memory]
        reached = verdict(median(listed) <= LISTED_SECONDS)
        rows.append((f"`dbserver backups` of {LISTED}: time", spread(listed), f"{LISTED_SECONDS} s", reached))
        return Table("Limits of the command line", ("what", "measured", "at most", "verdict"), rows)

    def _restore(self) -> tuple[str, ...]:
        return ("restore", APPLICATION, self.backup, "--confirm", APPLICATION)

    def _inside(self, script: str) -> float:
        argv = ["docker", "exec", self.stack.postgres, "bash", "-c", f"set -e -o pipefail; {script}"]
        return commands.timed(argv, self.ours.environment, self.stack.project)

    @contextmanager
    def _repeated(self, *arguments: str) -> Iterator[None]:
        done = threading.Event()

        def work() -> None:
            while not done.is_set():
                self._verb(*arguments)

        worker = threading.Thread(target=work)
        worker.start()
        try:
            yield
        finally:
            done.set()
            worker.join()

    def _many_backups(self) -> None:
        known = manifests.parse((self.directory / self.backup / manifests.FILE).read_text())
        for number in range(LISTED):
            directory = self.directory / f"{APPLICATION}_2020-01-01T00-00-00Z-{number:04}"
            directory.mkdir()
            (directory / manifests.FILE).write_text(manifests.render(replace(known, id=directory.name)))


def pgbench(ours: Ours) -> float:
    """Return the transactions a second of four clients on the database that is busy."""
    argv = ["docker", "exec", ours.stack.postgres, "pgbench", "-n", "-c", "4", "-T", str(PGBENCH_SECONDS)]
    said = commands.run([*argv, "-U", "dbadmin", BUSY], ours.environment, ours.stack.project)
    return float(next(line.split()[2] for line in said.splitlines() if line.startswith("tps = ")))


def _original_restore() -> str:
    """Return what the original's script does: nobody can be in the database meanwhile."""
    psql = "psql -X -q -v ON_ERROR_STOP=1 -U dbadmin"
    ended = swap.end_sessions([DATABASE]).strip()
    anew = f'-c "DROP DATABASE {DATABASE}" -c "CREATE DATABASE {DATABASE} OWNER {APPLICATION}"'
    return f'{psql} -d postgres -c "{ended}" {anew} >/dev/null; gunzip -c /backups/o.sql.gz | {psql} -d {DATABASE}'


@contextmanager
def _shop(megabytes: int) -> Iterator[Shop]:
    with tempfile.TemporaryDirectory(prefix="dbs-bench-", ignore_cleanup_errors=True) as directory:
        stack = Stack(Path(directory))
        stack.configure(postgres={"memory": "2g", "maxConnections": 200})
        stack.declare({"name": APPLICATION, "poolSize": 40}, {"name": BUSY, "poolSize": 5})
        try:
            say(f"a database of {megabytes} MB")
            ours = Ours(stack)
            ours.forget()
            ours.up()
            yield Shop(ours, megabytes)
        finally:
            stack.remove()


@contextmanager
def _sampled(value: Callable[[], int]) -> Iterator[list[int]]:
    """Look at a value again and again while the block runs."""
    done, found = threading.Event(), [0]

    def look() -> None:
        while not done.is_set():
            found.append(value())
            time.sleep(LOOK_SECONDS)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield found
    finally:
        done.set()
        watcher.join()


def _bytes(directory: Path) -> int:
    """Return the bytes of all files; one that goes away meanwhile has none."""
    total = 0
    for path in directory.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return total
