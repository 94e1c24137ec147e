"""upgrade --rehearse: the newest backups in a throwaway server of another major version; nothing is changed."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from dbserver import locks, major
from dbserver.backups import everything, moving
from dbserver.backups.filling import Target
from dbserver.backups.moving import Database
from dbserver.backups.store import Backup, Store
from dbserver.declared import Declared
from dbserver.docker import beside
from dbserver.docker.images import Image
from dbserver.errors import DbServerError
from dbserver.major import VERB, Wanted
from dbserver.postgres import throwaway
from dbserver.postgres.server import Server
from dbserver.results.upgrades import Rehearsal, RehearsedDatabase


def rehearse(declared: Declared, wanted: Wanted, tell: Callable[[str], None]) -> Rehearsal:
    """Restore the newest backup of every database into a throwaway server, compare, remove it; keep the evidence."""
    began = time.monotonic()
    planned = major.plan(declared, wanted)
    with locks.held(f"{declared.stack}.{VERB}", "upgrade --rehearse"):
        major.clean_up(declared, planned.image)
        major.forget_evidence(declared)
        with major.new_server(declared, planned.image, beside.REHEARSAL) as new:
            newest = {found.manifest.subject: found for found in Store(Path(declared.backup_directory)).newest()}
            faults = list(_globals(new, newest.get(everything.SUBJECT)))
            todo = [each for each in planned.databases if not (each.beside and each.wanted.subject not in newest)]
            done = [_rehearsed(declared, new, each, newest.get(each.wanted.subject), wanted, tell) for each in todo]
            faults += _overrides(declared, new, planned.image)
            version = major.version_of(new.answer()) if not faults else ""
    result = Rehearsal(
        stack=declared.stack,
        version=planned.version,
        image=planned.name,
        new_version=version,
        databases=tuple(done),
        not_rehearsed=tuple(each.name for each in planned.databases if each not in todo),
        faults=tuple(faults),
        seconds=round(time.monotonic() - began, 1),
    )
    if result.well:
        major.keep_evidence(declared, planned.image)
    return result


def _globals(new: Server, backup: Backup | None) -> Iterator[str]:
    if backup is None:
        yield "there is no backup of the roles: ./scripts/dbserver backup --all"
        return
    try:
        moving.fill_globals(new, backup)
    except DbServerError as fault:
        yield fault.message


def _rehearsed(
    declared: Declared, new: Server, each: Database, backup: Backup | None, wanted: Wanted, tell: Callable[[str], None]
) -> RehearsedDatabase:
    began = time.monotonic()
    lacking: tuple[str, ...] = ()
    newer: list[str] = []
    fault = "" if backup else "there is no backup of it: ./scripts/dbserver backup --all"
    if backup:
        lacking = moving.missing(new, [entry["name"] for entry in backup.manifest.properties["extensions"]])
        try:
            with locks.held(f"{declared.stack}.{each.wanted.subject}", "upgrade --rehearse"):
                target = Target(f"rehearsal_{int(time.time() * 1000)}", each.name, moving.SESSION)
                newer = moving.fill(new, backup, target, wanted.jobs, wanted.identity)
        except DbServerError as refused:
            fault = refused.message
    seconds = round(time.monotonic() - began, 2)
    tell(f"{each.name}: {f'FAILED: {fault}' if fault else f'restored in {seconds} s'}")
    return RehearsedDatabase(
        database=each.name,
        backup=backup.id if backup else "",
        age_seconds=_age(backup) if backup else 0,
        seconds=seconds,
        rows=sum(number for _, _, number in backup.manifest.rows) if backup else 0,
        missing_extensions=lacking,
        differences=tuple(newer),
        fault=fault,
    )


def _overrides(declared: Declared, new: Server, image: Image) -> Iterator[str]:
    try:
        throwaway.take_overrides(new, image, major.server(declared).query(throwaway.OVERRIDES))
    except DbServerError as fault:
        yield fault.message


def _age(backup: Backup) -> int:
    return int((datetime.now(UTC) - datetime.fromisoformat(backup.manifest.started)).total_seconds())
