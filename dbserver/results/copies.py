"""What is known here of the copies elsewhere. Times are UTC in ISO form."""

from dataclasses import dataclass


@dataclass(frozen=True)
class OffsiteRun:
    """A push that has ended. `failed` is what was not copied, each with the reason."""

    began: str
    ended: str
    pushed: int
    failed: tuple[str, ...]


@dataclass(frozen=True)
class OffsiteState:
    """What is known here of the copies. `waiting` are the newest backups that should have been copied long ago."""

    url: str
    last: OffsiteRun | None = None
    waiting: tuple[str, ...] = ()

    @property
    def well(self) -> bool:
        """False where the last push failed, or one is missing."""
        return not self.waiting and not (self.last and self.last.failed)
