"""The verb that brings a server to another major version."""

from pathlib import Path
from typing import Any

import click

from dbserver.cli.options import confirmed, disconnect_option, running, say, show, verb
from dbserver.cli.verbs.backups import IDENTITY, JOBS
from dbserver.contract import POSTGRES


@verb(
    """
    dbserver upgrade postgres --to 18 --rehearse
    dbserver upgrade postgres --to 18 --confirm postgres
    dbserver upgrade postgres --to 18 --image example.com/postgres:18-postgis --rehearse
    dbserver upgrade postgres --rollback --confirm postgres
    """,
)
@click.argument("server", type=click.Choice([POSTGRES]))
@click.option("--to", type=click.IntRange(min=1), metavar="MAJOR", help="The major version.")
@click.option("--rehearse", is_flag=True, help="Restore the newest backups into a throwaway server; change nothing.")
@click.option("--rollback", "back", is_flag=True, help="Bring the directory of the version before back.")
@click.option("--image", default="", metavar="NAME", help="The image; default: the declared one with the other tag.")
@click.option("--jobs", type=click.IntRange(1, 16), default=JOBS, help="Tables moved at a time.", show_default=True)
@IDENTITY
@click.option("--unrehearsed", is_flag=True, help="Go on although no rehearsal has succeeded lately.")
@click.option("--confirm", metavar="NAME", help="The word postgres; needed without a terminal.")
@disconnect_option
def upgrade(
    stack: str | None, form: str, server: str, to: int | None, identity: Path | None, jobs: int, **how: Any
) -> None:
    """Bring PostgreSQL to another major version: everything moved into a new data directory, compared, then swapped.

    Nobody can write meanwhile. The directory before is kept: --rollback brings it back.
    """
    from dbserver.actions import rehearsal
    from dbserver.actions import upgrade as act
    from dbserver.cli.render import upgrades as render_upgrades
    from dbserver.major import Wanted

    if how["back"] == (to is not None) or (how["back"] and how["rehearse"]):
        raise click.UsageError("--to MAJOR or --rollback: one of them is needed, and not both")
    known, may = running(stack, changing=True), act.How(how["disconnect_applications"], how["unrehearsed"])
    if to is None:
        say("what was written since the upgrade will be in the kept directory alone")
        confirmed(server, how["confirm"])
        show(act.roll_back(known, how["image"], may, say), form, render_upgrades.undone)
        return
    wanted = Wanted(to, how["image"], identity, jobs)
    if how["rehearse"]:
        found = rehearsal.rehearse(known, wanted, say)
        show(found, form, render_upgrades.rehearsal)
        return
    say(f"nobody can write to {known.containers[server]} until it runs as PostgreSQL {to}")
    confirmed(server, how["confirm"])
    show(act.upgrade(known, wanted, may, say), form, render_upgrades.upgraded)
