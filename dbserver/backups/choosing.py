"""Which backup somebody means: by its id, its path, `latest`, or the documented name with a day."""

import re
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from dbserver.backups.store import TIME, Backup, Store
from dbserver.errors import UsageError

LATEST = "latest"
DOCUMENTED = "backups"
# The integration document's name of a backup: backups/<application>_YYYY-MM-DD.sql.
OF_A_DAY = re.compile(r"(?P<subject>.+)_(?P<day>\d{4}-\d{2}-\d{2})\.sql")


def choose(store: Store, subject: str, text: str) -> Backup | Path:
    """Return the backup, or the file of elsewhere.

    Raises UsageError where there is none of this application, DbServerError
    for a damaged one.
    """
    known = store.of(subject)
    if text == LATEST:
        return _newest(store, known, subject, f"{subject} has no backup")
    path = Path(text)
    documented = OF_A_DAY.fullmatch(path.name)
    if path.is_dir() and path.resolve().parent == store.directory.resolve():
        return _own(store.one(path.resolve().name), subject)
    if path.exists():
        return path
    if not _means(store, path.parent):
        raise UsageError(f"there is no file {text}", "is its disk mounted? else: ./scripts/dbserver backups")
    if documented and documented["subject"] == subject:
        of_day = [backup for backup in known if local_day(backup) == documented["day"]]
        return _newest(store, of_day, subject, f"{subject} has no backup of {documented['day']}")
    return _own(store.one(text), subject)


def local_day(backup: Backup) -> str:
    """Return the day on which a backup was made, as the operator's clock has it."""
    return datetime.fromisoformat(backup.manifest.started).astimezone().strftime("%Y-%m-%d")


def stamped(name: str) -> datetime | None:
    """Return when a backup was made, as its name says; None for what is no backup's name."""
    with suppress(ValueError):
        return datetime.strptime(name.rpartition("_")[2], TIME).replace(tzinfo=UTC)
    return None


def _means(store: Store, directory: Path) -> bool:
    """False where a name stands in another directory than the documented ones: that file was meant, and is missing."""
    return directory in (Path(), Path(DOCUMENTED)) or directory.resolve() == store.directory.resolve()


def _newest(store: Store, known: list[Backup], subject: str, missing: str) -> Backup:
    if not known:
        raise UsageError(f"{missing} in {store.directory}", f"./scripts/dbserver backups {subject}")
    return known[-1]


def _own(backup: Backup, subject: str) -> Backup:
    if backup.manifest.subject != subject:
        hint = f"./scripts/dbserver backups {subject}"
        raise UsageError(f"{backup.id} is a backup of {backup.manifest.subject}, not of {subject}", hint)
    return backup
