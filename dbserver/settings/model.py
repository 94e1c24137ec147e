"""The whole configuration, typed; every fault is reported at once, each with its path."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator

from dbserver import contract
from dbserver.applications import Budget
from dbserver.archive import plan as archive
from dbserver.backups import schedule
from dbserver.postgres import settings as postgres_settings
from dbserver.redis import limits as redis_limits
from dbserver.redis import settings as redis_settings
from dbserver.settings.application import Application, Known, application_faults, written_once
from dbserver.settings.faults import Findings
from dbserver.settings.offsite import Offsite
from dbserver.settings.tls import Tls, tls_faults
from dbserver.settings.types import (
    BackupPath,
    DockerName,
    HostPath,
    ImageName,
    Memory,
    PasswordText,
    Period,
    Port,
    Recipient,
    RedisSettingName,
    RoleName,
    Schedule,
    Section,
    SettingName,
    SettingValue,
    between,
    written,
)
from dbserver.units import MIB, parse_bytes, parse_seconds

RESERVED_ADMINS = ("public", "none", "default")
# PostgreSQL's own settings that keep connections free, with its defaults.
RESERVES = {"superuser_reserved_connections": "3", "reserved_connections": "0"}
# Once for what is faulty by itself, then for what a section needs besides, then without both.
ROUNDS = 4
# Where a section is judged as a whole, what it is judged by.
RELYING: Mapping[tuple[str | int, ...], tuple[str, ...]] = {
    ("offsite",): ("offsite.url", "offsite.recipients"),
    ("tls",): ("tls.address", "tls.certificateFile", "tls.keyFile", "tls.caFile"),
}


class SettingsError(Exception):
    """The configuration has faults; nothing was declared."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__(f"{contract.FAULTY}\n  " + "\n  ".join(faults))
        self.faults = faults


class Network(Section):
    """The network that the servers share with the applications."""

    name: DockerName = contract.DEFAULT_NETWORK
    create: bool = False


class Postgres(Section):
    """The PostgreSQL server. `memory` is the container's limit in bytes."""

    image: ImageName = contract.DEFAULT_IMAGE[contract.POSTGRES]
    container_name: DockerName = contract.DEFAULT_CONTAINER[contract.POSTGRES]
    port: Port = contract.DEFAULT_PORT[contract.POSTGRES]
    admin_user: RoleName = contract.DEFAULT_ADMIN
    memory: Annotated[Memory, between(256 * MIB, say=written)] = parse_bytes(contract.DEFAULT_MEMORY[contract.POSTGRES])
    max_connections: Annotated[int, between(10, 10000)] | None = None
    admin_reserve: Annotated[int, between(1, 1000)] = 10
    settings: dict[SettingName, SettingValue] = Field(default_factory=dict)

    _settings_written_once = field_validator("settings")(written_once)

    @field_validator("admin_user")
    @classmethod
    def _no_reserved_role(cls, value: str) -> str:
        if value.startswith("pg_") or value in RESERVED_ADMINS:
            raise ValueError("is reserved by PostgreSQL or Redis")
        return value

    @property
    def effective_settings(self) -> dict[str, str]:
        """The settings in the server's file: derived from the memory, then what is declared."""
        return {**postgres_settings.derived(self.memory, self.max_connections), **self.settings}

    def budget(self, pools: Sequence[tuple[str, int, int]]) -> Budget:
        """The declared connections against max_connections: an application, its pool, its instances per colour."""
        effective = self.effective_settings
        reserved = [effective.get(name, default) for name, default in RESERVES.items()]
        return Budget(
            applications=tuple(pools),
            admin_reserve=self.admin_reserve,
            superuser_reserve=sum(int(text) for text in reserved if text.isdigit()),
            max_connections=int(effective["max_connections"]),
        )


class Redis(Section):
    """The Redis server. `memory` is the container's limit in bytes."""

    image: ImageName = contract.DEFAULT_IMAGE[contract.REDIS]
    container_name: DockerName = contract.DEFAULT_CONTAINER[contract.REDIS]
    port: Port = contract.DEFAULT_PORT[contract.REDIS]
    memory: Annotated[Memory, between(32 * MIB, say=written)] = parse_bytes(contract.DEFAULT_MEMORY[contract.REDIS])
    eviction_policy: Literal[redis_settings.EVICTION_POLICIES] = "noeviction"  # type: ignore[valid-type]  # the policies stand in one place
    persistence: redis_settings.Persistence = "append-only"
    access: Literal["open", "password"] = "open"
    settings: dict[RedisSettingName, SettingValue] = Field(default_factory=dict)

    @property
    def effective_settings(self) -> dict[str, str]:
        """The settings in the server's file: derived from the memory and from what is declared."""
        return redis_settings.derived(self.memory, self.eviction_policy, self.persistence, self.settings)


class Archive(Section):
    """The continuous archive. `keep` is in seconds; `base_backup` cron's five fields, in UTC."""

    enabled: bool = False
    container_name: DockerName = contract.DEFAULT_CONTAINER[contract.ARCHIVE]
    directory: HostPath | None = None
    keep: Period = int(parse_seconds(archive.DEFAULT_KEEP))
    base_backup: Schedule = schedule.fields(archive.DEFAULT_BASE_BACKUP)
    synchronous: bool = False


