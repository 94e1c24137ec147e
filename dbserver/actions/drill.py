"""drill: the proof that a backup can be restored, by doing it, into a database that is dropped afterwards."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path

from dbserver import contract, locks
from dbserver.backups import archive, choosing, filling, proof
from dbserver.backups.archive import Archive
from dbserver.backups.filling import Target
from dbserver.backups.manifest import APPLICATION, DATABASE
from dbserver.backups.store import DRILL, Backup, Store
from dbserver.declared import Declared
from dbserver.errors import DbServerError, UsageError
from dbserver.postgres import swap
from dbserver.postgres.server import Server
from dbserver.results.backups import Drilled


def drill(declared: Declared, application: str, text: str, jobs: int, identity: Path | None = None) -> Drilled:
    """Restore a backup beside everything else, compare it with its manifest, drop it; keep the evidence with it.

    A backup that cannot be restored is a result too: its `fault` says why.
    Raises UsageError for one that is none of a database.
    """
    server = Server(declared.containers[contract.POSTGRES], declared.admin)
    server.answer()
    found = choosing.choose(Store(Path(declared.backup_directory)), application, text)
    if isinstance(found, Path) or found.manifest.kind not in (APPLICATION, DATABASE):
        raise UsageError(f"{text} is no backup of a database", "./scripts/dbserver backups")
    dump = archive.of(found, identity)
    began, moment = time.monotonic(), datetime.now(UTC)
    with locks.held(f"{declared.stack}.{found.manifest.subject}", "drill"):
        fault = _fault(server, found, dump, moment, jobs)
    drilled = Drilled(
        stack=declared.stack,
        id=found.id,
        at=moment.isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - began, 2),
        rows=sum(number for _, _, number in found.manifest.rows),
        tables=len(found.manifest.rows),
        server_version=str(server.answer()["version"]),
        fault=fault,
    )
    _keep(found, drilled)
    return drilled


def _fault(server: Server, found: Backup, dump: Archive, moment: datetime, jobs: int) -> str:
    """Return why the backup cannot be restored; empty where it can."""
    manifest = found.manifest
    name = swap.beside(manifest.database, "drill", moment.strftime("%Y%m%dt%H%M%Sz"))
    try:
        faults = proof.differences(found)
        if faults:
            return "; ".join(faults[:3])
        filling.refuse(server, found, int(server.answer()["major"]), filling.room(server))
        session = f"dbserver-drill {manifest.subject}"[:63]
        filling.fill(server, found, dump, Target(name, manifest.application, session), jobs)
    except DbServerError as fault:
        return fault.message
    finally:
        server.attempt(swap.REGISTRY + swap.forget(name), server.admin)
    return ""


def _keep(found: Backup, drilled: Drilled) -> None:
    evidence = {
        "at": drilled.at, "seconds": drilled.seconds, "rows": drilled.rows, "tables": drilled.tables,
        "server_version": drilled.server_version, "fault": drilled.fault,
    }  # fmt: skip
    try:
        path = found.directory / DRILL
        path.touch(0o600)
        path.write_text(json.dumps(evidence, indent=1) + "\n")
    except OSError as fault:
        raise DbServerError(f"{found.directory} cannot be written: {fault.strerror}", "look at its owner") from None
