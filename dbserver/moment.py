"""A moment as people write it: with its time zone, or so long before now. Pure."""

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from dbserver.errors import UsageError
from dbserver.units import parse_seconds

EXAMPLE = "'2026-11-23 14:05:07+01', '2026-11-23T13:05:07Z' or -10min"
ABSOLUTE = re.compile(
    r"(\d{4}-\d\d-\d\d)[ Tt](\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?) ?(UTC|[Zz]|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)
AGO = re.compile(r"-\d[\d.]* ?[a-z]+", re.ASCII)


def parse(text: str, now: datetime) -> datetime:
    """Return the moment, in UTC. One after `now` is returned as well: whoever knows what can be reached refuses it.

    Raises UsageError; for a time without a zone, too: that of the operator need not be the server's.
    """
    said = text.strip()
    found = ABSOLUTE.fullmatch(said)
    if found and not found[3]:
        raise UsageError(
            f"{said} has no time zone", f"'{said}Z' is that time in UTC, '{said}+01:00' in Berlin in winter"
        )
    with suppress(ValueError, OverflowError):
        if found:
            return _absolute(found[1], found[2], found[3])
        if AGO.fullmatch(said):
            return now.astimezone(UTC) - timedelta(seconds=parse_seconds(said[1:]))
    raise UsageError(f"{said!r:.60} is no moment", f"such as {EXAMPLE}")


def written(moment: datetime) -> str:
    """Return the moment as `parse` reads it, in UTC."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(' ')}Z"


def _absolute(day: str, time: str, zone: str) -> datetime:
    offset = "+00:00" if zone.upper() in ("Z", "UTC") else zone
    return datetime.fromisoformat(f"{day} {time}{offset}").astimezone(UTC)
