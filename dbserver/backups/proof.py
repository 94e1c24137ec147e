"""What proves that a backup's bytes are those that were written."""

import hashlib
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

from dbserver import __version__
from dbserver.backups import store
from dbserver.backups.manifest import Part
from dbserver.backups.store import Backup
from dbserver.errors import DbServerError

THREADS = 2


def made(partial: Path, moment: datetime, began: float) -> dict[str, Any]:
    """Return what the manifest of every backup says: its name, its files, who made it, of when and for how long.

    `began` is by the monotonic clock. Raises DbServerError for a file that cannot be read.
    """
    found = parts(partial)
    return {
        "id": store.final_name(partial),
        "tool_version": __version__,
        "started": moment.isoformat(timespec="seconds"),
        "duration_seconds": round(time.monotonic() - began, 2),
        "size": sum(part.size for part in found),
        "parts": found,
    }


def parts(directory: Path) -> tuple[Part, ...]:
    """Return every file of a backup with its checksum. Raises DbServerError for one that cannot be read."""
    names = store.parts(directory)
    with ThreadPoolExecutor(THREADS) as pool:
        return tuple(pool.map(lambda name: _part(directory, name), names))


def differences(backup: Backup) -> list[str]:
    """Return what of a backup's files is not as its manifest says, in words."""
    known = {part.path: part for part in backup.manifest.parts}
    there = store.parts(backup.directory)
    faults = [f"{name} is missing" for name in known if name not in there]
    faults += [f"{name} does not belong to it" for name in there if name not in known]
    names = [name for name in there if name in known]
    with ThreadPoolExecutor(THREADS) as pool:
        found: Sequence[Part] = list(pool.map(lambda name: _part(backup.directory, name), names))
    for part in found:
        wanted = known[part.path]
        if part.size != wanted.size:
            faults.append(f"{part.path} has {part.size} bytes instead of {wanted.size}")
        elif part.sha256 != wanted.sha256:
            faults.append(f"{part.path} has another checksum")
    return faults


def _part(directory: Path, name: str) -> Part:
    path = directory / name
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return Part(name, file.tell(), digest)
    except OSError as fault:
        raise DbServerError(f"{path} cannot be read: {fault.strerror}", "look at the disk: dmesg") from None
