"""An application's entry in the configuration, and what the entries may not share."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, field_validator

from dbserver.applications import Budget, default_database, overlapping_prefixes
from dbserver.settings.faults import Findings
from dbserver.settings.types import (
    ApplicationName,
    ExtensionName,
    PasswordText,
    RedisChannel,
    RedisPrefixes,
    RoleName,
    Section,
    SettingName,
    SettingValue,
    between,
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
    pool_size: Annotated[int, between(1, 1000)] = 10
    instances_per_colour: Annotated[int, between(1, 100)] = 1
    extensions: list[ExtensionName] = Field(default_factory=list)
    settings: dict[SettingName, SettingValue] = Field(default_factory=dict)
    password: PasswordText | None = None
    password_version: Annotated[int, between(1)] = 1
    keep_password: bool = False
    redis_database: Annotated[int, between(0, 15)] = 0
    redis_prefix: RedisPrefixes | None = None
    redis_channels: list[RedisChannel] = Field(default_factory=list)
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


@dataclass(frozen=True)
class Known:
    """What of an entry can be judged beside others: empty is what is faulty by itself."""

    path: str
    entry: Application
    name: str
    database: str
    role: str
    prefixes: tuple[str, ...]

    @classmethod
    def of(cls, number: int, entry: Application, found: Findings) -> "Known":
        """Return what is known of an entry by its number."""
        path = f"applications.{number}"
        faulty = {key for key in ("name", "database", "role", "redisPrefix") if found.touch(f"{path}.{key}")}
        name = "" if "name" in faulty else entry.name
        database = "" if "database" in faulty or not (name or entry.database) else entry.database_name
        role = "" if "role" in faulty or not (database or entry.role) else entry.role_name
        prefixes = () if "redisPrefix" in faulty or not (name or entry.redis_prefix) else entry.prefixes
        return cls(path, entry, name, database, role, prefixes)


def application_faults(entries: Sequence[Known], *, admin: str, budget: Budget | None, access: str) -> list[str]:
    """Return every fault between the entries, and between them and the servers; of what is unknown there is none."""
    faults = _twice("name", ((entry.path, entry.name) for entry in entries))
    faults += _twice("database", ((entry.path, entry.database) for entry in entries))
    faults += _twice("role", ((entry.path, entry.role) for entry in entries))
    for entry in entries:
        faults += [f"{entry.path}.{fault}" for fault in _entry_faults(entry, admin, access)]
    if access == "password":
        faults += overlapping_prefixes(
            (entry.name or entry.path, prefix) for entry in entries for prefix in entry.prefixes
        )
    return faults + ([budget.fault()] if budget and budget.applications and budget.fault() else [])


def _twice(key: str, values: Iterable[tuple[str, str]]) -> list[str]:
    places: dict[str, list[str]] = {}
    for path, value in values:
        places.setdefault(value, []).append(path)
    return [
        f"applications: {key} {value} is used twice: {', '.join(paths)}"
        for value, paths in sorted(places.items())
        if value and len(paths) > 1
    ]


def _entry_faults(known: Known, admin: str, access: str) -> list[str]:
    entry, faults = known.entry, []
    if known.database and known.database in (*RESERVED_DATABASES, admin):
        faults.append(f"database: {known.database} is the server's own")
    if known.database and not known.database[0].isalpha() and entry.database is None:
        faults.append(f"database: {known.name} begins with a digit; give database and role names of their own")
    if known.role and (known.role in (admin, *RESERVED_ROLES) or known.role.startswith("pg_")):
        faults.append(f"role: {known.role} is the server's own")
    if known.name and known.name in (admin, "default"):
        faults.append(f"name: {known.name} is the name of Redis's own user or of the administrator")
    if entry.password is not None and entry.keep_password:
        faults.append("keepPassword: a password is given as well; leave one of them out")
    if entry.redis_database and access == "password":
        faults.append(
            f"redisDatabase: {entry.redis_database} is given, but with redis.access password an application is fenced"
            " by its prefix, not by a number"
        )
    return faults
