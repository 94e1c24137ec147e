"""What upgrades to another major version return. Times are UTC in ISO form, sizes bytes, durations seconds."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RehearsedDatabase:
    """A database's newest backup, restored into the new version.

    `missing_extensions` are those that its image lacks, `differences` what is another there and harms nobody; `fault`
    is why it could not be restored.
    """

    database: str
    backup: str
    age_seconds: int
    seconds: float
    rows: int
    missing_extensions: tuple[str, ...]
    differences: tuple[str, ...]
    fault: str


@dataclass(frozen=True)
class Rehearsal:
    """An upgrade that was rehearsed; nothing was changed.

    `not_rehearsed` are databases that restores have put beside the applications' own: no backup of them is needed, the
    upgrade moves them too. `faults` are those of the whole server.
    """

    stack: str
    version: str
    image: str
    new_version: str
    databases: tuple[RehearsedDatabase, ...]
    not_rehearsed: tuple[str, ...]
    faults: tuple[str, ...]
    seconds: float

    @property
    def well(self) -> bool:
        """True where everything could be restored."""
        return not self.faults and not any(each.fault for each in self.databases)


@dataclass(frozen=True)
class MovedDatabase:
    """A database in the new version. `seconds` are for its backup and its restore."""

    database: str
    backup: str
    rows: int
    seconds: float
    differences: tuple[str, ...]


@dataclass(frozen=True)
class Upgraded:
    """The server in its new version.

    `kept` is the directory of the one before, empty where it is not known; `away_seconds` is how long nobody could
    write. `databases` is empty where an upgrade that was interrupted after its swap was only finished.
    """

    stack: str
    image: str
    version: str
    databases: tuple[MovedDatabase, ...]
    kept: str
    away_seconds: float
    seconds: float


@dataclass(frozen=True)
class UpgradeUndone:
    """The server as it was before an upgrade; `kept` is the directory of the newer version, empty without one."""

    stack: str
    image: str
    version: str
    kept: str
    seconds: float
