"""What the restore of Redis returns. Durations are seconds."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RedisRestored:
    """Keys restored: `keys` instead of `replaced`, of an application or of all where it is empty.

    `before` is the backup of everything as it was just before: restoring it
    undoes the restore. `away_seconds` is how long writes had to wait. `at` is
    the moment as of which the content is, empty where it was none that was asked for.
    """

    stack: str
    application: str
    backup: str
    at: str
    before: str
    keys: int
    replaced: int
    away_seconds: float
    seconds: float
