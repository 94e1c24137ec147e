"""An application's entry in the configuration, and what the entries may not share."""

from collections.abc import Iterable, Sequence

from pydantic import Field, field_validator

from dbserver.applications import Budget, default_database, overlapping_prefixes
from dbserver.settings.types import (
    ApplicationName,
    ExtensionName,
    PasswordText,
    RedisChannels,
    RedisPrefixes,
    RoleName,
    Section,
    SettingName,
    SettingValue,
)

RESERVED_DATABASES = ("postgres", "template0", "template1")
RESERVED_ROLES = ("postgres", "public", "none")


def written_once(value: dict[str, str]) -> dict[str, str]:
    """Return settings under their names in lower case; one written twice, in other letters, is a fault."""
    names = [name.lower() for name in value]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"set twice, in other letters: {', '.join(twice)}")
    return {name.lower(): text for name, text in value.items()}


class Application(Section):
    """One application: its database and role in PostgreSQL, its part of Redis."""

    name: ApplicationName
    database: RoleName | None = None
    role: RoleName | None = None
    pool_size: int = Field(default=10, ge=1, le=1000)
    instances_per_colour: int = Field(default=1, ge=1, le=100)
    extensions: list[ExtensionName] = Field(default_factory=list)
    settings: dict[SettingName, SettingValue] = Field(default_factory=dict)
    password: PasswordText | None = None
    password_version: int = Field(default=1, ge=1)
    keep_password: bool = False
    redis_database: int = Field(default=0, ge=0, le=15)
    redis_prefix: RedisPrefixes | None = None
    redis_channels: RedisChannels = Field(default_factory=list)
    redis_scan: bool = False

    _settings_written_once = field_validator("settings")(written_once)

    @property
    def database_name(self) -> str:
        """The database's name: by default the application's, with underscores."""
        return self.database or default_database(self.name)

    @property
    def role_name(self) -> str:
        """The role's name: by default the database's."""
        return self.role or self.database_name

    @property
    def prefixes(self) -> tuple[str, ...]:
        """What the application's Redis keys begin with: by default its name and a colon."""
        return tuple(self.redis_prefix or [f"{self.name}:"])


def application_faults(entries: Sequence[Application], *, admin: str, budget: Budget, access: str) -> list[str]:
    """Return every fault between the entries, and between them and the servers."""
    faults = _twice("name", (entry.name for entry in entries))
    faults += _twice("database", (entry.database_name for entry in entries))
    faults += _twice("role", (entry.role_name for entry in entries))
    for number, entry in enumerate(entries):
        faults += [f"applications.{number}.{fault}" for fault in _entry_faults(entry, admin, access)]
    if access == "password":
        faults += overlapping_prefixes((entry.name, prefix) for entry in entries for prefix in entry.prefixes)
    return faults + ([budget.fault()] if entries and budget.fault() else [])


def _twice(key: str, values: Iterable[str]) -> list[str]:
    found = list(values)
    return [f"applications: {key} {value} is used twice" for value in sorted({v for v in found if found.count(v) > 1})]


def _entry_faults(entry: Application, admin: str, access: str) -> list[str]:
    faults = []
    if entry.database_name in (*RESERVED_DATABASES, admin):
        faults.append(f"database: {entry.database_name} is the server's own")
    if not entry.database_name[0].isalpha() and entry.database is None:
        faults.append(f"database: {entry.name} begins with a digit; give database and role names of their own")
    if entry.role_name in (admin, *RESERVED_ROLES) or entry.role_name.startswith("pg_"):
        faults.append(f"role: {entry.role_name} is the server's own")
    if entry.name in (admin, "default"):
        faults.append(f"name: {entry.name} is the name of Redis's own user or of the administrator")
    if entry.password is not None and entry.keep_password:
        faults.append("keepPassword: a password is given as well; leave one of them out")
    if entry.redis_database and access == "password":
        faults.append(
            "redisDatabase: with redis.access password an application is fenced by its prefix, not by a number"
        )
    return faults
