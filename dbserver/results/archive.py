"""What the verbs on the archive return. Times are in ISO form, in UTC."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from dbserver.errors import Exit


@dataclass(frozen=True)
class ReachableTime:
    """Every second from `start` to `end` comes back."""

    start: str
    end: str


def reachable(start: datetime, end: datetime) -> ReachableTime:
    """Return the times as they are shown, to the second."""
    return ReachableTime(*(moment.isoformat(timespec="seconds") for moment in (start, end)))


@dataclass(frozen=True)
class BaseBackup:
    """A base backup, complete and verified at `at`; `size_bytes` is what it takes on the disk."""

    at: str
    incremental: bool
    size_bytes: int | None = None


@dataclass(frozen=True)
class Archive:
    """The continuous archive as it stands.

    `streaming` tells whether the log arrives; `lag_bytes` of it are not there yet, which began `lag_seconds` ago; None
    where the server does not tell. `kept` is PostgreSQL's word for whether the server still keeps them, `room_bytes`
    how many more it will keep; None without a limit. `fault` says what is wrong, `differences` what of the container is
    not as declared.
    """

    stack: str
    container: str
    state: str
    directory: str
    keep_seconds: int
    schedule: str
    synchronous: bool
    streaming: bool = False
    lag_bytes: int | None = None
    lag_seconds: float | None = None
    kept: str = ""
    room_bytes: int | None = None
    size_bytes: int = 0
    windows: tuple[ReachableTime, ...] = ()
    base_backups: tuple[BaseBackup, ...] = ()
    fault: str = ""
    differences: tuple[str, ...] = ()

    unwell: ClassVar[Exit] = Exit.UNHEALTHY

    @property
    def well(self) -> bool:
        """True where the log arrives and there is a base backup to begin with."""
        return not self.fault
