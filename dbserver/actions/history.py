"""history: what happened to one application's data and when, from the archived log."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from dbserver import moment
from dbserver.archive import looking, reading
from dbserver.archive.contents import Window
from dbserver.archive.waldump import Reader
from dbserver.declared import Declared
from dbserver.errors import UsageError
from dbserver.postgres import swap
from dbserver.postgres.server import Server
from dbserver.registry import one
from dbserver.results.history import History, Minute

LAST = timedelta(hours=1)


def history(declared: Declared, name: str, since: str | None, until: str | None, rows: int) -> History:
    """Return the commits per minute and the transactions that stand out.

    Raises UsageError where the archive does not reach into that time.
    """
    looking.plan(declared)
    begin, end = _asked(since, until, datetime.now(UTC))
    application, server = one(declared, name), looking.server(declared)
    looking.mark(server)
    found, known = looking.look(declared)
    window = _within(known, begin, end)
    begin = max(begin, window.start)
    catalogs = reading.catalogs(server, _databases(server, name, application.database))
    reader = Reader(catalogs, begin, end, rows)
    line = next(each for each in found if each.name == window.line)
    reading.read(declared, line, reader, begin, end)
    return History(
        application=name,
        databases=tuple(each.database for each in catalogs.values()),
        since=moment.written(begin),
        until=moment.written(min(end, max(window.end, reader.last or window.end))),
        read_until=moment.written(reader.last) if reader.last else None,
        rows=rows,
        minutes=tuple(Minute(moment.written(at), count) for at, count in sorted(reader.minutes.items())),
        transactions=tuple(reader.transactions),
        left_out=reader.left_out,
        temporary=reader.temporary,
    )


def _asked(since: str | None, until: str | None, now: datetime) -> tuple[datetime, datetime]:
    end = moment.parse(until, now) if until is not None else now
    begin = moment.parse(since, now) if since is not None else min(end, now) - LAST
    if begin >= end:
        raise UsageError(f"{moment.written(begin)} is not before {moment.written(end)}", "--since, then --until")
    return begin, end


def _within(known: Sequence[Window], begin: datetime, end: datetime) -> Window:
    """Return the newest times without a hole that reach into those asked for; their end is known to the second."""
    for window in reversed(known):
        if window.start <= end and begin < window.end + timedelta(seconds=1):
            return window
    asked = f"{moment.written(begin)} to {moment.written(end)}"
    raise UsageError(f"nothing from {asked} is in the archive", looking.reach(known))


def _databases(server: Server, name: str, live: str) -> list[str]:
    """Return the live database and those that restores have kept: what was written before one went there."""
    rows = json.loads(server.query(swap.REGISTRY + swap.registered(name), server.admin))
    return [live, *(row["name"] for row in rows if row["purpose"] == swap.KEPT and row["size"] is not None)]
