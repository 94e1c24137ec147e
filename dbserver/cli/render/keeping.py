"""Which backups stay, as text for people. Pure: a result in, text out."""

from dbserver.cli.render.connections import columns
from dbserver.results.backups import Checkpoint
from dbserver.results.keeping import Judged, OldDatabase, Pinned, Pruned
from dbserver.units import duration, size


def pruned(result: Pruned) -> str:
    """Return of each backup and each replaced database whether it stays, and why."""
    gone = "would go" if result.dry_run else "removed"
    rows = [_backup(each, gone) for each in result.backups] + [_database(each, gone) for each in result.databases]
    lines = columns(rows) if rows else [f"nothing to prune in {result.directory}"]
    sizes = [(each.kept, each.size_bytes) for each in result.backups]
    sizes += [(each.kept, each.size_bytes) for each in result.databases]
    freed = sum(amount for kept, amount in sizes if not kept)
    if freed:
        lines.append(f"{size(freed)} {'would be' if result.dry_run else 'were'} freed")
    lines += [f"FAILED {each.subject}: {each.cause}" for each in result.failed]
    lines += [f"replaced databases were not looked at: {result.not_seen}"] * bool(result.not_seen)
    return "\n".join(lines)


def pinned(result: Pinned) -> str:
    """Return whether prune may remove it."""
    return f"{result.id} is pinned: prune keeps it" if result.pinned else f"{result.id} is no longer pinned"


def checkpoint(result: Checkpoint) -> str:
    """Return what was made, for standard error: the id alone is the data."""
    made = result.backup
    said = f"{made.id}: {size(made.size_bytes)}, {made.rows} rows, {duration(made.duration_seconds)}, verified"
    return f"{said}\nto go back to it: ./scripts/dbserver restore {made.subject} --checkpoint {made.id}"


def _backup(judged: Judged, gone: str) -> tuple[str, str, str]:
    return ("kept" if judged.kept else gone, judged.id, judged.reason)


def _database(database: OldDatabase, gone: str) -> tuple[str, str, str]:
    word = "kept" if database.kept else gone
    return (word, database.name, f"database that a restore of {database.application} replaced {database.since}")
