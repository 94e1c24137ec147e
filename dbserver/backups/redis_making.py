"""A backup of Redis: its whole content as one file, taken by its own redis-cli, proved, then given its name."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dbserver import execute
from dbserver.backups import manifest as manifests
from dbserver.backups import proof
from dbserver.backups.making import cause
from dbserver.backups.manifest import Manifest
from dbserver.backups.store import Backup, Store
from dbserver.errors import DbServerError, RefusedError
from dbserver.redis import dump, settings
from dbserver.redis.server import Server, actual_settings, is_open

SUBJECT = manifests.subject(manifests.REDIS)
ROWS = "redis"


@dataclass(frozen=True)
class Wanted:
    """What the pipeline says of a backup."""

    colour: str = ""
    revision: str = ""
    note: str = ""


@dataclass(frozen=True)
class Past:
    """A throwaway that holds what the server held at a moment."""

    server: Server
    moment: datetime


def make(server: Server, kept: Store, wanted: Wanted, past: Past | None = None) -> Backup:
    """Back up everything that the server holds, or did in the past. The caller holds the subject's lock.

    Raises DbServerError, with the cause in one line; then nothing that looks
    like a backup is left. The server must be no replica: RefusedError.
    """
    kept.remove_left_behind(SUBJECT)
    began, moment = time.monotonic(), past.moment if past else datetime.now(UTC)
    version = server.answer()["redis_version"]
    refuse_replica(server)
    properties = _properties(server)
    with kept.new(SUBJECT, moment) as partial:
        _take(past.server if past else server, partial / dump.FILE)
        found = check(server, partial / dump.FILE)
        rows, expires = _counted(partial / dump.FILE, found)
        manifest = Manifest(
            kind=manifests.REDIS,
            application="",
            database="",
            server_version=version,
            server_major=int(version.partition(".")[0]),
            **proof.made(partial, moment, began),
            colour=wanted.colour,
            revision=wanted.revision,
            note=wanted.note,
            database_size=found.used_memory,
            rows=rows,
            properties={**properties, "expires": expires, "expiring_fields": found.expiring},
        )
        return kept.finish(partial, manifest)


def check(server: Server, path: Path) -> dump.Content:
    """Read the whole file with redis-check-rdb. Raises DbServerError where it is damaged.

    RefusedError where this server is too old for it.
    """
    done = execute.run(dump.check(server.container, str(path)), timeout=dump.TRANSFER_SECONDS, check=False)
    if done.succeeded:
        return dump.content(done.stdout)
    reason = dump.fault(done.stdout or done.stderr)  # it prints its findings as what it was asked for
    if "RDB format version" in reason:
        raise RefusedError(f"{path.parent.name} is of a newer Redis: {reason}", "choose a newer redis.image")
    raise DbServerError(f"{path.parent.name} is damaged: {reason}", "take another one")


def structure(server: Server, backup: Backup) -> Sequence[str]:
    """Return what is wrong with a backup's content, in words."""
    try:
        found = check(server, backup.directory / dump.FILE)
        rows, _ = _counted(backup.directory / dump.FILE, found)
    except DbServerError as fault:
        return [fault.message]
    wanted = [tuple(row) for row in backup.manifest.rows]
    return [] if list(rows) == wanted else ["it holds other numbers of keys than its manifest says"]


def refuse_replica(server: Server) -> None:
    """Raise RefusedError where the server follows another one: its content is not its own."""
    info = server.info("replication")
    if info.get("role") != "master":
        master = f"{info.get('master_host')}:{info.get('master_port')}"
        hint = "./scripts/dbserver redis-cli -- REPLICAOF NO ONE"
        raise RefusedError(f"{server.container} is a replica of {master}", hint)


def persistence(server: Server) -> settings.Persistence:
    """Return how the server keeps its data."""
    return settings.persistence_of(actual_settings(server, {"appendonly": "", "save": ""}))


def _properties(server: Server) -> dict[str, Any]:
    actual = actual_settings(server, {"appendonly": "", "save": "", "maxmemory": ""})
    return {
        "persistence": settings.persistence_of(actual),
        "access": "open" if is_open(server) else "password",
        "maxmemory": int(actual["maxmemory"]),
    }


def _take(server: Server, path: Path) -> None:
    server.command(*dump.AT_ONCE)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        with execute.held(server.taking(), file, server.environment) as program:
            done = program.wait()
        length = dump.transferred(done.output)
        if not done.succeeded or length is None or os.fstat(file.fileno()).st_size < length:
            raise DbServerError(f"{SUBJECT} was not backed up: {_reason(done)}", "mend the cause, try again")
        file.truncate(length)
        os.fsync(file.fileno())


def _reason(done: execute.Finished) -> str:
    """Return the last thing that redis-cli said, which is what went wrong; before it told of its progress."""
    lines = [line for line in done.output.splitlines() if line.strip()]
    return cause("\n".join(lines[-1:]))


def _counted(path: Path, found: dump.Content) -> tuple[tuple[tuple[str, str, int], ...], dict[str, int]]:
    """Return the keys of each database as the file itself has them, and how many of them expire."""
    rows, expires = [], {}
    with path.open("rb") as file:
        for database, offset in sorted(found.offsets.items()):
            file.seek(offset)
            counted = dump.sizes(file.read(dump.HEAD_BYTES))
            if counted is None:
                raise DbServerError(f"{path.parent.name}: database {database} does not tell its size", "report it")
            rows.append((ROWS, f"db{database}", counted[0]))
            expires[f"db{database}"] = counted[1]
    if sum(number for _, _, number in rows) != found.keys:
        raise DbServerError(f"{path.parent.name}: {found.keys} keys were read, its databases say others", "try again")
    return tuple(rows), expires
