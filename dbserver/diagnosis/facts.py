"""What doctor has seen. A fact that could not be had is None, and the causes that need it are silent."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dbserver.declared import Declared
from dbserver.docker.containers import Container
from dbserver.docker.host import Identity
from dbserver.identity import Known
from dbserver.results.archive import Archive
from dbserver.results.copies import OffsiteState
from dbserver.results.schedule import Schedule
from dbserver.results.status import Validity


@dataclass(frozen=True)
class Place:
    """A data directory and the machine around it. Sizes are bytes, uids are numbers, `mode` is the mount's."""

    exists: bool = True
    filled: bool = True
    server_uid: int = -1
    owners: tuple[tuple[str, int], ...] = ()
    version: str = ""
    free: int = 0
    total: int = 0
    free_inodes: int = 0
    total_inodes: int = 0
    mount: str = "/"
    read_only: bool = False
    overcommit: int = 1
    huge_pages: str = ""
    memory: int = 0
    memory_available: int = 0
    swap: int = 0
    killed: int = 0
    identity: Identity = field(default_factory=Identity)


@dataclass(frozen=True)
class Session:
    """One client's connection to PostgreSQL. Durations are seconds, `command` is its statement's first word alone."""

    pid: int
    role: str
    database: str
    application: str
    address: str
    state: str
    state_seconds: float
    transaction_seconds: float
    blockers: tuple[int, ...]
    command: str

    @property
    def shown(self) -> str:
        """Its name for people."""
        program = f" ({self.application})" if self.application else ""
        return f"pid {self.pid}: role {self.role} in {self.database} from {self.address or 'the socket'}{program}"


@dataclass(frozen=True)
class Role:
    """A role that may log in. `limit` is -1 without one."""

    name: str
    connections: int
    limit: int
    expired: bool


@dataclass(frozen=True)
class Database:
    """A database. `limit` is -1 without one, `age` is in transactions."""

    name: str
    open: bool
    limit: int
    age: int
    checksum_failures: int


@dataclass(frozen=True)
class Prepared:
    """A transaction that was prepared and waits for its second half."""

    gid: str
    database: str
    owner: str
    seconds: float


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL server from inside. Times are seconds since 1970, `asked` and `answered` by this machine's clock.

    `archive_failures` are 0 after a success. `collations` are databases whose indexes on text were made under another
    version of the system's collations: name, that version, the one there is. `crashed_seconds` is since
    when the server runs after one of its processes was killed, None where none was since its start.
    """

    version: str
    asked: float
    answered: float
    now: float
    checkpoint: float
    standby: bool
    read_only: bool
    max_connections: int
    reserved: int
    used: int
    roles: tuple[Role, ...]
    databases: tuple[Database, ...]
    sessions: tuple[Session, ...]
    prepared: tuple[Prepared, ...]
    pending: tuple[str, ...]
    overridden: tuple[str, ...]
    faults: tuple[str, ...]
    archive_failures: int
    slots: tuple[tuple[str, int], ...]
    collations: tuple[tuple[str, str, str], ...]
    crashed_seconds: float | None


@dataclass(frozen=True)
class Denied:
    """An entry of Redis's ACL LOG: who was denied what, how often, how many seconds ago."""

    reason: str
    user: str
    what: str
    count: int
    seconds: float


@dataclass(frozen=True)
class Redis:
    """A Redis server from inside. `ping` is the answer to who comes without a password, as health checks do."""

    ping: str
    info: Mapping[str, str]
    settings: Mapping[str, str]
    in_file: Mapping[str, str]
    denied: tuple[Denied, ...]

    def number(self, name: str) -> int:
        """Return a figure of INFO, 0 where there is none."""
        value = self.info.get(name, "")
        return int(value) if value.isdigit() else 0


@dataclass(frozen=True)
class Server:
    """One server from outside, and from inside where it answered; else `refusal` is what it said.

    `log` are the lines since its start, of ten minutes at most; `up_seconds` is None where it does not run.
    `certificate` is there where it speaks TLS, `known` where it is remembered which data the server has.
    """

    server: str
    name: str
    container: Container | None = None
    up_seconds: float | None = None
    log: tuple[str, ...] = ()
    image_major: str = ""
    differences: tuple[str, ...] = ()
    holders: tuple[str, ...] = ()
    place: Place | None = None
    refusal: str = ""
    postgres: Postgres | None = None
    redis: Redis | None = None
    certificate: Validity | None = None
    known: Known | None = None


@dataclass(frozen=True)
class Facts:
    """Everything that was seen.

    `daemon` is what kept it from being used: `missing`, `denied`, `down`, `silent`, or empty; `said` its words,
    `version` its version.
    `network` is whether it exists. `dead_updates` are the pids that left a lock. `compose_fault` is what is wrong with
    docker-compose.yml, `compose_foreign` are the files that compose would read in its place. `damaged_backups` are the
    newest of their subjects, as subject and id.
    """

    declared: Declared
    daemon: str = ""
    said: str = ""
    version: str = ""
    network: bool | None = None
    dead_updates: tuple[int, ...] = ()
    schedule: Schedule | None = None
    damaged_backups: tuple[tuple[str, str], ...] = ()
    archive: Archive | None = None
    offsite: OffsiteState | None = None
    compose_fault: str = ""
    compose_foreign: tuple[str, ...] = ()
    servers: Mapping[str, Server] = field(default_factory=dict)
