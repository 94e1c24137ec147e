"""What history returns. Times are in ISO form, in UTC."""

from dataclasses import dataclass


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
