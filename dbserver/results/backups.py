"""What the verbs on backups return. Times are UTC in ISO form, sizes bytes, durations seconds."""

from dataclasses import dataclass


@dataclass(frozen=True)
class BackupInfo:
    """One backup.

    `subject` is of what: an application, or `server.redis`. `verified` is when it was found whole, or empty; `damaged`
    is whether the last look found it damaged.
    """

    id: str
    subject: str
    kind: str
    database: str
    started: str
    age_seconds: int
    size_bytes: int
    duration_seconds: float
    rows: int
    colour: str
    revision: str
    note: str
    pinned: bool
    encrypted: bool
    verified: str
    damaged: bool = False


@dataclass(frozen=True)
class Failure:
    """One of several things to do that was not done, and why."""

    subject: str
    cause: str


@dataclass(frozen=True)
class BackedUp:
    """What was backed up, and where it is; `failed` is what was not."""

    stack: str
    directory: str
    backups: tuple[BackupInfo, ...]
    failed: tuple[Failure, ...] = ()

    @property
    def well(self) -> bool:
        """True where nothing failed."""
        return not self.failed


@dataclass(frozen=True)
class Checkpoint:
    """A fresh backup that was proved."""

    stack: str
    backup: BackupInfo


@dataclass(frozen=True)
class Backups:
    """What is in the backup directory. `broken` are directories whose manifest is not the one that was written."""

    stack: str
    directory: str
    backups: tuple[BackupInfo, ...]
    broken: tuple[str, ...]


@dataclass(frozen=True)
class Verified:
    """Whether a backup is whole; `faults` are why not. The structure of an encrypted one is read only with a key."""

    stack: str
    id: str
    faults: tuple[str, ...]
    seconds: float
    structure_read: bool = True

    @property
    def well(self) -> bool:
        """True where nothing is wrong with it."""
        return not self.faults


@dataclass(frozen=True)
class Drilled:
    """A backup that was restored for a proof; `fault` is why it could not be. `seconds` include everything."""

    stack: str
    id: str
    at: str
    seconds: float
    rows: int
    tables: int
    server_version: str
    fault: str

    @property
    def well(self) -> bool:
        """True where it could be restored."""
        return not self.fault


@dataclass(frozen=True)
class Loss:
    """A table whose rows differ between the live database and a backup; None where one of them has no such table."""

    table: str
    live: int | None
    backup: int | None


@dataclass(frozen=True)
class Restored:
    """A database restored. `kept` is the name of the one before, `away_seconds` how long its clients got no answer.

    `losses` are what the replaced database holds and the backup did not. `unknown` is why nobody can tell: one of its
    tables cannot be read.
    """

    stack: str
    application: str
    backup: str
    database: str
    kept: str
    away_seconds: float
    seconds: float
    rows: int
    losses: tuple[Loss, ...]
    unknown: str = ""


@dataclass(frozen=True)
class RestoredBeside:
    """What was restored without a swap: in `database`, or its tables in `schema` of the live database.

    `tables` are their names there; empty where it is the whole database.
    """

    stack: str
    application: str
    backup: str
    database: str
    schema: str
    tables: tuple[str, ...]
    rows: int
    seconds: float


@dataclass(frozen=True)
class RolledBack:
    """A restore undone: the database before it is live again, the restored one is kept."""

    stack: str
    application: str
    database: str
    kept: str
    away_seconds: float
