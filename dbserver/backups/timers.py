"""The schedule of a stack: kept in its state directory, and told to systemd or cron."""

import json
import os
import shutil
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from dbserver import execute, json_file
from dbserver.backups import schedule
from dbserver.engine import backend
from dbserver.errors import CommandError, DbServerError, UsageError
from dbserver.results.schedule import Run, Schedule

SYSTEMD, CRON = "systemd", "cron"
SECONDS = 30


def read(stack: str, now: datetime) -> Schedule:
    """Return the schedule of a stack with its next and its last run; an empty one where there is none."""
    known, last = json_file.read(_file(stack)), json_file.read(_last(stack))
    run = Run(**{**last, "failed": tuple(last["failed"])}) if last else None
    if not known:
        return Schedule(stack, last=run)
    five = str(known["fields"])
    began = datetime.fromisoformat(run.began) if run else None
    missed = schedule.missed(five, datetime.fromisoformat(known["installed"]), began, now)
    return Schedule(
        stack=stack,
        fields=five,
        meaning=schedule.explained(five, now),
        mechanism=str(known["mechanism"]),
        following=schedule.following(five, now).isoformat(timespec="seconds"),
        missed=missed.isoformat(timespec="seconds") if missed else "",
        tell=str(known["tell"]),
        last=run,
    )


def install(stack: str, five: str, tell: str, script: str, now: datetime) -> None:
    """Tell systemd or cron, then note it. Raises UsageError where the machine has neither."""
    mechanism = _mechanism()
    command = schedule.command(script, stack, os.environ.get("PATH", os.defpath))
    if mechanism == SYSTEMD:
        _write_units(stack, five, command)
    else:
        _write_crontab(stack, schedule.cron_line(five, command))
    _store(_file(stack), {
        "fields": five, "mechanism": mechanism, "installed": now.isoformat(timespec="seconds"), "tell": tell,
    })  # fmt: skip


def remove(stack: str) -> None:
    """Take the schedule away from systemd or cron; what the last run said stays."""
    known = json_file.read(_file(stack))
    if known.get("mechanism") == SYSTEMD:
        _systemctl("disable", "--now", f"{_unit(stack)}.timer")
        for ending in ("timer", "service"):
            (_units() / f"{_unit(stack)}.{ending}").unlink(missing_ok=True)
        _systemctl("daemon-reload")
    elif known:
        _write_crontab(stack, "")
    _file(stack).unlink(missing_ok=True)


def record(stack: str, run: Run) -> None:
    """Note how a scheduled run has ended."""
    _store(_last(stack), asdict(run))


def _mechanism() -> str:
    if Path("/run/systemd/system").is_dir() and shutil.which("systemctl"):
        return SYSTEMD
    if shutil.which("crontab"):
        return CRON
    raise UsageError("this machine has neither systemd nor cron", "sudo apt-get install cron, then try again")


def _write_units(stack: str, five: str, command: str) -> None:
    directory = _units()
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{_unit(stack)}.service").write_text(schedule.service(command, stack))
    (directory / f"{_unit(stack)}.timer").write_text(schedule.timer(five, stack))
    _systemctl("daemon-reload")
    _systemctl("enable", "--now", f"{_unit(stack)}.timer")


def _units() -> Path:
    return Path("/etc/systemd/system") if os.geteuid() == 0 else Path.home() / ".config" / "systemd" / "user"


def _systemctl(*arguments: str) -> None:
    own = [] if os.geteuid() == 0 else ["--user"]
    _told(["systemctl", *own, *arguments])


def _write_crontab(stack: str, line: str) -> None:
    # Without a table there is none to list: that is no failure, and an empty one.
    listed = execute.run(["crontab", "-l"], timeout=SECONDS, check=False)
    before = listed.stdout if listed.succeeded else ""
    _told(["crontab", "-"], schedule.in_crontab(before, stack, line))


def _told(argv: list[str], stdin: str = "") -> None:
    try:
        execute.run(argv, stdin=stdin, timeout=SECONDS)
    except CommandError as fault:
        raise DbServerError(f"the schedule was not changed: {fault.output}", "mend that, then try again") from None


def _unit(stack: str) -> str:
    return f"db-server-backup-{stack}"


def _file(stack: str) -> Path:
    return backend.STATE / "schedule" / f"{stack}.json"


def _last(stack: str) -> Path:
    return backend.STATE / "schedule" / f"{stack}.last.json"


def _store(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    new.touch(0o600)
    new.write_text(json.dumps(content, indent=1) + "\n")
    new.replace(path)
