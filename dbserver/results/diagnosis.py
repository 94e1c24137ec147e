"""What doctor returns."""

from dataclasses import dataclass
from typing import ClassVar

from dbserver.errors import Exit


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

    unwell: ClassVar[Exit] = Exit.UNHEALTHY

    @property
    def well(self) -> bool:
        """True where nothing is broken; warnings do not count."""
        return all(finding.severity == "warning" for finding in self.findings)
