"""A backup as the verbs show it."""

from datetime import UTC, datetime

from dbserver.backups import evidence
from dbserver.backups.store import Backup
from dbserver.results.backups import BackupInfo


def shown(found: Backup) -> BackupInfo:
    """Return a backup as it is shown."""
    known, proved = found.manifest, evidence.of(found)
    started = datetime.fromisoformat(known.started)
    return BackupInfo(
        id=found.id,
        subject=known.subject,
        kind=known.kind,
        database=known.database,
        started=known.started,
        age_seconds=int((datetime.now(UTC) - started).total_seconds()),
        size_bytes=known.size,
        duration_seconds=known.duration_seconds,
        rows=sum(number for _, _, number in known.rows),
        colour=known.colour,
        revision=known.revision,
        note=known.note,
        pinned=found.pinned,
        encrypted=bool(known.recipients),
        verified=proved.verified,
        damaged=proved.damaged,
    )
