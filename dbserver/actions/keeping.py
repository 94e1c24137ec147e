"""prune, pin, unpin: which backups stay, and which databases that restores have kept."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dbserver import contract, locks
from dbserver.backups import evidence, replaced, retention
from dbserver.backups.retention import Candidate, Decision, Rules
from dbserver.backups.store import Backup, Store
from dbserver.declared import Declared
from dbserver.errors import DbServerError, LockedError, UsageError
from dbserver.postgres import swap
from dbserver.postgres.server import Server
from dbserver.registry import one
from dbserver.results.backups import Failure
from dbserver.results.keeping import Judged, OldDatabase, Pinned, Pruned


@dataclass(frozen=True)
class Wanted:
    """What shall stay: backups by the rules, replaced databases for so many days; whether anything is removed."""

    rules: Rules
    old_databases_days: int = contract.KEPT_DAYS
    dry_run: bool = False


def prune(declared: Declared, name: str | None, wanted: Wanted) -> Pruned:
    """Remove what no rule keeps, of one application or of everything; one that fails stops none of the others.

    Raises UsageError without a rule or for an unknown application, LockedError where the one application is busy.
    """
    if not wanted.rules.given:
        hint = "for instance: --keep-last 7 --daily 14 --weekly 8 --monthly 12"
        raise UsageError("no rule says which backups stay; nothing was removed", hint)
    kept = Store(Path(declared.backup_directory))
    subjects = {backup.manifest.subject for backup in kept.backups()}
    if name:
        if name not in subjects:
            one(declared, name)
        return _prune(declared, kept, wanted, [name], alone=True)
    return _prune(declared, kept, wanted, sorted(subjects), alone=False)


def pin(declared: Declared, name: str, *, pinned: bool) -> Pinned:
    """Keep a backup whatever the rules of prune say, or no longer."""
    kept = Store(Path(declared.backup_directory))
    backup = kept.one(name)
    try:
        with locks.held(f"{declared.stack}.{backup.manifest.subject}", "pin"):
            kept.pin(backup, pinned=pinned)
    except OSError as fault:
        raise DbServerError(f"{backup.directory} cannot be written: {fault.strerror}", "look at its owner") from None
    return Pinned(declared.stack, name, pinned)


def _prune(declared: Declared, kept: Store, wanted: Wanted, subjects: Sequence[str], *, alone: bool) -> Pruned:
    judged: list[Judged] = []
    databases: list[OldDatabase] = []
    failed: list[Failure] = []
    rows, not_seen = _replaced(declared, subjects if alone else ())
    for subject in sorted({*subjects, *(row["application"] for row in rows)}):
        try:
            with locks.held(f"{declared.stack}.{subject}", "prune"):
                judged += _backups(kept, subject, wanted)
                databases += _databases(declared, subject, wanted) if not not_seen else []
        except (DbServerError, OSError) as ended:
            if alone and isinstance(ended, LockedError):
                raise
            failed.append(Failure(subject, getattr(ended, "message", str(ended))))
    return Pruned(
        declared.stack, str(kept.directory), wanted.dry_run, tuple(judged), tuple(databases), tuple(failed), not_seen
    )  # fmt: skip


def _backups(kept: Store, subject: str, wanted: Wanted) -> list[Judged]:
    known = {backup.id: backup for backup in kept.of(subject)}
    decisions = retention.classify([_candidate(backup) for backup in known.values()], wanted.rules, datetime.now(UTC))
    if not wanted.dry_run:
        kept.remove_left_behind(subject)
        for decision in reversed(decisions):
            if not decision.kept:
                kept.remove(known[decision.id])
    return [_judged(decision, known) for decision in decisions]


def _candidate(backup: Backup) -> Candidate:
    started = datetime.fromisoformat(backup.manifest.started)
    damaged = evidence.of(backup).damaged
    return Candidate(backup.id, backup.manifest.subject, started, not damaged, backup.pinned)


def _judged(decision: Decision, known: Mapping[str, Backup]) -> Judged:
    size = known[decision.id].manifest.size
    return Judged(decision.id, decision.subject, decision.kept, decision.reason, size)


def _databases(declared: Declared, application: str, wanted: Wanted) -> list[OldDatabase]:
    """Drop what restores have kept for long enough; nothing that they have not registered."""
    rows, fault = _replaced(declared, [application])
    if fault:
        raise DbServerError(fault, "./scripts/dbserver doctor")
    found = [_old_database(row, kept=not replaced.expired(row, wanted.old_databases_days)) for row in rows]
    for database in found:
        if not database.kept and not wanted.dry_run:
            _server(declared).query(swap.forget(database.name), declared.admin)
    return found


def _old_database(row: Mapping[str, Any], *, kept: bool) -> OldDatabase:
    since = datetime.fromtimestamp(row["since"], UTC).isoformat(timespec="seconds")
    return OldDatabase(row["name"], row["application"], kept, since, row["size"] or 0)


def _replaced(declared: Declared, applications: Collection[str]) -> tuple[list[dict[str, Any]], str]:
    """Return the databases that restores have kept, of these applications or of all; or why nobody knows."""
    script = swap.REGISTRY + swap.registered()
    done = _server(declared).attempt(script, declared.admin)
    if not done.succeeded:
        return [], f"{declared.containers[contract.POSTGRES]} does not answer: {done.output}"
    rows = [row for row in json.loads(done.stdout) if row["purpose"] == swap.KEPT]
    return [row for row in rows if not applications or row["application"] in applications], ""


def _server(declared: Declared) -> Server:
    return Server(declared.containers[contract.POSTGRES], declared.admin)