class Settings(Section):
    """The stack's whole configuration."""

    network: Network = Field(default_factory=Network)
    data_directory: HostPath = contract.DEFAULT_DATA_DIRECTORY
    backup_directory: BackupPath = contract.DEFAULT_BACKUP_DIRECTORY
    backup_recipients: list[Recipient] = Field(default_factory=list)
    offsite: Offsite = Field(default_factory=Offsite)
    stand_ins: bool = False
    admin_password: PasswordText | None = None
    postgres: Postgres = Field(default_factory=Postgres)
    redis: Redis = Field(default_factory=Redis)
    archive: Archive = Field(default_factory=Archive)
    tls: Tls = Field(default_factory=Tls)
    applications: list[Application] = Field(default_factory=list)


def load(values: Mapping[str, Any]) -> Settings:
    """Return the settings; raise SettingsError with every fault and its path."""
    settings, found = _judged(values)
    if settings and not found.touch("tls", "redis.access"):
        now = datetime.now(UTC)
        found.told += tls_faults(settings.tls, settings.redis.access, settings.postgres.settings, now)
    if settings is None or found.told:
        raise SettingsError(found.told) from None
    return settings


def faults(values: Mapping[str, Any]) -> list[str]:
    """Return every fault of what is written, with its path; neither files that it names nor the time are looked at."""
    return _judged(values)[1].told


def _judged(values: Mapping[str, Any]) -> tuple[Settings | None, Findings]:
    """Return the faults, and what is left without what is faulty by itself: that too is judged, as far as it can be."""
    found, settings, left = Findings(), None, dict(values)
    for _ in range(ROUNDS):
        try:
            settings = Settings.model_validate(left)
            break
        except ValidationError as invalid:
            for error in invalid.errors(include_input=False):
                # Where a section lacks what was taken away as faulty, it has been told.
                tell = not found.touch(*RELYING.get(error["loc"], ()))
                found.add(error, values, Settings, tell=tell)
            left = found.sound(values)
    if settings:
        found.told += [*_clashes(settings, found), *_redis_faults(settings.redis, found)]
        found.told += [*_archive_faults(settings, found), *_libraries_missing(settings, found)]
        found.told += _application_faults(settings, found)
    return settings, found


def _clashes(settings: Settings, found: Findings) -> Iterator[str]:
    """Yield what two servers may not share."""
    for key, of in (("containerName", "container_name"), ("port", "port")):
        one, other = (f"{server}.{key}" for server in contract.SERVERS)
        value = getattr(settings.postgres, of)
        if value == getattr(settings.redis, of) and not found.touch(one, other):
            yield f"{one} and {other} are the same: {value!r}"


def _redis_faults(redis: Redis, found: Findings) -> list[str]:
    known = not found.touch("redis.memory", "redis.persistence", "redis.settings")
    faults = redis_limits.faults(redis.memory, redis.persistence, redis.settings) if known else ()
    return [f"redis.settings.{fault}" for fault in faults or redis_limits.unreadable(redis.settings)]


def _archive_faults(settings: Settings, found: Findings) -> list[str]:
    known = settings.archive.enabled and not found.touch("archive", "postgres.settings")
    return [f"postgres.settings.{fault}" for fault in archive.faults(settings.postgres.settings)] if known else []


def _application_faults(settings: Settings, found: Findings) -> list[str]:
    postgres = settings.postgres
    entries = [Known.of(number, entry, found) for number, entry in enumerate(settings.applications)]
    # A number that is faulty itself is not added: what is told of the sum is true in any case.
    pools = [
        (known.name or known.path, known.entry.pool_size, known.entry.instances_per_colour)
        for known in entries
        if not found.touch(f"{known.path}.poolSize", f"{known.path}.instancesPerColour")
    ]
    limits = ["maxConnections", "adminReserve", *(f"settings.{name}" for name in RESERVES)]
    limits += ["memory"] if postgres.max_connections is None else []
    return application_faults(
        entries,
        admin="" if found.touch("postgres.adminUser") else postgres.admin_user,
        budget=None if found.touch(*(f"postgres.{key}" for key in limits)) else postgres.budget(pools),
        access=settings.redis.access,
    )


def _libraries_missing(settings: Settings, found: Findings) -> list[str]:
    """Return the extensions of entries whose library the server would not load, with the setting to write."""
    if found.touch("postgres.settings"):
        return []
    loaded = postgres_settings.libraries(settings.postgres.settings.get(postgres_settings.PRELOAD, ""))
    return [
        f"applications.{number}.extensions: {name} needs its library from the server's start on:"
        f" postgres.settings.{postgres_settings.PRELOAD}: {','.join([*loaded, name])}"
        for number, entry in enumerate(settings.applications)
        if not found.touch(f"applications.{number}.extensions")
        for name in postgres_settings.without_library(entry.extensions, loaded)
    ]
