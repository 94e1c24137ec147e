"""Copies elsewhere as text for people. Pure: a result in, text out."""

from dbserver.cli.render.connections import columns
from dbserver.results.copies import OffsiteState
from dbserver.results.offsite import (
    OffsiteCopies,
    OffsiteCopy,
    OffsiteFetched,
    OffsitePruned,
    OffsitePushed,
    OffsiteVerified,
    Rescued,
)
from dbserver.units import duration, size


def pushed(result: OffsitePushed) -> str:
    """Return what was copied."""
    failed = [f"FAILED {each.subject}: {each.cause}" for each in result.failed]
    what = f"{len(result.pushed)} copied" if result.pushed else "nothing to copy" if result.well else "nothing copied"
    sent = f", {size(result.sent_bytes)} sent in {duration(result.seconds)}" * bool(result.sent_bytes)
    return "\n".join([*failed, f"{what}{sent}: {result.url}"])


def copies(result: OffsiteCopies) -> str:
    """Return the copies as a table."""
    if not (result.copies or result.broken or result.archive_bytes):
        return f"no copy of stack {result.stack} at {result.url}; ./scripts/dbserver offsite push makes them"
    header = ("copy", "of", "size", "stored", "here")
    lines = columns([header, *map(_row, result.copies)]) if result.copies else []
    lines += [f"BROKEN {name}: its list of objects is not the one that was written" for name in result.broken]
    lines += [f"archive: {each.start} to {each.end} comes back" for each in result.windows]
    lines += [f"archive: {size(result.archive_bytes)} there"] * bool(result.archive_bytes)
    return "\n".join([*lines, *(f"unfinished {name}: the next push goes on with it" for name in result.unfinished)])


def verified(result: OffsiteVerified) -> str:
    """Return whether the copies are whole."""
    if result.faults:
        return "\n".join(["DAMAGED:", *(f"  {fault}" for fault in result.faults)])
    how = "by their sizes alone" if not result.read else "every byte was read back"
    how += "; decrypted, and as in their manifests" if result.opened else ""
    return f"{result.copies} copies are whole ({how}, {duration(result.seconds)}): {result.url}"


def pruned(result: OffsitePruned) -> str:
    """Return of each copy whether it stays, and why."""
    gone = "would go" if result.dry_run else "removed"
    rows = [("kept" if each.kept else gone, each.id, each.reason) for each in result.copies]
    lines = columns(rows) if rows else [f"nothing to prune at {result.url}"]
    freed = sum(each.size_bytes for each in result.copies if not each.kept)
    lines += [f"{size(freed)} {'would be' if result.dry_run else 'were'} freed"] * bool(freed)
    return "\n".join([*lines, *(f"BROKEN {name}: left as it is" for name in result.broken)])


def fetched(result: OffsiteFetched) -> str:
    """Return what came back and what to do with it."""
    took = f"{size(result.size_bytes)} in {duration(result.seconds)}, verified"
    return f"{result.id}: {took}\nin {result.directory}; dbserver restore takes it by this name"


def rescued(result: Rescued) -> str:
    """Return what runs again, as of when, and how long it took."""
    rows = [(each.subject, each.started, f"{each.rows} {_unit(each.subject)}", each.id) for each in result.parts]
    kept = [f"the configuration that was here is in {result.kept}"] * bool(result.kept)
    fetched = f"{size(result.fetched_bytes)} fetched in {duration(result.fetch_seconds)}"
    return "\n".join(
        [
            *columns([("RESTORED", "AS OF", "", "FROM"), *rows]),
            *kept,
            f"stack {result.stack} is up, from {result.url} alone: {fetched}, {duration(result.seconds)} in all",
            "next: ./scripts/status.sh; then deploy the applications again",
        ]
    )


def state_faults(found: OffsiteState) -> list[str]:
    """Return what is wrong with the copies."""
    last = [f"the last push failed: {'; '.join(found.last.failed)}"] if found.last and found.last.failed else []
    waiting = f"not copied for more than a day: {', '.join(found.waiting)}"
    return last + [waiting] * bool(found.waiting)


def _unit(subject: str) -> str:
    return {"server.redis": "keys", "archive": "databases", "server.globals": "roles"}.get(subject, "rows")


def _row(copy: OffsiteCopy) -> tuple[str, ...]:
    return (copy.id, copy.started, size(copy.size_bytes), size(copy.stored_bytes), "yes" if copy.here else "no")
