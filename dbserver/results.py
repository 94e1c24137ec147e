"""What verbs return: frozen, so that rendering cannot change what happened."""

from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True)
class ServerStatus:
    """One server as it stands. `answers` is the reply to a real query, or empty with `fault` saying why."""

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

    @property
    def well(self) -> bool:
        """True where the server answered."""
        return bool(self.answers)


@dataclass(frozen=True)
class Status:
    """Both servers of a stack."""

    stack: str
    servers: tuple[ServerStatus, ...]

    @property
    def well(self) -> bool:
        """True where every server answered."""
        return all(server.well for server in self.servers)


@dataclass(frozen=True)
class Started:
    """The stack after a start. `seconds` is the whole verb's duration."""

    status: Status
    seconds: float


@dataclass(frozen=True)
class Stopped:
    """The containers that were stopped, and those that did not run."""

    stack: str
    stopped: tuple[str, ...]
    not_running: tuple[str, ...]


@dataclass(frozen=True)
class ApplicationInfo:
    """One application as the server has it. `size_bytes` is its database's size on disk."""

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
    extensions: tuple[str, ...] = ()

    def with_extensions(self, extensions: tuple[str, ...]) -> "ApplicationInfo":
        """Return the same with what is installed in its database."""
        return replace(self, extensions=extensions)


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
class Dropped:
    """An application's database and role that are gone."""

    stack: str
    application: str
    database: str
    role: str
    size_bytes: int


def as_dict(result: Any) -> dict[str, Any]:
    """Return a result for JSON, with its verdict."""
    content = asdict(result)
    for name in ("well",):
        if hasattr(result, name):
            content[name] = getattr(result, name)
    return content
