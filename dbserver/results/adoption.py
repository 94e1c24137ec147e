"""What `adopt` returns. Sizes are bytes, durations seconds."""

from dataclasses import dataclass

from dbserver.results.servers import Away


@dataclass(frozen=True)
class FoundServer:
    """A server of elsewhere. `data` is a directory of the host, `published` an address of it, empty without one."""

    server: str
    container: str
    image: str
    version: str
    data: str
    networks: tuple[str, ...]
    published: str


@dataclass(frozen=True)
class FoundDatabase:
    """A database of elsewhere, and the application that is declared for it; none where it is left as it is."""

    database: str
    application: str
    role: str
    has_password: bool
    size_bytes: int
    connections: int
    extensions: tuple[str, ...]


@dataclass(frozen=True)
class AdoptionPlan:
    """What adopt found and will do.

    `step` is `new`, or where an adoption that has begun stands; then nothing was looked at. `changes` are the lines
    that are written into `file`, as a diff; `notices` what will be different afterwards.
    """

    stack: str
    step: str
    file: str
    servers: tuple[FoundServer, ...] = ()
    databases: tuple[FoundDatabase, ...] = ()
    changes: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    connected: str = ""


@dataclass(frozen=True)
class ProvedDatabase:
    """A database that answers: its tables, and their rows as counted for the backup before, and now."""

    database: str
    tables: int
    rows_before: int
    rows: int


@dataclass(frozen=True)
class Adopted:
    """An installation that a stack runs now. `kept` are the containers before, stopped, for the way back."""

    stack: str
    file: str
    backups: tuple[str, ...]
    servers: tuple[Away, ...]
    databases: tuple[ProvedDatabase, ...]
    roles: int
    redis_keys: int
    kept: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class AdoptionUndone:
    """An adoption taken back: the containers before it run again."""

    stack: str
    servers: tuple[Away, ...]
    databases: tuple[ProvedDatabase, ...]
    seconds: float


@dataclass(frozen=True)
class AdoptionFinished:
    """An adoption without a way back: the containers that were removed."""

    stack: str
    removed: tuple[str, ...]
