"""What the verbs return that say which backups stay. Times are UTC in ISO form, sizes bytes."""

from dataclasses import dataclass

from dbserver.errors import Exit
from dbserver.results.backups import Failure


@dataclass(frozen=True)
class Judged:
    """A backup that prune judged. `reason` is what keeps it, or why it goes."""

    id: str
    subject: str
    kept: bool
    reason: str
    size_bytes: int


@dataclass(frozen=True)
class OldDatabase:
    """A database that a restore replaced and kept; `kept` is whether it is young enough to stay."""

    name: str
    application: str
    kept: bool
    since: str
    size_bytes: int


@dataclass(frozen=True)
class Pruned:
    """What stays and what went, or with `dry_run` would go. `failed` is of which not everything was done.

    `not_seen` is why nobody knows which databases were replaced: the server does not answer.
    """

    stack: str
    directory: str
    dry_run: bool
    backups: tuple[Judged, ...]
    databases: tuple[OldDatabase, ...]
    failed: tuple[Failure, ...] = ()
    not_seen: str = ""

    @property
    def well(self) -> bool:
        """True where everything was looked at and nothing failed."""
        return not self.failed and not self.not_seen

    @property
    def unwell(self) -> Exit:
        """Where something failed its own, else that of a server that does not answer."""
        return Exit.FAILED if self.failed else Exit.UNHEALTHY


@dataclass(frozen=True)
class Pinned:
    """A backup that prune keeps whatever the rules say, or no longer."""

    stack: str
    id: str
    pinned: bool
