"""The verbs that prove backups by using them."""

from pathlib import Path

import click

from dbserver.cli.options import APPLICATION, running, show, verb
from dbserver.cli.verbs.backups import IDENTITY


@verb(
    """
    dbserver drill crypto-ai-agent
    dbserver drill crypto-ai-agent crypto-ai-agent_2026-11-23T14-05-07Z --format json
    """,
)
@click.argument("application", type=APPLICATION)
@click.argument("backup", default="latest")
@click.option("--jobs", type=click.IntRange(1, 16), default=2, help="Tables restored at a time.", show_default=True)
@IDENTITY
def drill(stack: str | None, form: str, application: str, backup: str, jobs: int, identity: Path | None) -> None:
    """Prove that a backup can be restored: into a database of its own, compared row for row, then dropped.

    The newest backup is taken unless told. The evidence is kept with the backup, and status shows it.
    """
    from dbserver.actions.drill import drill as act
    from dbserver.cli.render import backups as render_backups

    found = act(running(stack, changing=True), application, backup, jobs, identity)
    show(found, form, render_backups.drilled)
