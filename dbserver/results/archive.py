"""What the verbs on the archive return. Times are in ISO form, in UTC."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class ReachableTime:
    """Every second from `start` to `end` comes back."""

    start: str
    end: str


def reachable(start: datetime, end: datetime) -> ReachableTime:
    """Return the times as they are shown, to the second."""
    return ReachableTime(*(moment.isoformat(timespec="seconds") for moment in (start, end)))


@dataclass(frozen=True)
class BaseBackup:
    """A base backup, complete and verified at `at`; `size_bytes` is what it takes on the disk."""

    at: str
    incremental: bool
    size_bytes: int | None = None


@dataclass(frozen=True)
class Archive:
    """The continuous archive as it stands.

    `streaming` tells whether the log arrives; `lag_bytes` of it are not there yet, which began `lag_seconds` ago; None
    where the server does not tell. `kept` is PostgreSQL's word for whether the server still keeps them, `room_bytes`
    how many more it will keep; None without a limit. `fault` says what is wrong, `differences` what of the container is
    not as declared.
    """

    stack: str
    container: str
    state: str
    directory: str
    keep_seconds: int
    schedule: str
    synchronous: bool
    streaming: bool = False
    lag_bytes: int | None = None
    lag_seconds: float | None = None
    kept: str = ""
    room_bytes: int | None = None
    size_bytes: int = 0
    windows: tuple[ReachableTime, ...] = ()
    base_backups: tuple[BaseBackup, ...] = ()
    fault: str = ""
    differences: tuple[str, ...] = ()

    @property
    def well(self) -> bool:
        """True where the log arrives and there is a base backup to begin with."""
        return not self.fault


@dataclass(frozen=True)
class ChangedRows:
    """How many rows of a table a transaction deleted, updated, inserted."""

    table: str
    deleted: int
    updated: int
    inserted: int


@dataclass(frozen=True)
class Transaction:
    """A transaction that changed many rows, or the schema; `committed` is as `restore --at` takes it.

    `truncated` and `rewritten` are tables; `dropped_files` are the numbers of the files of what was dropped, and
    `emptied_files` of what was emptied or rebuilt and is gone by now: no log has its name. `schema` are the catalogs
    that were written to, `relations` what of them is still there.
    """

    id: int
    committed: str
    database: str
    tables: tuple[ChangedRows, ...] = ()
    truncated: tuple[str, ...] = ()
    rewritten: tuple[str, ...] = ()
    dropped_files: tuple[int, ...] = ()
    emptied_files: tuple[int, ...] = ()
    schema: tuple[str, ...] = ()
    relations: tuple[str, ...] = ()


@dataclass(frozen=True)
class Minute:
    """How many transactions that wrote were committed in the minute that begins at `at`."""

    at: str
    commits: int


@dataclass(frozen=True)
class History:
    """What the archived log tells of an application's databases: the live one, and those that restores have kept.

    `read_until` is when the last transaction that was read was committed, of any database; None without one. `left_out`
    counts those before the first that is shown, `temporary` those that did nothing but make or drop temporary tables.
    """

    application: str
    databases: tuple[str, ...]
    since: str
    until: str
    read_until: str | None
    rows: int
    minutes: tuple[Minute, ...] = ()
    transactions: tuple[Transaction, ...] = ()
    left_out: int = 0
    temporary: int = 0


@dataclass(frozen=True)
class WholeRestored:
    """The whole PostgreSQL server as it was.

    `reached` is when the last transaction that is there was committed, or the moment that was asked for; None where a
    restore was undone. `databases` are the applications', each of which answers. `kept` is the directory of the server
    before, empty where there was none; `away_seconds` is how long the swap and the start after it took.
    """

    stack: str
    reached: str | None
    databases: tuple[str, ...]
    kept: str
    away_seconds: float
    seconds: float
