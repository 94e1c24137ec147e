"""What of a copy that is not finished is there already: noted here after each object, so that none is sent twice."""

import hashlib
import json
import os
from pathlib import Path

from dbserver import cleaning
from dbserver.engine import backend
from dbserver.offsite.copies import Sealed
from dbserver.offsite.place import Place


class Journal:
    """The notes on one copy. They hold for its place and its recipients: for others it begins anew."""

    def __init__(self, stack: str, name: str, place: Place) -> None:
        key = json.dumps([place.url, place.endpoint, place.recipients])
        self._path = directory(stack) / f"{name}.{hashlib.sha256(key.encode()).hexdigest()[:16]}"

    def read(self) -> dict[tuple[str, str], Sealed]:
        """Return what was noted, by its name and the checksum of what is sealed in it; a line cut off was not."""
        found = {}
        lines = cleaning.lines(self._path.read_text()) if self._path.exists() else []
        for line in lines:
            try:
                digest, *words = json.loads(line)
                sealed = Sealed(*words)
            except (ValueError, TypeError):
                continue
            found[sealed.name, digest] = sealed
        return found

    def note(self, sealed: Sealed, digest: str) -> None:
        """Note an object that has arrived, and the checksum of its plain content."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w") as file:
            file.write(json.dumps([digest, *sealed]) + "\n")

    def forget(self) -> None:
        """The copy is finished."""
        self._path.unlink(missing_ok=True)


def directory(stack: str) -> Path:
    """Return where the notes of a stack are."""
    return backend.STATE / "offsite" / stack
