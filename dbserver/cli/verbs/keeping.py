"""The verbs that say which backups stay, and the one before a deployment."""

from contextlib import suppress

import click

from dbserver.cli.options import APPLICATION, declared, one_of, running, say, show, verb
from dbserver.errors import NotRunningError

COUNT = click.IntRange(min=0)


@verb(
    """
    dbserver prune crypto-ai-agent --keep-last 7 --dry-run
    dbserver prune --all --keep-days 2 --daily 14 --weekly 8 --monthly 12 --yearly 3
    """,
)
@click.argument("application", required=False, type=APPLICATION)
@click.option("--all", "everything", is_flag=True, help="Every application, and whatever else there are backups of.")
@click.option("--keep-last", "last", type=COUNT, default=0, metavar="N", help="Keep the newest N.")
@click.option("--keep-days", "days", type=COUNT, default=0, metavar="N", help="Keep those of the last N days.")
@click.option("--daily", type=COUNT, default=0, metavar="N", help="Keep the newest of each of N days that have any.")
@click.option("--weekly", type=COUNT, default=0, metavar="N", help="The same for weeks.")
@click.option("--monthly", type=COUNT, default=0, metavar="N", help="The same for months.")
@click.option("--yearly", type=COUNT, default=0, metavar="N", help="The same for years.")
@click.option("--minimum", type=click.IntRange(min=1), default=3, show_default=True, help="So many good ones stay.")
@click.option("--old-databases-days", type=COUNT, default=7, show_default=True, help="How long replaced ones stay.")
@click.option("--dry-run", is_flag=True, help="Remove nothing, say what would be.")
def prune(
    stack: str | None,
    form: str,
    application: str | None,
    everything: bool,
    old_databases_days: int,
    dry_run: bool,
    **rules: int,
) -> None:
    """Remove the backups that no rule keeps, and the databases that restores replaced some time ago.

    Says of each backup why it stays or goes. Pinned ones stay, and never fewer than --minimum good ones of each
    application; damaged ones do not count.
    """
    from dbserver.actions.keeping import Wanted
    from dbserver.actions.keeping import prune as act
    from dbserver.backups.retention import Rules
    from dbserver.cli.render import keeping as render_keeping

    one_of(application, "--all" if everything else None, "APP or --all")
    known = declared(stack, changing=True)
    with suppress(NotRunningError):  # the backups are pruned all the same
        known = running(stack)
    found = act(known, application, Wanted(Rules(**rules), old_databases_days, dry_run))
    show(found, form, render_keeping.pruned)


@verb(
    """
    dbserver pin crypto-ai-agent_2026-11-23T14-05-07Z
    """,
)
@click.argument("backup")
def pin(stack: str | None, form: str, backup: str) -> None:
    """Keep a backup from being pruned, whatever the rules say."""
    from dbserver.actions.keeping import pin as act
    from dbserver.cli.render import keeping as render_keeping

    show(act(declared(stack, changing=True), backup, pinned=True), form, render_keeping.pinned)


@verb(
    """
    dbserver unpin crypto-ai-agent_2026-11-23T14-05-07Z
    """,
)
@click.argument("backup")
def unpin(stack: str | None, form: str, backup: str) -> None:
    """Let the rules of prune decide on a backup again."""
    from dbserver.actions.keeping import pin as act
    from dbserver.cli.render import keeping as render_keeping

    show(act(declared(stack, changing=True), backup, pinned=False), form, render_keeping.pinned)


@verb(
    """
    dbserver checkpoint crypto-ai-agent --colour green --revision "$GIT_SHA"
    id=$(dbserver checkpoint crypto-ai-agent --colour green --revision "$GIT_SHA") || exit 1
    """,
)
@click.argument("application", type=APPLICATION)
@click.option("--colour", required=True, help="The colour that is live.")
@click.option("--revision", required=True, help="The revision that is live.")
@click.option("--note", default="", help="Anything else.")
def checkpoint(stack: str | None, form: str, application: str, colour: str, revision: str, note: str) -> None:
    """Make a backup before a deployment, prove it, and print its id alone.

    To go back to it: dbserver restore APP --checkpoint ID.
    """
    from dbserver.actions.backup import checkpoint as act
    from dbserver.backups.making import Wanted
    from dbserver.cli.render import keeping as render_keeping

    made = act(running(stack, changing=True), application, Wanted("", application, colour, revision, note))
    say(render_keeping.checkpoint(made))
    show(made, form, lambda result: str(result.backup.id))
