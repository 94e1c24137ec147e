"""What the verbs on applications return."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ApplicationInfo:
    """One application as the server has it. `size_bytes` is its database's size on disk.

    `extensions` are those in its database, None where that lets nobody in. `kept` are the databases that its restores
    have replaced, the oldest first. `declared` is whether an entry of the stack's file has its database and its role.
    Its keys in Redis begin with one of `redis_prefixes`; the first is `redis_prefix` too. `redis_keys` is how many
    there are in all numbered databases, `redis_bytes` the memory that they take; None where Redis did not tell in time.
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
    redis_prefixes: tuple[str, ...] = ()
    extensions: tuple[str, ...] | None = ()
    kept: tuple[str, ...] = ()
    declared: bool = True
    redis_keys: int | None = None
    redis_bytes: int | None = None


@dataclass(frozen=True)
class Applications:
    """Every application that the server knows; `advice` is what deserves a look, each with its command."""

    stack: str
    applications: tuple[ApplicationInfo, ...]
    advice: tuple[str, ...] = ()


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
