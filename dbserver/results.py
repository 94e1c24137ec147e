"""What verbs return: frozen, so that rendering cannot change what happened."""

from dataclasses import asdict, dataclass
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


def as_dict(result: Any) -> dict[str, Any]:
    """Return a result for JSON, with its verdict."""
    content = asdict(result)
    for name in ("well",):
        if hasattr(result, name):
            content[name] = getattr(result, name)
    return content
