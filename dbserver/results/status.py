"""What status returns: both servers as they stand."""

from dataclasses import dataclass
from typing import ClassVar

from dbserver.errors import Exit
from dbserver.results.archive import Archive
from dbserver.results.copies import OffsiteState
from dbserver.results.schedule import Schedule


@dataclass(frozen=True)
class DatabaseSize:
    """A database and its size on disk in bytes."""

    name: str
    size_bytes: int


@dataclass(frozen=True)
class KeptDatabase:
    """A database that a restore has replaced: since when, and its size on disk in bytes. `rollback` brings it back."""

    name: str
    application: str
    since: str
    size_bytes: int


@dataclass(frozen=True)
class PostgresUse:
    """How much PostgreSQL is used. `databases` are the largest first, templates left out; empty where it took too long.

    `kept` are those among them that restores have replaced, the oldest first. `other_collations` are the databases
    whose indexes on text were made under another version of the system's collations. `connections` are those of
    clients, without the one that asked. `transactions` and `cache_hit_ratio` (0 to 1, None
    before the first read) count since the statistics were reset.
    """

    connections: int
    max_connections: int
    transactions: int
    cache_hit_ratio: float | None
    databases: tuple[DatabaseSize, ...] = ()
    kept: tuple[KeptDatabase, ...] = ()
    other_collations: tuple[str, ...] = ()


@dataclass(frozen=True)
class RedisUse:
    """How much Redis is used. Memory is in bytes, `max_memory` 0 without a limit; counters are since its start.

    `hit_ratio` is 0 to 1, None before the first look-up. `persistence` is what is in force, `persistence_fault` why
    writing failed the last time; `unsaved_changes` are those since the last snapshot.
    """

    clients: int
    max_clients: int
    used_memory: int
    max_memory: int
    evicted_keys: int
    hit_ratio: float | None
    persistence: str
    persistence_fault: str
    unsaved_changes: int


@dataclass(frozen=True)
class Validity:
    """Until when a certificate is valid; `days_left` is negative afterwards."""

    expires: str
    days_left: int

    @property
    def well(self) -> bool:
        """True until it has expired."""
        return self.days_left >= 0


@dataclass(frozen=True)
class ServerStatus:
    """One server as it stands. `answers` is the reply to a real query, or empty with `fault` saying why.

    What could not be found out is None. `uptime_seconds` and `oom_kills` (processes killed for lack of memory) count
    from the container's start, `restarts` are those that Docker made by itself. `memory_used_bytes` leaves out what
    the kernel can drop; a limit of None is none. `disk_...` and `inodes_free` are of the data directory's file system.
    `differences` are what of the container is not as declared. `certificate` is there where it speaks TLS.
    `data_fault` is why the data that it serves is not the stack's, empty where it is or nothing is known. `log` are the
    last lines of one that crashes or has stopped; `advice` is what deserves a look, each with its command.
    """

    server: str
    container: str
    state: str
    health: str
    answers: str
    version: str
    address: str
    published: str
    image: str
    data: str
    fault: str = ""
    uptime_seconds: float | None = None
    restarts: int | None = None
    oom_kills: int | None = None
    memory_used_bytes: int | None = None
    memory_limit_bytes: int | None = None
    disk_free_bytes: int | None = None
    disk_total_bytes: int | None = None
    inodes_free: int | None = None
    differences: tuple[str, ...] = ()
    postgres: PostgresUse | None = None
    redis: RedisUse | None = None
    certificate: Validity | None = None
    data_fault: str = ""
    log: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()

    @property
    def well(self) -> bool:
        """True where it answered from the stack's data, no health check is against it, and its certificate valid."""
        certified = self.certificate is None or self.certificate.well
        return bool(self.answers) and self.health != "unhealthy" and certified and not self.data_fault


@dataclass(frozen=True)
class LastBackup:
    """The newest backup of a subject; an application without one has the age None.

    `started`, `verified` and `drilled` are when, or empty; `damaged` is what the last look at it found, `fault` why
    the last drill of it failed.
    """

    subject: str
    id: str = ""
    age_seconds: int | None = None
    size_bytes: int = 0
    verified: str = ""
    drilled: str = ""
    fault: str = ""
    damaged: bool = False
    started: str = ""


@dataclass(frozen=True)
class Status:
    """Both servers of a stack, the newest backups; schedule, archive and copies where there are such."""

    stack: str
    servers: tuple[ServerStatus, ...]
    backups: tuple[LastBackup, ...] = ()
    schedule: Schedule | None = None
    archive: Archive | None = None
    offsite: OffsiteState | None = None

    unwell: ClassVar[Exit] = Exit.UNHEALTHY

    @property
    def well(self) -> bool:
        """True where every server is well, no scheduled backup or copy is missing, and the archive gets the log.

        A newest backup that is known to be damaged is one that is missing.
        """
        others = [each.well for each in (self.schedule, self.archive, self.offsite) if each]
        return all([*(server.well for server in self.servers), *(not each.damaged for each in self.backups), *others])
