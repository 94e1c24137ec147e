"""schedule: backups that are made by themselves, and somebody who is told."""

import json
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from urllib.parse import urlsplit

from dbserver import execute
from dbserver.backups import schedule, timers
from dbserver.declared import ROOT, Declared
from dbserver.errors import DbServerError, UsageError
from dbserver.results.schedule import Run, Schedule

TELL_SECONDS = 30
SCRIPT = ROOT / "scripts" / "dbserver"


def show(declared: Declared) -> Schedule:
    """Return the schedule with its next and last run."""
    return timers.read(declared.stack, _now())


def install(declared: Declared, text: str, tell: str) -> Schedule:
    """Install a schedule, or another one in its place. Raises UsageError for one that is none."""
    try:
        five = schedule.fields(text)
    except ValueError as fault:
        raise UsageError(str(fault), schedule.HINT) from None
    timers.install(declared.stack, five, tell, str(SCRIPT), _now())
    return show(declared)


def remove(declared: Declared) -> Schedule:
    """Remove the schedule; the backups stay."""
    timers.remove(declared.stack)
    return show(declared)


def ended(declared: Declared, began: datetime, made: int, failed: Sequence[str]) -> Schedule:
    """Note how a scheduled run has ended, and tell whoever is to be told.

    Raises DbServerError where that one cannot be told; the run is noted all the same.
    """
    run = Run(began.isoformat(timespec="seconds"), _now().isoformat(timespec="seconds"), made, tuple(failed))
    timers.record(declared.stack, run)
    found = show(declared)
    if found.tell:
        _tell(found.tell, json.dumps({"stack": declared.stack, **asdict(run), "well": not run.failed}))
    return found


def _tell(whom: str, text: str) -> None:
    try:
        if urlsplit(whom).scheme in ("http", "https"):
            request = urllib.request.Request(whom, text.encode(), {"Content-Type": "application/json"})  # noqa: S310  as below
            urllib.request.urlopen(request, timeout=TELL_SECONDS).close()  # noqa: S310  its scheme was looked at
        else:
            execute.run(["sh", "-c", whom], stdin=text, timeout=TELL_SECONDS)
    except (OSError, DbServerError) as fault:
        raise DbServerError(f"the backups are made, but {whom} was not told: {fault}", "mend that") from None


def _now() -> datetime:
    return datetime.now().astimezone()
