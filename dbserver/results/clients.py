"""Who is connected."""

from dataclasses import dataclass
from typing import ClassVar

from dbserver.errors import Exit


@dataclass(frozen=True)
class Client:
    """The connections of one container to one server, counted by what they do.

    `container` is empty for the host and for an address that no container has; `origin` says which. An idle
    connection is one of a pool: it counts like any other. `oldest_transaction_seconds` is 0 without one.
    """

    server: str
    application: str
    container: str
    colour: str
    origin: str
    address: str
    total: int
    active: int
    idle: int
    idle_in_transaction: int
    waiting_for_locks: int
    oldest_transaction_seconds: float

    @property
    def shown(self) -> str:
        """Its name for people."""
        colour = f" ({self.colour})" if self.colour else ""
        return f"{self.container or self.origin}{colour}"


@dataclass(frozen=True)
class ApplicationUse:
    """An application's connections to PostgreSQL against its role's limit."""

    name: str
    connections: int
    connection_limit: int


@dataclass(frozen=True)
class Connections:
    """Who is connected. `used` and `max_connections` are PostgreSQL's; `faults` are the servers that did not tell."""

    stack: str
    used: int
    max_connections: int
    applications: tuple[ApplicationUse, ...]
    clients: tuple[Client, ...]
    redis_clients: int
    redis_max_clients: int
    faults: tuple[str, ...] = ()

    unwell: ClassVar[Exit] = Exit.UNHEALTHY

    @property
    def well(self) -> bool:
        """True where both servers told who is connected."""
        return not self.faults


@dataclass(frozen=True)
class Drained:
    """Whether a colour of an application is gone from both servers; `left` is who is still connected."""

    stack: str
    application: str
    colour: str
    seconds: float
    left: tuple[Client, ...]

    @property
    def well(self) -> bool:
        """True where no connection is left."""
        return not self.left
