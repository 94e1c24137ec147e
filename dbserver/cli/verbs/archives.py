"""The verbs on the continuous archive."""

import click

from dbserver.cli.options import APPLICATION, declared, running, show, verb

ROWS = 100


@verb(
    """
    dbserver archive
    dbserver archive --format json
    dbserver archive --base-backup
    """,
)
@click.option("--base-backup", is_flag=True, help="Make a base backup now, and wait until it is complete and verified.")
def archive(stack: str | None, form: str, base_backup: bool) -> None:
    """Show which seconds come back, whether the log arrives, and the base backups; exit 3 where something is wrong."""
    from dbserver.actions import archive as act
    from dbserver.cli.render import archive as render_archive

    known = declared(stack, changing=base_backup)
    known = running(stack, changing=base_backup) if known.archive else known
    found = act.base_backup(known) if base_backup else act.archive(known)
    show(found, form, render_archive.archive)


@verb(
    """
    dbserver history crypto-ai-agent
    dbserver history crypto-ai-agent --since -3h --rows 1000
    dbserver history crypto-ai-agent --since '2026-11-23 14:00+01' --until '2026-11-23 15:00+01' --format json
    """,
)
@click.argument("application", type=APPLICATION)
@click.option("--since", metavar="MOMENT", help="From when: with a time zone, or -3h. Default: an hour before the end.")
@click.option("--until", metavar="MOMENT", help="Until when. Default: now.")
@click.option(
    "--rows",
    type=click.IntRange(1),
    default=ROWS,
    help="Rows of one table from which on it is shown.",
    show_default=True,
)
def history(stack: str | None, form: str, application: str, since: str | None, until: str | None, rows: int) -> None:
    """Find the moment for restore --at, from the archive: commits per minute, large changes, changes of the schema."""
    from dbserver.actions.history import history as act
    from dbserver.cli.render import history as render_history

    known = declared(stack)
    show(act(running(stack) if known.archive else known, application, since, until, rows), form, render_history.history)
