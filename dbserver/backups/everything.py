"""Everything on the server: each database, found by itself, and the roles and settings that belong to none."""

import json
import os
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from dbserver import execute
from dbserver.backups import manifest as manifests
from dbserver.backups import proof
from dbserver.backups.making import Wanted, cause, streaming
from dbserver.backups.manifest import Manifest
from dbserver.backups.store import Backup, Store
from dbserver.errors import DbServerError
from dbserver.postgres import dump, properties, registry, sql, swap
from dbserver.postgres.server import Server

GLOBALS = "globals.sql"
SUBJECT = manifests.subject(manifests.SERVER)
SESSION = f"dbserver-backup {SUBJECT}"
# The last line of pg_dumpall: without it the file was cut off.
COMPLETE = "-- PostgreSQL database cluster dump complete"


def found(server: Server, wanted: Wanted) -> list[Wanted]:
    """Return what to back up of the server: every database but the templates and those that restores have put beside.

    An application whose database is missing is among them: its backup fails and says so.
    """
    script = registry.REGISTRY + swap.REGISTRY + properties.DATABASES
    rows = json.loads(server.query(script, server.admin))
    return [replace(wanted, database=row["database"], application=row["application"] or "") for row in rows]


def make_globals(server: Server, kept: Store, wanted: Wanted) -> Backup:
    """Back up the roles, with their password verifiers, and every setting of a role or a database.

    The caller holds the subject's lock. Raises DbServerError; then nothing that looks like a backup is left.
    """
    server.attempt(sql.terminate(SESSION), "postgres")
    kept.remove_left_behind(SUBJECT)
    began, moment = time.monotonic(), datetime.now(UTC)
    answer = server.answer()
    with kept.new(SUBJECT, moment) as partial:
        _dump(server, partial, wanted)
        manifest = Manifest(
            kind=manifests.SERVER,
            application="",
            database="",
            server_version=str(answer["version"]),
            server_major=int(answer["major"]),
            **proof.made(partial, moment, began),
            note=wanted.note,
        )
        return kept.finish(partial, manifest)


def complete(directory: Path) -> list[str]:
    """Return what is wrong with the globals of a backup, in words."""
    try:
        text = (directory / GLOBALS).read_text(errors="replace")
    except OSError as fault:
        return [f"{GLOBALS} cannot be read: {fault.strerror}"]
    return [] if COMPLETE in text.splitlines() else [f"{GLOBALS} was cut off"]


def _dump(server: Server, partial: Path, wanted: Wanted) -> None:
    target = "" if wanted.streamed else dump.inner(partial.name, GLOBALS)
    argv = dump.pg_dumpall_globals(server.admin, target, low_priority=wanted.low_priority)
    guarded = dump.guarded(server.container, SESSION, argv)
    with streaming(guarded, partial / GLOBALS) if wanted.streamed else execute.held(guarded) as program:
        done = program.wait()
    if not done.succeeded:
        raise DbServerError(f"{SUBJECT} was not backed up: {cause(done.output)}", "mend the cause, try again")
    faults = complete(partial)
    if faults:
        raise DbServerError(f"{SUBJECT} was not backed up: {'; '.join(faults)}", "./scripts/start.sh")
    stored = json.loads(server.query(properties.STORED_IN_DATABASES))
    with (partial / GLOBALS).open("a", encoding="utf-8") as file:
        file.write(properties.settings_in_databases(stored))
        file.flush()
        os.fsync(file.fileno())
