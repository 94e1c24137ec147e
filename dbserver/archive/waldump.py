"""What pg_waldump prints, made into what transactions did to one application's databases. Pure; a line at a time.

Only what a transaction that has not ended yet did is kept, in numbers: it goes with its end.
Source of the forms: PostgreSQL's heapdesc.c, xactdesc.c, smgrdesc.c and standbydesc.c, versions 15 to 18.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise

from dbserver import moment
from dbserver.results.history import ChangedRows, Transaction

HEAP = re.compile(
    r"rmgr: Heap2? +len \(rec/tot\): +\d+/ +\d+, tx: +(\d+), lsn: \S+ prev \S+ desc: ([A-Z_]+)\S*(?: ntuples:)?"
    r"([^#]*)#0: rel \d+/(\d+)/(\d+) "
)
ENDED = re.compile(r"tx: +(\d+), lsn: .*? desc: (COMMIT|ABORT)(?:_PREPARED)? (?:(\d+): )?(\S+ \S+) UTC(.*)")
STORED = re.compile(r"tx: +(\d+), lsn: .*? desc: CREATE \S*?(\d+)/(\d+)$")
LOCKED = re.compile(r"xid (\d+) db (\d+) rel (\d+)")
FILE = re.compile(r"(\d+)/(\d+)$")
TUPLES = re.compile(r" (\d+)")
LOCATION = re.compile(r"lsn: ([0-9A-F]+)/([0-9A-F]+),")
DELETED, UPDATED, INSERTED = range(3)
WHAT = {"DELETE": DELETED, "UPDATE": UPDATED, "HOT_UPDATE": UPDATED, "INSERT": INSERTED, "MULTI_INSERT": INSERTED}

FIRST_OF_USERS = 16384
PG_CLASS = "pg_class"
# Catalogs that no statement of a schema writes to: statistics, large objects, the progress of a subscription.
NOT_SCHEMA = {
    "pg_statistic", "pg_statistic_ext_data", "pg_largeobject", "pg_largeobject_metadata", "pg_subscription_rel",
}  # fmt: skip
# What a table takes, and a view, a function or a type does not: with nothing on the disk it is a temporary one.
OF_TABLES = {
    "pg_class", "pg_attribute", "pg_type", "pg_depend", "pg_attrdef", "pg_constraint", "pg_index", "pg_namespace",
}  # fmt: skip
TABLE, NAMED = "r", "rpvmfS"
MOST_KEPT = 1000


@dataclass(frozen=True)
class Relation:
    """A relation of the live catalog; `kind` is PostgreSQL's letter, `file` 0 where it has none."""

    oid: int
    file: int
    kind: str
    name: str


class Catalog:
    """What the numbers in the log mean in one database, as it is now."""

    def __init__(self, database: str, relations: Iterable[Relation]) -> None:
        self.database = database
        self.by_oid = {each.oid: each for each in relations}
        self.by_file = {each.file: each for each in self.by_oid.values() if each.file}

    def names(self, oids: Iterable[int], kinds: str = NAMED) -> tuple[str, ...]:
        """Return the names of those of the users' relations that are still there, each once."""
        found = [self.by_oid[oid] for oid in dict.fromkeys(oids) if oid in self.by_oid]
        return tuple(each.name for each in found if each.oid >= FIRST_OF_USERS and each.kind in kinds)


@dataclass
class Work:
    """What a transaction has done so far: rows by file, files that it made, relations that it locked.

    A log has millions of rows: what names them stays text until the transaction ends.
    """

    database: str
    rows: dict[str, list[int]] = field(default_factory=dict)
    made: set[int] = field(default_factory=set)
    locked: list[int] = field(default_factory=list)

    def add(self, other: "Work") -> None:
        """Add what a subtransaction did."""
        for file, counts in other.rows.items():
            self.rows[file] = [mine + its for mine, its in zip(self.rows.get(file, (0, 0, 0)), counts, strict=True)]
        self.made |= other.made
        self.locked += other.locked


