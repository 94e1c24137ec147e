"""What has to be there, against what is: every acknowledged write, in the database that acknowledged it. Pure.

A database is known by its number, which a rename leaves as it is: a restore fills a new one and swaps the names, a
rollback swaps them back. So a write that a restore has undone has to be in the database that the restore has kept.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Row:
    """A row as it lies in a table: the database where it was written, and when, by the server's clock."""

    id: str
    born: int
    at: float


@dataclass(frozen=True)
class Write(Row):
    """A row that was acknowledged to its writer, and when."""

    acknowledged: float


@dataclass(frozen=True)
class Origin:
    """What a restore filled a database from: a backup of another one, made between two moments."""

    source: int
    began: float
    ended: float


Origins = Mapping[int, Origin]


@dataclass(frozen=True)
class Verdict:
    """What is wrong with a database: acknowledged writes that it lacks, and rows that it cannot have."""

    lost: Sequence[Write] = ()
    strange: Sequence[Row] = ()


def required(database: int, writes: Collection[Write], origins: Origins) -> list[Write]:
    """Return the acknowledged writes that a database has to hold.

    Those that it acknowledged itself; and of those that its backup's database had to hold, the ones acknowledged before
    the backup began. What was acknowledged while the backup ran may be in it or not.
    """
    own = [write for write in writes if write.born == database]
    if not (origin := origins.get(database)):
        return own
    inherited = required(origin.source, writes, origins)
    return own + [write for write in inherited if write.acknowledged < origin.began]


def possible(row: Row, database: int, origins: Origins) -> bool:
    """True where a row may be in a database: written there, or into its backup's database before the backup ended."""
    limit = float("inf")
    while row.born != database:
        if not (origin := origins.get(database)):
            return False
        limit = min(limit, origin.ended)
        database = origin.source
    return row.at <= limit


def judge(database: int, rows: Iterable[Row], writes: Collection[Write], origins: Origins) -> Verdict:
    """Compare a database's rows, read after the writes were, with what it has to hold and may hold."""
    found = {row.id: row for row in rows}
    return Verdict(
        lost=[write for write in required(database, writes, origins) if write.id not in found],
        strange=[row for row in found.values() if not possible(row, database, origins)],
    )


def lost_increments(acknowledged: Sequence[int], found: int) -> int:
    """Return how many acknowledged increments of a counter are gone, by the replies in their order and its value now.

    Each reply is larger than the one before, by more than one where a reply was lost on its way; one that is not tells
    that the counter has gone back.
    """
    last = acknowledged[-1] if acknowledged else 0
    return sum(max(0, before - after + 1) for before, after in pairwise(acknowledged)) + max(0, last - found)
