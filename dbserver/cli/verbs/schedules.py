"""The verb on the schedule of backups."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import click

from dbserver.cli.options import declared, running, say, show, verb
from dbserver.errors import UsageError

ACTS = ("show", "install", "remove", "run")
NOTE = "scheduled"


@verb(
    """
    dbserver schedule
    dbserver schedule install "daily 03:30"
    dbserver schedule install "30 3 * * 1-5" --tell https://example.org/backups
    dbserver schedule remove
    """,
)
@click.argument("act", default="show", type=click.Choice(ACTS))
@click.argument("when", required=False)
@click.option("--tell", default="", metavar="COMMAND|URL", help="Gets the result of each run as JSON.")
def schedule(stack: str | None, form: str, act: str, when: str | None, tell: str) -> None:
    """Show, install or remove the schedule by which everything is backed up, with systemd or cron.

    It shows the next run and the last result. A run that failed, or did not happen, makes status and doctor red.
    """
    from dbserver.actions import schedule as acts
    from dbserver.cli.render import backups as render_backups

    known = declared(stack, changing=act in ("install", "remove"))
    if (act == "install") != (when is not None):
        raise UsageError("install takes a schedule, and only install", 'dbserver schedule install "daily 03:30"')
    if act == "install":
        found = acts.install(known, when or "", tell)
    elif act == "run":
        found = replace(_run(known), ran=True)
    else:
        found = acts.remove(known) if act == "remove" else acts.show(known)
    show(found, form, render_backups.schedule)


def _run(known: Any) -> Any:
    """Back up every database and Redis, copy that elsewhere, and note how it ended, whatever is raised."""
    from dbserver.actions import backup as making
    from dbserver.actions import schedule as acts
    from dbserver.backups import redis_making
    from dbserver.backups.making import Wanted
    from dbserver.errors import DbServerError

    began, made = datetime.now().astimezone(), 0
    try:
        servers = running(known.stack, changing=True)
    except DbServerError as fault:
        return acts.ended(known, began, made, [fault.message])
    failed: list[str] = []
    parts: dict[str, Callable[[], Any]] = {
        "PostgreSQL": lambda: making.backup_all(servers, Wanted("", note=NOTE)),
        "Redis": lambda: making.backup_redis(servers, redis_making.Wanted(note=NOTE)),
    }
    for name, back_up in parts.items():
        try:
            done = back_up()
        except DbServerError as fault:
            failed.append(f"{name}: {fault.message}")
        else:
            made += len(done.backups)
            failed += [f"{each.subject}: {each.cause}" for each in done.failed]
    return acts.ended(known, began, made, failed + _copied(known))


def _copied(known: Any) -> list[str]:
    """Copy what was backed up to where it survives the machine; return what was not copied."""
    from dbserver.actions import offsite
    from dbserver.errors import DbServerError

    if known.offsite is None:
        return []
    try:
        return [f"{each.subject}: {each.cause}" for each in offsite.push(known, say).failed]
    except DbServerError as fault:
        return [f"offsite: {fault.message}"]
