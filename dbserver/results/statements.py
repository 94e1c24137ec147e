"""Which statements PostgreSQL has spent its time on."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Statement:
    """One statement, its values left out, and all its executions. Of others than queries only the kind is told.

    `application` is that of its database, empty for a database that is none's. `share` is its part of the time of all
    statements of the server, 0 to 1.
    """

    application: str
    database: str
    role: str
    text: str
    calls: int
    rows: int
    total_seconds: float
    mean_seconds: float
    share: float


@dataclass(frozen=True)
class Top:
    """The heaviest statements of each application, the heaviest first. `since` is when they were counted from.

    It is empty where PostgreSQL does not tell (before 14). `left_out` is how many statements were dropped for others
    since then: there was no room for them.
    """

    stack: str
    since: str
    left_out: int
    statements: tuple[Statement, ...]
