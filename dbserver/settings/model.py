"""The whole configuration, typed; every fault is reported at once, each with its path."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator

from dbserver import contract
from dbserver.applications import Budget
from dbserver.archive import plan as archive
from dbserver.backups import schedule
from dbserver.postgres import settings as postgres_settings
from dbserver.redis import limits as redis_limits
from dbserver.redis import settings as redis_settings
from dbserver.settings.application import Application, application_faults, written_once
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
)
from dbserver.units import MIB, parse_bytes, parse_seconds

RESERVED_ADMINS = ("public", "none", "default")


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
    memory: Memory = Field(default=parse_bytes(contract.DEFAULT_MEMORY[contract.POSTGRES]), ge=256 * MIB)
    max_connections: int | None = Field(default=None, ge=10, le=10000)
    admin_reserve: int = Field(default=10, ge=1, le=1000)
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

    def budget(self, applications: Sequence[Application]) -> Budget:
        """The declared connections against max_connections."""
        effective = self.effective_settings
        reserved = effective.get("superuser_reserved_connections", "3"), effective.get("reserved_connections", "0")
        return Budget(
            applications=tuple((entry.name, entry.pool_size, entry.instances_per_colour) for entry in applications),
            admin_reserve=self.admin_reserve,
            superuser_reserve=sum(int(text) for text in reserved if text.isdigit()),
            max_connections=int(effective["max_connections"]),
        )


class Redis(Section):
    """The Redis server. `memory` is the container's limit in bytes."""

    image: ImageName = contract.DEFAULT_IMAGE[contract.REDIS]
    container_name: DockerName = contract.DEFAULT_CONTAINER[contract.REDIS]
    port: Port = contract.DEFAULT_PORT[contract.REDIS]
    memory: Memory = Field(default=parse_bytes(contract.DEFAULT_MEMORY[contract.REDIS]), ge=32 * MIB)
    eviction_policy: Literal[redis_settings.EVICTION_POLICIES] = "noeviction"  # type: ignore[valid-type]  # the policies stand in one place
    persistence: redis_settings.Persistence = "append-only"
    access: Literal["open", "password"] = "open"
    settings: dict[RedisSettingName, SettingValue] = Field(default_factory=dict)

    @property
    def effective_settings(self) -> dict[str, str]:
        """The settings in the server's file: derived from the memory and from what is declared."""
        return redis_settings.derived(self.memory, self.eviction_policy, self.persistence, self.settings)

    @property
    def setting_faults(self) -> list[str]:
        """What is wrong with the declared settings."""
        found = redis_limits.faults(self.memory, self.persistence, self.settings)
        return [f"redis.settings.{fault}" for fault in found]


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
    if settings:
        now = datetime.now(UTC)
        found += tls_faults(settings.tls, settings.redis.access, settings.postgres.settings, now)
    if settings is None or found:
        raise SettingsError(found) from None
    return settings


def faults(values: Mapping[str, Any]) -> list[str]:
    """Return every fault of what is written, with its path; neither files that it names nor the time are looked at."""
    return _judged(values)[1]


def _judged(values: Mapping[str, Any]) -> tuple[Settings | None, list[str]]:
    """Return the settings, if they are any, and the faults.

    A password never stands in a message: pydantic's own text repeats inputs, so only its reasons are used.
    """
    found = _clashes(values)
    try:
        settings = Settings.model_validate(dict(values))
    except ValidationError as invalid:
        return None, [_fault(error) for error in invalid.errors(include_input=False)] + found
    found += settings.redis.setting_faults
    if settings.archive.enabled:
        found += [f"postgres.settings.{fault}" for fault in archive.faults(settings.postgres.settings)]
    return settings, found + application_faults(
        settings.applications,
        admin=settings.postgres.admin_user,
        budget=settings.postgres.budget(settings.applications),
        access=settings.redis.access,
    )


def _clashes(values: Mapping[str, Any]) -> list[str]:
    """Return what two sections may not share; judged on the raw values, so that no other fault hides it."""
    faults = []
    for key, default in (("containerName", contract.DEFAULT_CONTAINER), ("port", contract.DEFAULT_PORT)):
        both = [_raw(values.get(server), key, default[server]) for server in contract.SERVERS]
        if both[0] == both[1]:
            faults.append(f"postgres.{key} and redis.{key} are the same: {both[0]!r}"[:200])
    return faults


def _raw(section: object, key: str, default: object) -> object:
    return section.get(key, default) if isinstance(section, dict) else default


def _fault(error: Any) -> str:
    path = ".".join(str(part) for part in error["loc"] if part != "[key]")
    reason = "unknown key" if error["type"] == "extra_forbidden" else error["msg"].removeprefix("Value error, ")
    return f"{path}: {reason}" if path else reason
