"""restore, rollback: an application's database as it was, beside the live one, then swapped with it."""

import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dbserver import contract, locks
from dbserver.applications import Application
from dbserver.backups import archive, besides, choosing, filling, foreign, proof, swapping, taking
from dbserver.backups.filling import Target
from dbserver.backups.foreign import Foreign
from dbserver.backups.store import Backup, Store
from dbserver.backups.taking import Live
from dbserver.declared import Declared
from dbserver.errors import DbServerError, RefusedError, UsageError
from dbserver.postgres import swap
from dbserver.postgres.server import Server
from dbserver.registry import one
from dbserver.results.backups import Loss, Restored, RestoredBeside, RolledBack

STAMP = "%Y%m%dt%H%M%Sz"
SCHEMA = "restored_"


@dataclass(frozen=True)
class Plan:
    """A restore that nothing stands in the way of: what it takes, and what will be lost.

    Of a file of elsewhere nobody knows that before it is restored; `live` is what its database shall be like. `unknown`
    is why the live rows cannot be counted.
    """

    application: Application
    backup: Backup | Foreign
    exists: bool
    losses: tuple[Loss, ...]
    live: Live | None = None
    identity: Path | None = None
    unknown: str = ""


def plan(declared: Declared, name: str, text: str, identity: Path | None = None, *, swapped: bool = True) -> Plan:
    """Choose and verify the backup, refuse what cannot be restored, and say what would be lost; nothing is changed."""
    server = _server(declared)
    application = one(declared, name)
    chosen = choosing.choose(Store(Path(declared.backup_directory)), name, text)
    if isinstance(chosen, Path):
        file = foreign.look(chosen)
        like = taking.refuse(server, file, application.database, filling.room(server))
        if swapped:
            _refuse_obstacles(server, application.database)
        return Plan(application, file, exists=True, losses=(), live=like)
    faults = proof.differences(chosen)
    if faults:
        raise DbServerError(f"{chosen.id} is damaged: {'; '.join(faults[:3])}", "take another one")
    if chosen.manifest.recipients:  # whether the key is the right one shows at the first bytes
        archive.of(chosen, identity).entries(server.container, _session(application))
    filling.refuse(server, chosen, int(server.answer()["major"]), filling.room(server))
    exists = filling.exists(server, application.database)
    if exists and swapped:
        _refuse_obstacles(server, application.database)
    lost, unknown = _lost(server, application.database if exists else "", _rows(chosen))
    return Plan(application, chosen, exists, lost, identity=identity, unknown=unknown)


def restore(declared: Declared, wanted: Plan, jobs: int, *, allow_empty: bool = False) -> Restored:
    """Restore beside the live database, prove it, swap. The caller has confirmed the plan.

    Raises DbServerError where anything fails before the swap: the live
    database is the whole old one then.
    """
    began = time.monotonic()
    server, application = _server(declared), wanted.application
    with _held(declared, application, "restore"):
        stamp = datetime.now(UTC).strftime(STAMP)
        incoming = swap.beside(application.database, "restore", stamp)
        kept = swap.beside(application.database, "old", stamp)
        with _removed_unless_swapped(server, incoming):
            target = Target(incoming, application.name, _session(application))
            found = _fill(declared, wanted, target, jobs)
            _refuse_empty(server, wanted, found, allow_empty=allow_empty)
            _refuse_obstacles(server, application.database)
            away = swapping.exchange(server, application.database, incoming, kept, exists=wanted.exists)
        lost, unknown = _lost(server, kept, found) if wanted.exists else ((), "")
    return Restored(
        stack=declared.stack,
        application=application.name,
        backup=wanted.backup.id,
        database=application.database,
        kept=kept if wanted.exists else "",
        away_seconds=away,
        seconds=round(time.monotonic() - began, 2),
        rows=sum(found.values()),
        losses=lost,
        unknown=unknown,
    )


def restore_beside(declared: Declared, wanted: Plan, jobs: int, into: str, tables: Sequence[str]) -> RestoredBeside:
    """Restore without a swap: the whole as a database called `into`, or tables into a new schema of the live one.

    Nothing that exists is touched. Raises DbServerError where anything fails; nothing is left then.
    """
    began = time.monotonic()
    server, application, names = _server(declared), wanted.application, besides.parsed(tables)
    if into:
        besides.refuse_name(server, into)
    elif not wanted.exists:
        raise UsageError(f"there is no database {application.database} for the tables", "./scripts/start.sh makes it")
    elif isinstance(wanted.backup, Backup):
        besides.refuse_missing(wanted.backup.id, names, _rows(wanted.backup))
    with _held(declared, application, "restore"):
        stamp = datetime.now(UTC).strftime(STAMP)
        target = Target(swap.beside(application.database, "restore", stamp), application.name, _session(application))
        schema = "" if into else f"{SCHEMA}{stamp}"
        with _removed_unless_swapped(server, target.name):
            found = _fill(declared, wanted, target, jobs)
            if into:
                besides.settle(server, target, into)
            else:
                found = _copied(server, wanted, target, schema, names, found)
        if schema:
            server.query(swap.forget(target.name), declared.admin)
    return RestoredBeside(
        stack=declared.stack,
        application=application.name,
        backup=wanted.backup.id,
        database=into or application.database,
        schema=schema,
        tables=tuple(table for _, table in names),
        rows=sum(found.values()),
        seconds=round(time.monotonic() - began, 2),
    )


