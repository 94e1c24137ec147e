"""What the verbs on applications return."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ApplicationInfo:
    """One application as the server has it. `size_bytes` is its database's size on disk.

    `extensions` are those in its database, None where that lets nobody in.
    """

    name: str
    database: str
    role: str
    owner: str
    exists: bool
    size_bytes: int
    connections: int
    connection_limit: int
    redis_prefix: str
    redis_database: int
    extensions: tuple[str, ...] | None = ()


@dataclass(frozen=True)
class Applications:
    """Every application that the server knows."""

    stack: str
    applications: tuple[ApplicationInfo, ...]


@dataclass(frozen=True)
class Environment:
    """What an application needs to connect: names and values, passwords included."""

    application: str
    variables: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Doomed:
    """What `drop` destroys once it is confirmed. `last_backup` is empty where there is none."""

    stack: str
    application: str
    database: str
    role: str
    size_bytes: int
    last_backup: str


@dataclass(frozen=True)
class Dropped:
    """An application's database and role that are gone. `backup` was made before; empty where there was nothing."""

    stack: str
    application: str
    database: str
    role: str
    size_bytes: int
    backup: str = ""
