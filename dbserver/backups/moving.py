"""Everything of one server into a new one, of another version: roles, databases, settings; each compared."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dbserver.backups import archive, everything, filling, proof
from dbserver.backups.filling import Target
from dbserver.backups.making import Wanted, cause
from dbserver.backups.store import Backup
from dbserver.errors import DbServerError, RefusedError
from dbserver.postgres import properties, sql, upgrading
from dbserver.postgres.server import Server

SESSION = "dbserver-upgrade"


@dataclass(frozen=True)
class Database:
    """A database to move: what it is a backup of, its bytes on disk, whether restores have put it beside."""

    wanted: Wanted
    size: int
    beside: bool

    @property
    def name(self) -> str:
        """Its name."""
        return self.wanted.database


def databases(server: Server, jobs: int, note: str) -> list[Database]:
    """Return every database of a server but its templates. Nothing is written: the door may be closed."""
    rows = json.loads(server.query(upgrading.DATABASES, server.admin))
    return [
        Database(Wanted(row["database"], row["application"] or "", note=note, jobs=jobs), row["size"], row["beside"])
        for row in rows
    ]


def refuse_obstacles(server: Server) -> None:
    """Raise RefusedError where something stands in the way that no backup holds."""
    found = filling.answer(server, upgrading.OBSTACLES)
    if server.query(upgrading.OWN_OBJECTS, "template1") != "0":
        found.append("template1 holds objects of its own")
    if found:
        raise RefusedError(f"an upgrade would lose: {'; '.join(found)}", "end or remove them first, then again")


def extensions(server: Server, database: str) -> list[str]:
    """Return the extensions of a database."""
    return list(json.loads(server.query(sql.EXTENSIONS, database)))


def missing(server: Server, names: Sequence[str]) -> tuple[str, ...]:
    """Return those of these extensions that a server cannot install."""
    return tuple(json.loads(server.query(upgrading.missing(names))))


def refuse_damaged(backup: Backup) -> None:
    """Raise DbServerError where a backup's bytes are not those that were written."""
    faults = proof.differences(backup)
    if faults:
        raise DbServerError(f"{backup.id} is damaged: {'; '.join(faults[:3])}", "take another one")


def fill_globals(server: Server, backup: Backup) -> None:
    """Make the roles of a backup, with their password verifiers and memberships, in a new server."""
    refuse_damaged(backup)
    text = (backup.directory / everything.GLOBALS).read_bytes().decode()
    if not text.rstrip().endswith(everything.COMPLETE):
        # Older backups have settings of databases there, which their own backups have too.
        text = text.partition(everything.COMPLETE)[0]
    done = server.attempt(upgrading.globals_of(text, server.admin), "postgres")
    if not done.succeeded:
        raise DbServerError(f"the roles were not restored: {cause(done.output)}", "./scripts/dbserver backup --all")


def fill(server: Server, backup: Backup, target: Target, jobs: int, identity: Path | None) -> list[str]:
    """Restore a database under a name for the time being, prove its rows and its properties; return what is newer.

    Raises DbServerError where anything of it fails or differs.
    """
    refuse_damaged(backup)
    filling.refuse(server, backup, int(server.answer()["major"]), filling.room(server))
    filling.fill(server, backup, archive.of(backup, identity), target, jobs)
    found = filling.answer(server, properties.read(target.name), target.name)
    wrong, newer = upgrading.differing(backup.manifest.properties, found["properties"])
    if wrong:
        raise DbServerError(f"{target.application} is not as it was: {', '.join(wrong)}", "report it")
    return newer


def give_names(server: Server, names: Sequence[tuple[str, str]], settings: str = "") -> None:
    """Give the restored databases their names, the administrator's own last: what notes them is in it."""
    ordered = sorted(names, key=lambda pair: pair[1] == server.admin)
    for temporary, name in ordered:
        filling.ask(server, upgrading.take_name(temporary, name), "template1")
    filling.ask(server, settings, "template1")


def settings_in_databases(server: Server, names: Collection[str]) -> str:
    """Return the statements for every setting that belongs to one of these databases, or to a role in one."""
    stored = json.loads(server.query(properties.STORED_IN_DATABASES))
    return properties.settings_in_databases([entry for entry in stored if entry["database"] in names])


def roles(server: Server) -> dict[str, Any]:
    """Return all roles as they are, with their verifiers."""
    return dict(json.loads(server.query(upgrading.ROLES)))


def refuse_other_roles(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Raise DbServerError where roles, memberships or settings of roles are not as they were."""
    found = upgrading.roles_differing(before, after)
    if found:
        raise DbServerError(f"not as it was: {', '.join(found[:5])}", "report it; the running server is as it was")