def _copied(
    server: Server, wanted: Plan, target: Target, schema: str, tables: Sequence[besides.Table], found: filling.Rows
) -> filling.Rows:
    besides.refuse_missing(wanted.backup.id, tables, found)
    live = wanted.application.database
    known = taking.live(server, live)
    taking.refuse_superuser(known, live, wanted.backup.id)
    return besides.copy(server, target, live, known.owner, schema, tables)


def rollback(declared: Declared, name: str) -> RolledBack:
    """Swap back to the database that the last restore has replaced.

    Raises RefusedError where something stands in the way of either; nobody is cut off then.
    """
    server, application = _server(declared), one(declared, name)
    with _held(declared, application, "rollback"):
        rows = json.loads(server.query(swap.REGISTRY + swap.registered(name), declared.admin))
        known = [row["name"] for row in rows if row["purpose"] == swap.KEPT and row["size"] is not None]
        if not known:
            raise UsageError(f"no database of {name} is kept: nothing was restored lately", "./scripts/dbserver status")
        _refuse_obstacles(server, application.database, known[-1])
        kept = swap.beside(application.database, "old", datetime.now(UTC).strftime(STAMP))
        away = swapping.exchange(server, application.database, known[-1], kept, exists=True)
    return RolledBack(declared.stack, name, application.database, kept, away)


def _lost(server: Server, database: str, backup: filling.Rows) -> tuple[tuple[Loss, ...], str]:
    """Return what a database holds and a backup does not, or why nobody can tell: it may be what the restore is for."""
    try:
        live = filling.count(server, database) if database else {}
    except DbServerError as fault:
        return (), fault.message
    return losses(live, backup), ""


def losses(live: filling.Rows, backup: filling.Rows) -> tuple[Loss, ...]:
    """Return the tables whose numbers of rows differ."""
    names = sorted({*live, *backup})
    rows = [Loss(".".join(name), live.get(name), backup.get(name)) for name in names]
    return tuple(row for row in rows if row.live != row.backup)


@contextmanager
def _held(declared: Declared, application: Application, verb: str) -> Iterator[None]:
    """Hold the application's lock, and remove what a run that is gone left half-done."""
    with locks.held(f"{declared.stack}.{application.name}", verb):
        server = _server(declared)
        rows: list[Mapping[str, Any]] = json.loads(
            server.query(swap.REGISTRY + swap.registered(application.name), declared.admin)
        )
        for row in rows:
            if row["purpose"] == swap.RESTORING:
                besides.forsake(server, row["name"], application.database)
                server.query(swap.forget(row["name"]), declared.admin)
                _remove_files(Path(declared.backup_directory), row["name"])
        yield


@contextmanager
def _removed_unless_swapped(server: Server, incoming: str) -> Iterator[None]:
    try:
        yield
    except BaseException:
        server.attempt(swap.forget(incoming), server.admin)
        raise


def _fill(declared: Declared, wanted: Plan, target: Target, jobs: int) -> filling.Rows:
    """Fill the database beside, return its rows."""
    server, kept = _server(declared), Store(Path(declared.backup_directory))
    if isinstance(wanted.backup, Backup):
        filling.fill(server, wanted.backup, archive.of(wanted.backup, wanted.identity), target, jobs)
        return _rows(wanted.backup)
    assert wanted.live  # noqa: S101  the plan has it for a file
    return taking.take(server, wanted.backup, kept, target, jobs, wanted.live)


def _refuse_obstacles(server: Server, *databases: str) -> None:
    for database in databases:
        obstacles = filling.answer(server, swap.obstacles(database))
        if obstacles:
            raise RefusedError(f"{database} cannot be renamed: {', '.join(obstacles)}", "end them first")


def _refuse_empty(server: Server, wanted: Plan, found: filling.Rows, *, allow_empty: bool) -> None:
    """Raise RefusedError where a file without a table would replace a database that has some."""
    if isinstance(wanted.backup, Backup) or allow_empty or len(found) > 1:
        return
    if len(filling.count(server, wanted.application.database)) > 1:
        database = wanted.application.database
        raise RefusedError(f"{wanted.backup.id} has no table, {database} has; nothing was changed", "--allow-empty")


def _remove_files(directory: Path, name: str) -> None:
    """Remove what a run that is gone left beside the backups for this database."""
    filling.chosen_entries(directory, name).unlink(missing_ok=True)
    shutil.rmtree(directory / f".{name}", ignore_errors=True)


def _rows(backup: Backup) -> filling.Rows:
    return {(schema, table): number for schema, table, number in backup.manifest.rows}


def _session(application: Application) -> str:
    return f"dbserver-restore {application.name}"[:63]


def _server(declared: Declared) -> Server:
    return Server(declared.containers[contract.POSTGRES], declared.admin)
