"""What the verb on the schedule returns. Times are in ISO form with their zone."""

from dataclasses import dataclass

from dbserver.errors import Exit


@dataclass(frozen=True)
class Run:
    """A scheduled run that has ended. `failed` are what was not backed up, each with the reason."""

    began: str
    ended: str
    made: int
    failed: tuple[str, ...]


@dataclass(frozen=True)
class Schedule:
    """When backups are made by themselves; `fields` is empty where they are not.

    `mechanism` is systemd or cron, `missed` the run that should have been and was not, `tell` who is told of each run:
    a command, or a URL that gets it as JSON. `ran` is whether this was a run itself.
    """

    stack: str
    fields: str = ""
    meaning: str = ""
    mechanism: str = ""
    following: str = ""
    missed: str = ""
    tell: str = ""
    last: Run | None = None
    ran: bool = False

    @property
    def well(self) -> bool:
        """False where the last run failed, or one did not happen."""
        return not self.missed and not (self.last and self.last.failed)

    @property
    def unwell(self) -> Exit:
        """That of the run itself, or of what is found."""
        return Exit.FAILED if self.ran else Exit.UNHEALTHY
