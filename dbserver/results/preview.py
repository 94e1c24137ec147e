"""What the verbs return that tell what a change costs."""

from dataclasses import dataclass
from typing import ClassVar

from dbserver.errors import Exit


@dataclass(frozen=True)
class Change:
    """One change of a preview.

    `cost` is `nothing`, `reload`, `restart`, `recreate` or `data at risk`. `name` is what `--allow` takes, `allowed`
    the reason that it was given. `seconds` are how long clients are expected to get no answer, `connected` the
    application containers that are connected now; None where nobody is cut off, or where the servers did not tell.
    """

    name: str
    rule: str
    resource: str
    cost: str
    what: str
    details: tuple[str, ...] = ()
    seconds: float | None = None
    connected: tuple[str, ...] | None = None
    allowed: str = ""


@dataclass(frozen=True)
class Preview:
    """Every change of a preview, the dearest first, and the dearest cost. `not_seen` is what did not tell.

    `warnings` are what the program says besides, such as what the update may fail by.
    """

    stack: str
    cost: str
    changes: tuple[Change, ...]
    not_seen: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def at_risk(self) -> tuple[Change, ...]:
        """The changes that put data at risk and that nobody allowed."""
        return tuple(change for change in self.changes if change.cost == "data at risk" and not change.allowed)

    unwell: ClassVar[Exit] = Exit.REFUSED

    @property
    def well(self) -> bool:
        """True where no data is at risk, or where that is allowed."""
        return not self.at_risk


@dataclass(frozen=True)
class Difference:
    """What of a server's container is not as declared, which the engine does not see."""

    server: str
    what: str


@dataclass(frozen=True)
class Drift:
    """What is not as declared: `changes` is what an update would do, `differences` what it would not notice.

    `down` is why a server does not answer; then the engine was not asked.
    """

    stack: str
    changes: tuple[Change, ...]
    differences: tuple[Difference, ...]
    down: tuple[str, ...]

    @property
    def well(self) -> bool:
        """True where everything is as declared."""
        return not (self.changes or self.differences or self.down)

    @property
    def unwell(self) -> Exit:
        """That of a server that does not answer, or of a difference."""
        return Exit.UNHEALTHY if self.down else Exit.FAILED
