"""The continuous archive as text for people. Pure."""

from dbserver.results.archive import Archive, BaseBackup
from dbserver.results.whole import WholeRestored
from dbserver.units import duration, size

BASES_SHOWN = 8


def archive(found: Archive) -> str:
    """Return the times that come back, the stream, the base backups."""
    lines = [f"FAULT: {found.fault}"] if found.fault else []
    lines += [f"differs: {each}" for each in found.differences]
    lines += [f"comes back: {window.start} to {window.end}" for window in found.windows] or ["comes back: nothing yet"]
    lines.append(f"stream: {stream(found)}")
    lines.append(f"kept: {duration(found.keep_seconds)}, {size(found.size_bytes)} in {found.directory}")
    if found.synchronous:
        lines.append("synchronous: a commit is acknowledged once the archive has it")
    more = len(found.base_backups) - BASES_SHOWN
    lines += [f"and {more} base backups before"] if more > 0 else []
    return "\n".join([*lines, *map(_base, found.base_backups[-BASES_SHOWN:])])


def stream(found: Archive) -> str:
    """Return whether the log arrives, and what is not there yet."""
    if found.lag_bytes is None:
        return "nothing is known, the server does not tell"
    arrives = "arrives" if found.streaming else "DOES NOT ARRIVE"
    late = f", {size(found.lag_bytes)} late since {duration(found.lag_seconds or 0)}" if found.lag_bytes else ""
    room = f"; the server keeps {size(found.room_bytes)} more" if found.room_bytes and not found.streaming else ""
    return f"the log {arrives}{late}{room}"


def _base(base: BaseBackup) -> str:
    kind = "what has changed" if base.incremental else "everything"
    return f"base backup {base.at}: {kind}" + (f", {size(base.size_bytes)}" if base.size_bytes is not None else "")


def whole_restored(result: WholeRestored) -> str:
    """Return what is there now, how long nothing was, and the way back."""
    now = f"the server is that of {result.reached}" if result.reached else "the server before the restore is back"
    lines = [f"{now}; {duration(result.seconds)} in all", f"databases that answer: {', '.join(result.databases)}"]
    lines.append(f"from the stop to the answer: {duration(result.away_seconds)}")
    if result.kept:
        lines.append(f"kept: {result.kept}; back to it: ./scripts/dbserver restore --all --undo")
        lines.append(f"when it is needed no more: sudo rm -r {result.kept}")
    return "\n".join(lines)
