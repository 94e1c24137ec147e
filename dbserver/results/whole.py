"""What a restore of the whole server returns. Times are in ISO form, in UTC."""

from dataclasses import dataclass


@dataclass(frozen=True)
class WholeRestored:
    """The whole PostgreSQL server as it was.

    `reached` is when the last transaction that is there was committed, or the moment that was asked for; None where a
    restore was undone. `databases` are the applications', each of which answers. `kept` is the directory of the server
    before, empty where there was none; `away_seconds` is how long the swap and the start after it took.
    """

    stack: str
    reached: str | None
    databases: tuple[str, ...]
    kept: str
    away_seconds: float
    seconds: float
