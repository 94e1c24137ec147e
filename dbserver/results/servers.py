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


@dataclass(frozen=True)
class Finding:
    """One cause that doctor found.

    `cause` is its name in docs/how-to/troubleshooting.md, `issue` the integration document's name for what its users
    see; `server` is `postgres`, `redis` or `host`; `severity` is `fault` or `warning`: that harms nobody yet; `command`
    mends it; `evidence` are the lines that show it.
    """

    cause: str
    issue: str
    server: str
    severity: str
    what: str
    command: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class Diagnosis:
    """What doctor found, faults first. `looked_at` is what it saw, `not_seen` what it could not."""

    stack: str
    findings: tuple[Finding, ...]
    looked_at: tuple[str, ...] = ()
    not_seen: tuple[str, ...] = ()

    @property
    def well(self) -> bool:
        """True where nothing is broken; warnings do not count."""
        return all(finding.severity == "warning" for finding in self.findings)
