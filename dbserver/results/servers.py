"""What the verbs on the servers return."""

from dataclasses import dataclass

from dbserver.results.status import Status


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
class Away:
    """How long a restarted server gave no answer to a client on its published port; None where it has none here."""

    server: str
    container: str
    seconds: float | None


@dataclass(frozen=True)
class Restarted:
    """The servers after a restart. `disconnected` are the application containers that were connected."""

    stack: str
    servers: tuple[Away, ...]
    disconnected: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class LogLine:
    """One line of a server's log. `time` is Docker's, in UTC."""

    server: str
    time: str
    line: str
