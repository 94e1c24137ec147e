"""restore --at, --before-transaction: a backup of one application as it was, from the archive."""

from collections.abc import Callable
from pathlib import Path

from dbserver import locks, moment
from dbserver.archive import recovering
from dbserver.archive.recovering import Way
from dbserver.backups import filling, making
from dbserver.backups.making import Wanted
from dbserver.backups.store import Backup, Store
from dbserver.declared import Declared
from dbserver.errors import UsageError
from dbserver.registry import one

VERB = "restore --at"


def bring_back(
    declared: Declared, name: str, at: str, before: int | None, jobs: int, tell: Callable[[str], None]
) -> Backup:
    """Back up an application's database as it was at a moment, or just before a transaction; nothing live is touched.

    The backup says as of when it is, and is restored as every other. Raises UsageError where the archive does not
    reach there, or the database did not exist then.
    """
    application = one(declared, name)
    with locks.held(f"{declared.stack}.moment", VERB):
        way = recovering.find(declared, at, before)
        tell(f"a throwaway server is recovered to {way.words}, from the base backup of {_begun(way)}")
        with recovering.recovered(declared, way, tell, stays=False) as past:
            if not filling.exists(past.server, application.database):
                raise UsageError(f"there was no database {application.database} {way.words}", "take another moment")
            tell(f"reached: the last transaction of {moment.written(past.reached)}; backing up {application.database}")
            note = f"from the archive, as of {way.words}"
            wanted = Wanted(application.database, name, note=note, jobs=jobs, moment=past.reached)
            with locks.held(f"{declared.stack}.{wanted.subject}", VERB):
                return making.make(
                    past.server, Store(Path(declared.backup_directory), declared.backup_recipients), wanted
                )


def _begun(way: Way) -> str:
    return moment.written(way.bases[-1].at)
