"""What the verbs on copies elsewhere return. Times are UTC in ISO form, sizes bytes."""

from dataclasses import dataclass

from dbserver.results.archive import ReachableTime
from dbserver.results.backups import Failure
from dbserver.results.keeping import Judged


@dataclass(frozen=True)
class OffsitePushed:
    """Which backups were copied, and how many bytes were sent for it; what was there before is not among them."""

    stack: str
    url: str
    pushed: tuple[str, ...]
    sent_bytes: int
    seconds: float
    failed: tuple[Failure, ...] = ()

    @property
    def well(self) -> bool:
        """True where everything is there."""
        return not self.failed


@dataclass(frozen=True)
class OffsiteCopy:
    """A copy. `size_bytes` is what was copied, `stored_bytes` what it takes there; `here` whether the backup is too."""

    id: str
    subject: str
    started: str
    size_bytes: int
    stored_bytes: int
    here: bool


@dataclass(frozen=True)
class OffsiteCopies:
    """The copies of backups, oldest first. `broken` have a damaged list of objects, `unfinished` none yet.

    Of the copied archive `windows` are the times that come back, `archive_bytes` what it takes there.
    """

    stack: str
    url: str
    copies: tuple[OffsiteCopy, ...]
    broken: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()
    windows: tuple[ReachableTime, ...] = ()
    archive_bytes: int = 0


@dataclass(frozen=True)
class OffsiteVerified:
    """How many copies were proved, and what is wrong.

    `read` is False where sizes alone were compared, `opened` True where the content was decrypted and compared with its
    manifest.
    """

    stack: str
    url: str
    copies: int
    faults: tuple[str, ...]
    seconds: float
    read: bool
    opened: bool

    @property
    def well(self) -> bool:
        """True where every object is as it was put there."""
        return not self.faults


@dataclass(frozen=True)
class OffsitePruned:
    """Which copies stay and which went, or with `dry_run` would go."""

    stack: str
    url: str
    dry_run: bool
    copies: tuple[Judged, ...]
    broken: tuple[str, ...] = ()


@dataclass(frozen=True)
class OffsiteFetched:
    """A backup that came back from its copy, verified; `directory` is where it is."""

    stack: str
    id: str
    directory: str
    size_bytes: int
    seconds: float


@dataclass(frozen=True)
class RescuedPart:
    """What was restored of a copy: `rows` of a database's tables, or keys of Redis."""

    subject: str
    id: str
    started: str
    rows: int


@dataclass(frozen=True)
class Rescued:
    """A server that runs again from its copies alone. `kept` is the name of a configuration that was here before."""

    stack: str
    url: str
    setup: str
    parts: tuple[RescuedPart, ...]
    fetched_bytes: int
    fetch_seconds: float
    seconds: float
    kept: str = ""
