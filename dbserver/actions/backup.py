"""backup, checkpoint, verify: backups made and proved."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from dbserver import contract, locks
from dbserver.backups import (
    archive,
    everything,
    evidence,
    making,
    manifest,
    proof,
    redis_filling,
    redis_making,
    redis_moment,
    replaced,
)
from dbserver.backups.making import Wanted
from dbserver.backups.showing import shown
from dbserver.backups.store import Backup, Store
from dbserver.declared import Declared
from dbserver.errors import DbServerError, unforeseen
from dbserver.postgres.server import Server
from dbserver.redis.server import Server as RedisServer
from dbserver.registry import one
from dbserver.results.backups import BackedUp, BackupInfo, Checkpoint, Failure, Verified


def backup(declared: Declared, name: str, wanted: Wanted) -> BackedUp:
    """Back up one application. `wanted` says how; its names are filled in.

    Raises LockedError while another operation works on the application.
    """
    application = one(declared, name)
    wanted = replace(wanted, application=name, database=application.database)
    kept = store(declared)
    made, removed = _made(declared, wanted.subject, partial(making.make, server(declared), kept, wanted))
    return BackedUp(declared.stack, str(kept.directory), (shown(made),), removed=removed)


def backup_all(declared: Declared, wanted: Wanted) -> BackedUp:
    """Back up every database, found by itself, and the roles and settings; one that fails stops none of the others."""
    running, kept = server(declared), store(declared)
    running.answer()
    todo: dict[str, Callable[[], Backup]] = {
        each.subject: partial(making.make, running, kept, each) for each in everything.found(running, wanted)
    }
    todo[everything.SUBJECT] = partial(everything.make_globals, running, kept, wanted)
    made: list[BackupInfo] = []
    failed: list[Failure] = []
    removed: list[str] = []
    for subject, make in todo.items():
        try:
            done, gone = _made(declared, subject, make)
            made.append(shown(done))
            removed += gone
        except Exception as fault:  # noqa: BLE001  whatever one application has in its database, the others are backed up
            failed.append(Failure(subject, _said(fault)))
    return BackedUp(declared.stack, str(kept.directory), tuple(made), tuple(failed), tuple(removed))


def _said(fault: Exception) -> str:
    if isinstance(fault, DbServerError):
        return fault.message
    return str(fault) if isinstance(fault, OSError) else unforeseen(fault)


def checkpoint(declared: Declared, name: str, wanted: Wanted) -> Checkpoint:
    """Back up one application and prove the backup. Raises DbServerError where either fails."""
    made = backup(declared, name, wanted).backups[0]
    proved = verify(declared, made.id)
    if not proved.well:
        raise DbServerError(f"{made.id} is damaged: {'; '.join(proved.faults[:3])}", "look at the disk: dmesg")
    return Checkpoint(declared.stack, shown(store(declared).one(made.id)))


def backup_redis(declared: Declared, wanted: redis_making.Wanted, at: str = "") -> BackedUp:
    """Back up all of Redis, or what it held at a moment.

    Raises LockedError while another operation works on its backups.
    """
    kept = store(declared)
    redis(declared).answer()
    with locks.held(f"{declared.stack}.{redis_making.SUBJECT}", "backup --redis"):
        if at:
            made = redis_moment.make(redis(declared), kept, at, wanted).backup
        else:
            redis_filling.clean_up(redis(declared))
            made = redis_making.make(redis(declared), kept, wanted)
    return BackedUp(declared.stack, str(kept.directory), (shown(made),))


def verify(declared: Declared, name: str, identity: Path | None = None) -> Verified:
    """Prove a backup's bytes by its checksums, and its structure by reading all of it with pg_restore.

    That of Redis is read with redis-check-rdb, that of an encrypted one only with a key.
    """
    began = time.monotonic()
    found = store(declared).one(name)
    readable = not found.manifest.recipients or identity is not None
    faults = proof.differences(found)
    if readable and not faults:
        faults = list(_structure(declared, found, identity))
    evidence.note(found, faults)
    return Verified(declared.stack, name, tuple(faults), round(time.monotonic() - began, 2), structure_read=readable)


def store(declared: Declared) -> Store:
    """Return the stack's backup directory."""
    return Store(Path(declared.backup_directory), declared.backup_recipients)


def server(declared: Declared) -> Server:
    """Return the stack's PostgreSQL."""
    return Server(declared.containers[contract.POSTGRES], declared.admin)


def redis(declared: Declared) -> RedisServer:
    """Return the stack's Redis."""
    return RedisServer(declared.containers[contract.REDIS], declared.admin)


def _made(declared: Declared, subject: str, make: Callable[[], Backup]) -> tuple[Backup, tuple[str, ...]]:
    """Return the backup, and which databases that restores had replaced are removed now that there is one."""
    with locks.held(f"{declared.stack}.{subject}", "backup"):
        return make(), replaced.expire(server(declared), subject)


def _structure(declared: Declared, found: Backup, identity: Path | None) -> Sequence[str]:
    """Return what is wrong inside. Raises NotRunningError without a server: that is no fault of the backup."""
    if found.manifest.kind == manifest.SERVER:
        return everything.complete(found.directory)
    if found.manifest.kind == manifest.REDIS:
        redis(declared).answer()
        return redis_making.structure(redis(declared), found)
    running = server(declared)
    running.answer()
    return archive.faults(running.container, found, identity)
