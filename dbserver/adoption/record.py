"""What is kept of an adoption until it is finished or undone: where it stands, and all that the way back needs.

It holds verifiers of passwords, so it is its user's alone.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from dbserver import contract
from dbserver.errors import DbServerError

# In this order; before SWAPPING nothing of the installation has been touched.
SWAPPING, ADOPTED, GOING_BACK = "swapping", "adopted", "going back"


@dataclass(frozen=True)
class Old:
    """A container of elsewhere: its name, its id, and what it has to get back before it is started."""

    name: str
    id: str
    restart_policy: str
    pids: int
    compose_directory: str = ""

    @property
    def kept(self) -> str:
        """Its name while the stack's own has its name."""
        return self.name + contract.KEPT_SUFFIX


@dataclass(frozen=True)
class Record:
    """One adoption. `before` is what proves that nothing is lost, `scripts` is database -> what puts it back."""

    stack: str
    step: str
    olds: Mapping[str, Old]
    before: Mapping[str, Any]
    scripts: Sequence[tuple[str, str]]
    backups: Sequence[str] = ()
    ports: Mapping[str, int] = field(default_factory=dict)
    admin: str = ""

    def at(self, step: str) -> "Record":
        """Return the same at another step."""
        return replace(self, step=step)


def path_of(directory: Path, stack: str) -> Path:
    """Return where a stack's record is."""
    return directory / "adoption" / f"{stack}.json"


def read(path: Path) -> Record | None:
    """Return the record; nothing where no adoption is under way. Raises DbServerError for one that is damaged."""
    try:
        found = json.loads(path.read_text())
        olds = {server: Old(**old) for server, old in found.pop("olds").items()}
        scripts = [(database, script) for database, script in found.pop("scripts")]
        return Record(**found, olds=olds, scripts=scripts)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise DbServerError(f"{path} cannot be read", "look at it; without it there is no way back by itself") from None


def write(path: Path, record: Record) -> Record:
    """Put the record on the disk in one rename, and return it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(asdict(record), file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    return record
