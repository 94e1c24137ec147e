"""What is known of a backup since it was made: when it was proved, and what was found wrong with it."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dbserver.backups.store import VERIFIED, Backup, Store
from dbserver.errors import DbServerError

NOTED_FAULTS = 10


@dataclass(frozen=True)
class Evidence:
    """When a backup was found whole, or empty; whether the last look found it damaged."""

    verified: str = ""
    damaged: bool = False


def note(backup: Backup, faults: Sequence[str]) -> None:
    """Note that a backup was proved, or what is wrong with it.

    Raises DbServerError where the proof cannot be written; faults are told by the caller in any case.
    """
    path = backup.directory / VERIFIED
    found = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "faults": list(faults[:NOTED_FAULTS])}
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(found, file)
    except OSError as fault:
        if faults:
            return
        raise DbServerError(f"{path} cannot be written: {fault.strerror}", "look at its owner") from None


def of(backup: Backup) -> Evidence:
    """Return what the last look at a backup found; one that nobody looked at is not known to be damaged."""
    try:
        found = json.loads((backup.directory / VERIFIED).read_text())
        faults = bool(found.get("faults"))
        return Evidence("" if faults else str(found["at"]), faults)
    except (OSError, ValueError, AttributeError, KeyError):
        return Evidence()


def damaged(directory: Path) -> tuple[tuple[str, str], ...]:
    """Return subject and id of each newest backup that the last look found damaged."""
    newest = Store(directory).newest()
    return tuple((found.manifest.subject, found.id) for found in newest if of(found).damaged)
