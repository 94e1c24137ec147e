"""Backups as text for people. Pure: a result in, text out."""

from collections.abc import Sequence

from dbserver.cli.render.connections import columns
from dbserver.contract import KEPT_DAYS
from dbserver.results.backups import (
    BackedUp,
    BackupInfo,
    Backups,
    Drilled,
    Loss,
    Restored,
    RestoredBeside,
    RolledBack,
    Verified,
)
from dbserver.results.schedule import Schedule
from dbserver.units import duration, size

SHOWN_LOSSES = 10
NOT_SCHEDULED = 'nothing is scheduled; ./scripts/dbserver schedule install "daily 03:30" does it'


def backed_up(result: BackedUp) -> str:
    """Return what was backed up, a line each: its path and size."""
    lines = [
        f"{result.directory}/{each.id}: {size(each.size_bytes)}, {each.rows} rows, {duration(each.duration_seconds)}"
        for each in result.backups
    ]
    return "\n".join([*lines, *(f"FAILED {each.subject}: {each.cause}" for each in result.failed)])


def backups(result: Backups) -> str:
    """Return the backups as a table."""
    if not result.backups and not result.broken:
        return f"no backup in {result.directory}; ./scripts/dbserver backup APP makes one"
    header = ("backup", "age", "size", "colour", "revision", "verified", "")
    lines = columns([header, *map(_row, result.backups)]) if result.backups else []
    return "\n".join(
        [*lines, *(f"BROKEN {name}: its manifest is not the one that was written" for name in result.broken)]
    )


def verified(result: Verified) -> str:
    """Return whether a backup is whole."""
    if result.well:
        unread = "" if result.structure_read else "; its structure was not read: that takes --identity FILE"
        return f"{result.id} is whole ({duration(result.seconds)}){unread}"
    return "\n".join([f"{result.id} is DAMAGED", *(f"  {fault}" for fault in result.faults)])


def drilled(result: Drilled) -> str:
    """Return whether a backup could be restored."""
    if result.well:
        what = f"{result.rows} rows in {result.tables} tables, {duration(result.seconds)}"
        return f"{result.id} was restored and is what was backed up: {what}; the copy is dropped"
    return f"{result.id} CANNOT BE RESTORED: {result.fault}"


def schedule(result: Schedule) -> str:
    """Return the schedule, its next run, its last result."""
    known = f"{result.meaning} ({result.fields}) by {result.mechanism}, next {result.following[:16]}"
    lines = [known if result.fields else NOT_SCHEDULED]
    if result.last:
        failed = "; ".join(result.last.failed)
        end = f"FAILED: {failed}" if failed else f"{result.last.made} backups made"
        lines.append(f"last run, {result.last.began[:16]}: {end}")
    if result.missed:
        lines.append(f"MISSED: the run of {result.missed[:16]} did not happen")
    return "\n".join([*lines, *([f"told of each run: {result.tell}"] if result.tell else [])])


def plan(backup: str, losses: Sequence[Loss], *, exists: bool, foreign: bool = False, unknown: str = "") -> str:
    """Return what a restore will do and what will be lost, before anybody agrees."""
    if foreign:
        return f"{backup} will be restored; it is a file of elsewhere: what it lacks shows only once it is restored"
    if not exists:
        return f"{backup} will be restored; there is no such database now"
    if unknown:
        return f"{backup} will be restored; what will be lost is not known, the live rows cannot be counted: {unknown}"
    if not losses:
        return f"{backup} will be restored; every table has as many rows now as in the backup"
    return "\n".join([f"{backup} will be restored; what differs now:", *_losses(losses)])


def restored(result: Restored) -> str:
    """Return what was restored, the gap, what is lost, and the way back."""
    lines = [
        f"{result.database} is {result.backup} now: {result.rows} rows, {duration(result.seconds)} in all",
        _away(result.away_seconds),
    ]
    if result.losses:
        lines += ["rows now in the kept database only:", *_losses(result.losses)]
    if result.unknown:
        lines.append(f"what the kept database holds besides is not known, its rows cannot be counted: {result.unknown}")
    if result.kept:
        lines.append(f"kept: {result.kept}; to go back to it: ./scripts/dbserver rollback {result.application}")
    return "\n".join([*lines, *removed(result.removed)])


def restored_beside(result: RestoredBeside) -> str:
    """Return where what was restored stands, and how it goes away."""
    if not result.schema:
        where, remove = f"in the database {result.database}", f'DROP DATABASE "{result.database}"'
    else:
        where = f"in the schema {result.schema} of {result.database}: {', '.join(result.tables)}"
        remove = f'DROP SCHEMA "{result.schema}" CASCADE'
    lines = [
        f"{result.backup} is {where}; {result.rows} rows, {duration(result.seconds)}",
        f"nothing else was touched; when it is needed no more: {remove}",
    ]
    return "\n".join(lines)


def rolled_back(result: RolledBack) -> str:
    """Return what is live again."""
    lines = [
        f"{result.database} is what it was before the restore",
        _away(result.away_seconds),
        f"kept: {result.kept}; to go back to it: ./scripts/dbserver rollback {result.application}",
    ]
    return "\n".join(lines)


def removed(databases: Sequence[str]) -> list[str]:
    """Return a line for each database that was kept for long enough."""
    return [f"removed {name}, which a restore replaced more than {KEPT_DAYS} days ago" for name in databases]


def _away(seconds: float) -> str:
    return f"the swap let nobody into the database for {duration(seconds)}; who connects again is in it after that"


def _row(backup: BackupInfo) -> tuple[str, ...]:
    marks = ", ".join(["DAMAGED"] * backup.damaged + ["pinned"] * backup.pinned + ["encrypted"] * backup.encrypted)
    return (
        backup.id, duration(backup.age_seconds), size(backup.size_bytes), backup.colour, backup.revision[:12],
        backup.verified or "never", marks,
    )  # fmt: skip


def _losses(losses: Sequence[Loss]) -> list[str]:
    lines = [f"  {_rows(loss)}" for loss in losses[:SHOWN_LOSSES]]
    more = len(losses) - SHOWN_LOSSES
    return lines + ([f"  and {more} more tables"] if more > 0 else [])


def _rows(loss: Loss) -> str:
    if loss.backup is None:
        return f"{loss.table}: {loss.live} rows, not in the backup"
    if loss.live is None:
        return f"{loss.table}: {loss.backup} rows in the backup, no such table now"
    return f"{loss.table}: {loss.live} rows, in the backup {loss.backup}"
