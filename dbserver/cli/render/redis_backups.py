"""Backups of Redis as text for people. Pure: a result in, text out."""

from collections.abc import Sequence

from dbserver.results.backups import Loss
from dbserver.results.redis_backups import RedisRestored
from dbserver.units import duration


def plan(backup: str, application: str, losses: Sequence[Loss], at: str = "", window: str = "") -> str:
    """Return what a restore will do, before anybody agrees."""
    said = _content(backup, application, losses)
    if not at:
        return said
    return f"""{backup} is what Redis held at {at}; the append-only file reaches {window}
a restore begins it anew; to keep other seconds too, before: ./scripts/dbserver backup --redis --at MOMENT
{said}"""


def _content(backup: str, application: str, losses: Sequence[Loss]) -> str:
    if application:
        return f"the keys of {application} will be those of {backup}; all others stay as they are"
    lines = [f"  {loss.table}: {loss.live or 0} keys, in the backup {loss.backup or 0}" for loss in losses]
    said = "what differs now:" if lines else "every database has as many keys now as in the backup"
    return "\n".join([f"all of Redis will be {backup}; {said}", *lines])


def restored(result: RedisRestored) -> str:
    """Return what was restored, for how long clients waited, and the way back."""
    whose = f"the keys of {result.application}" if result.application else "all of Redis"
    back = f"{result.application} {result.before}" if result.application else result.before
    keys = f"{result.keys} keys of {result.backup} instead of {result.replaced}"
    as_of = f"as of {result.at}: " if result.at else ""
    lines = [
        f"{as_of}{whose}: {keys}, {duration(result.seconds)} in all",
        f"writes waited for {duration(result.away_seconds)}",
        f"kept: {result.before}; to go back to it: ./scripts/dbserver restore --redis {back}",
    ]
    return "\n".join(lines)
