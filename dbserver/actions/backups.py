"""backups: what is in the backup directory. It is looked into alone, so that listing thousands is quick."""

from pathlib import Path

from dbserver.backups.showing import shown
from dbserver.backups.store import Store
from dbserver.declared import Declared
from dbserver.results.backups import BackupInfo, Backups


def backups(declared: Declared, subject: str | None) -> Backups:
    """Return the backups, of one application or of all, oldest first."""
    kept = Store(Path(declared.backup_directory))
    found: list[BackupInfo] = []
    broken: list[str] = []
    for name, backup in kept.each(f"{subject}_" if subject else ""):
        if backup and subject in (None, backup.manifest.subject):
            found.append(shown(backup))
        elif backup is None and subject is None:
            broken.append(name)
    found.sort(key=lambda backup: (backup.started, backup.id))
    return Backups(declared.stack, str(kept.directory), tuple(found), tuple(broken))
