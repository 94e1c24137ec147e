"""When backups are made by themselves: words or cron's five fields, as systemd and cron take them. Pure.

The times are those of the host's clock and zone, as cron and systemd have them.
"""

import re
from datetime import datetime, timedelta
from shlex import quote

from cronsim import CronSim, CronSimError

from dbserver import cleaning

TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
FIELDS = re.compile(r"[\d*/,-]+( [\d*/,-]+){4}")
DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
NIGHT = "03:00"
# A run may wait for the machine or for another operation before it is called missed.
GRACE = timedelta(hours=2)
HINT = 'hourly, daily 03:30, weekly sunday 03:30, monthly 03:30, or five fields of cron: "30 3 * * *"'


def fields(text: str) -> str:
    """Return cron's five fields for words or for themselves. Raises ValueError with the reason."""
    words = text.lower().split()
    found = _words(words) if words and words[0].isalpha() else " ".join(words)
    if not FIELDS.fullmatch(found):
        raise ValueError(f"{text!r} is no schedule: five fields of digits, *, -, / and commas")
    try:
        CronSim(found, datetime(2000, 1, 1))  # noqa: DTZ001  only the form is judged
    except CronSimError as fault:
        raise ValueError(f"{text!r} is no schedule: {fault}") from None
    calendar(found)
    return found


def explained(five: str, now: datetime) -> str:
    """Return a schedule in words."""
    return str(CronSim(five, now).explain())


def following(five: str, now: datetime) -> datetime:
    """Return the next run."""
    return next(CronSim(five, now))


def missed(five: str, installed: datetime, last: datetime | None, now: datetime) -> datetime | None:
    """Return the run that should have been and was not; `last` is when the last one began."""
    expected = next(CronSim(five, now - GRACE, reverse=True))
    return expected if expected > installed and (last is None or last < expected) else None


def calendar(five: str) -> str:
    """Return a schedule as systemd's OnCalendar. Raises ValueError for one that it cannot say.

    With both a day of the month and a day of the week, cron means either of
    them and systemd both.
    """
    day, weekday = five.split()[2], five.split()[4]
    if day != "*" and weekday != "*":
        raise ValueError(f"{five!r} names days of the month and of the week: make it one of them")
    known = CronSim(five, datetime(2000, 1, 1))  # noqa: DTZ001  only its sets are read
    days = sorted({int(str(number)) % 7 for number in known.weekdays})
    names = "" if weekday == "*" else ",".join(DAYS[number][:3].title() for number in days) + " "
    months = "*" if len(known.months) == len(range(12)) else _listed(known.months)
    of_month = "*" if day == "*" else _listed(known.days)
    return f"{names}*-{months}-{of_month} {_listed(known.hours)}:{_listed(known.minutes)}:00"


def service(command: str, stack: str) -> str:
    """Return the unit that makes the backups once."""
    return (
        f"[Unit]\nDescription=Backups of the database server, stack {stack}\nAfter=docker.service\n\n"
        f"[Service]\nType=oneshot\nExecStart=/bin/sh -c {_systemd(command)}\n"
    )


def timer(five: str, stack: str) -> str:
    """Return the unit that starts it; what was missed while the machine was off is made up for."""
    return (
        f"[Unit]\nDescription=Backups of the database server, stack {stack}\n\n"
        f"[Timer]\nOnCalendar={calendar(five)}\nPersistent=true\n\n[Install]\nWantedBy=timers.target\n"
    )


def in_crontab(table: str, stack: str, line: str) -> str:
    """Return a crontab with this stack's line set, or removed where it is empty; every other line stays."""
    mark = f"# db-server {stack}"
    kept = [text for text in cleaning.lines(table) if not text.endswith(mark)]
    return "".join(f"{text}\n" for text in [*kept, *([f"{line} {mark}"] if line else [])])


def cron_line(five: str, command: str) -> str:
    """Return the line of a crontab; cron takes a percent sign for the end of a line."""
    escaped = command.replace("%", "\\%")
    return f"{five} {escaped}"


def command(script: str, stack: str, search: str) -> str:
    """Return what a run starts. `search` is the PATH under which docker was found at the installation."""
    return f"PATH={quote(search)} {quote(script)} schedule run --stack {quote(stack)}"


def _words(words: list[str]) -> str:
    kind, rest = words[0], words[1:]
    weekday = next((str(number) for number, name in enumerate(DAYS) if rest and name.startswith(rest[0][:3])), "")
    if kind == "weekly" and weekday and len(rest[0]) > 2:  # noqa: PLR2004  the shortest name of a day
        rest = rest[1:]
    time = TIME.fullmatch(rest[0] if rest else NIGHT)
    if kind == "hourly" and not rest:
        return "0 * * * *"
    days = {"daily": "* * *", "weekly": f"* * {weekday or 0}", "monthly": "1 * *"}.get(kind)
    if days is None or time is None or len(rest) > 1:
        raise ValueError(f"{' '.join(words)!r} is no schedule")
    return f"{int(time[2])} {int(time[1])} {days}"


def _listed(numbers: set[int]) -> str:
    return ",".join(f"{number:02}" for number in sorted(int(number) for number in numbers))


def _systemd(text: str) -> str:
    """Return a text as one word of a unit file, where `%` and `$` mean something."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'