class Reader:
    """Reads the log of a server for these databases; what was committed from `since` to `until` counts.

    `transactions` are the last ones that changed at least `rows` rows of a table, or the schema; `left_out` tells how
    many more there were before. `temporary` counts those that made or dropped temporary tables and nothing else.
    """

    def __init__(self, catalogs: Mapping[int, Catalog], since: datetime, until: datetime, rows: int) -> None:
        self._catalogs, self._since, self._until, self._rows = catalogs, since, until, rows
        self._works: dict[str, Work] = {}
        self._line, self._seen = "", -1
        self.minutes: Counter[datetime] = Counter()
        self.transactions: list[Transaction] = []
        self.left_out = self.temporary = 0
        self.last: datetime | None = None

    @property
    def databases(self) -> tuple[int, ...]:
        """The numbers of the databases that it reads for."""
        return tuple(self._catalogs)

    @property
    def going(self) -> int:
        """How many transactions have not ended where it is."""
        return len(self._works)

    def begin(self) -> None:
        """Begin another part of the log: what was read of it already comes again, and is passed over."""
        self._seen = max(self._seen, _location(self._line))

    def read(self, line: str) -> None:
        """Take in a line; any other than those of the log says nothing."""
        if self._seen >= 0:
            if _location(line) <= self._seen:
                return
            self._seen = -1
        self._line = line
        if found := HEAP.match(line):
            self._row(*found.groups())
        elif line.startswith("rmgr: Transaction") and (found := ENDED.search(line)):
            self._end(found)
        elif line.startswith("rmgr: St"):
            self._file_or_lock(line)

    def _row(self, number: str, what: str, more: str, database: str, file: str) -> None:
        work = self._works.get(number) or self._work(number, database)
        column = WHAT.get(what)
        if work is None or column is None or database != work.database:
            return
        counts = work.rows.get(file) or work.rows.setdefault(file, [0, 0, 0])
        tuples = TUPLES.match(more) if what == "MULTI_INSERT" else None
        counts[column] += int(tuples[1]) if tuples else 1

    def _file_or_lock(self, line: str) -> None:
        if (found := STORED.search(line)) and (work := self._work(found[1], found[2])):
            work.made.add(int(found[3]))
        for number, database, relation in LOCKED.findall(line):
            if work := self._work(number, database):
                work.locked.append(int(relation))

    def _work(self, number: str, database: str) -> Work | None:
        work = self._works.get(number)
        if work is None and number != "0" and int(database) in self._catalogs:
            work = self._works[number] = Work(database)
        return work

    def _end(self, found: re.Match[str]) -> None:
        number = found[3] or found[1]
        told = dict(part.split(": ", 1) for part in found[5].split("; ") if ": " in part)
        parts = [number, *told.get("subxacts", "").split()]
        works = [work for each in parts if (work := self._works.pop(each, None))]
        if found[2] == "ABORT":
            return
        at = self.last = datetime.fromisoformat(found[4]).replace(tzinfo=UTC)
        if not works or not self._since <= at <= self._until:
            return
        for other in works[1:]:
            works[0].add(other)
        self.minutes[at.replace(second=0, microsecond=0)] += 1
        self._judge(int(number), at, works[0], told)

    def _judge(self, number: int, at: datetime, work: Work, told: Mapping[str, str]) -> None:
        catalog = self._catalogs[int(work.database)]
        done = _transaction(number, at, work, told, catalog)
        if done.schema and _temporary(done, work):
            self.temporary += 1
        elif done.schema or done.truncated or any(_most(each) >= self._rows for each in done.tables):
            self.transactions.append(done)
        if len(self.transactions) > MOST_KEPT:
            del self.transactions[0]
            self.left_out += 1


def _most(rows: ChangedRows) -> int:
    return max(rows.deleted, rows.updated, rows.inserted)


def _transaction(number: int, at: datetime, work: Work, told: Mapping[str, str], catalog: Catalog) -> Transaction:
    """Return what a transaction did, by name.

    A drop takes rows out of pg_class. What gives tables other files puts as many in as it takes out where it copies
    them (VACUUM FULL, ALTER TABLE), and does neither where it empties them. An index alone is rebuilt so, too: its
    table is not locked then.
    """
    removed = tuple(int(found[2]) for path in told.get("rels", "").split() if (found := FILE.search(path)))
    catalogs = {name: counts for name, counts in _catalogs(work, catalog) if name not in NOT_SCHEMA}
    gone, _, new = catalogs.get(PG_CLASS, (0, 0, 0))
    locked = catalog.names(work.locked, TABLE)
    other_files = bool(removed and work.made)
    emptied = other_files and not gone and not new
    return Transaction(
        id=number,
        committed=moment.written(at),
        database=catalog.database,
        tables=tuple(_tables(work, catalog)),
        truncated=locked if emptied else (),
        rewritten=locked if other_files and gone == new > 0 else (),
        dropped_files=removed if gone > new else (),
        emptied_files=removed if emptied and not any(oid in catalog.by_oid for oid in work.locked) else (),
        schema=() if emptied and set(catalogs) == {PG_CLASS} and locked else tuple(sorted(catalogs)),
        relations=catalog.names(_invalidated(told)),
    )


def _catalogs(work: Work, catalog: Catalog) -> Iterable[tuple[str, list[int]]]:
    for file, counts in work.rows.items():
        known = catalog.by_file.get(int(file))
        if known and known.oid < FIRST_OF_USERS and known.kind == TABLE:
            yield known.name.removeprefix("pg_catalog."), counts


def _tables(work: Work, catalog: Catalog) -> Iterable[ChangedRows]:
    """Yield the rows of the users' tables: those of what is gone, too, which may be long values of another one."""
    for file, counts in sorted(work.rows.items(), key=lambda each: -max(each[1])):
        known = catalog.by_file.get(int(file))
        if known is None:
            yield ChangedRows(f"table that is gone, file {file}", *counts)
        elif known.oid >= FIRST_OF_USERS and known.kind in "rm":
            yield ChangedRows(known.name, *counts)


def _invalidated(told: Mapping[str, str]) -> list[int]:
    words = told.get("inval msgs", "").split()
    return [int(oid) for kind, oid in pairwise(words) if kind == "relcache" and oid.isdigit()]


def _temporary(done: Transaction, work: Work) -> bool:
    nothing = not (work.made or done.dropped_files or done.relations or done.tables)
    return nothing and PG_CLASS in done.schema and set(done.schema) <= OF_TABLES


def _location(line: str) -> int:
    found = LOCATION.search(line)
    return (int(found[1], 16) << 32) + int(found[2], 16) if found else -1
