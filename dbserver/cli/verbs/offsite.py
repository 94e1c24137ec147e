"""The verbs on copies of the backups that survive the machine."""

from pathlib import Path
from typing import Any

import click

from dbserver.cli.options import declared, say, show, verb
from dbserver.cli.verbs.backups import IDENTITY, JOBS
from dbserver.errors import UsageError

ACTS = ("list", "push", "verify", "prune", "fetch")
TAKES_A_NAME = ("verify", "fetch")
FILE = click.Path(dir_okay=False, path_type=Path)


@verb(
    """
    dbserver offsite push
    dbserver offsite list --format json
    dbserver offsite verify
    dbserver offsite verify crypto-ai-agent_2026-11-23T14-05-07Z --identity /media/key/identity.txt
    dbserver offsite prune --dry-run
    dbserver offsite fetch crypto-ai-agent_2026-11-23T14-05-07Z --identity /media/key/identity.txt
    """,
)
@click.argument("act", default="list", type=click.Choice(ACTS))
@click.argument("backup", required=False)
@IDENTITY
@click.option("--sizes", is_flag=True, help="verify: compare sizes alone; nothing is read back.")
@click.option("--dry-run", is_flag=True, help="prune: remove nothing, say what would be.")
def offsite(
    stack: str | None, form: str, act: str, backup: str | None, identity: Path | None, sizes: bool, dry_run: bool
) -> None:
    """Copy the backups, encrypted, to where they survive the machine; list, prove, prune and fetch the copies."""
    from dbserver.actions import offsite as acts
    from dbserver.cli.render import offsite as render

    _refuse(act, backup, identity, sizes=sizes, dry_run=dry_run)
    known = declared(stack, changing=act in ("push", "prune", "fetch"))
    if act == "push":
        show(acts.push(known, say), form, render.pushed)
    elif act == "verify":
        show(acts.verify(known, backup, identity, read=not sizes), form, render.verified)
    elif act == "prune":
        show(acts.prune(known, dry_run=dry_run), form, render.pruned)
    elif act == "fetch":
        show(acts.fetch(known, str(backup), _key(identity)), form, render.fetched)
    else:
        show(acts.listed(known), form, render.copies)


def _refuse(act: str, backup: str | None, identity: Path | None, *, sizes: bool, dry_run: bool) -> None:
    """Raise UsageError for what an act does not take: it would be taken for done."""
    wrong = {
        "BACKUP": backup is not None and act not in TAKES_A_NAME,
        "--identity": identity is not None and act not in TAKES_A_NAME,
        "--sizes": sizes and (act != "verify" or identity is not None),
        "--dry-run": dry_run and act != "prune",
    }
    found = [name for name, given in wrong.items() if given]
    if found:
        raise UsageError(f"{act} does not take {', '.join(found)} here", "dbserver offsite --help")
    if act == "fetch" and backup is None:
        raise UsageError("fetch takes the name of a copy", "dbserver offsite list")


def _key(identity: Path | None) -> Path:
    if identity is None:
        raise UsageError("copies are encrypted", "--identity FILE, with the private key of one of offsite.recipients")
    return identity


@verb(
    """
    dbserver rescue --from s3://copies/db-server --identity /media/key/identity.txt --stack prod
    dbserver rescue --from s3://copies/db-server --identity identity.txt --stack prod --at '2026-11-23 14:05:07+01'
    dbserver rescue --from sftp://backup@nas/db --credentials id_ed25519 --identity identity.txt --stack prod
    """,
)
@click.option("--from", "url", metavar="URL", required=True, help="Where the copies are: offsite.url of the stack.")
@click.option("--identity", metavar="FILE", required=True, type=FILE, help="The private key, of age.")
@click.option("--endpoint", metavar="URL", default="", help="offsite.endpoint of the stack.")
@click.option(
    "--credentials", "credentials_file", metavar="FILE", default="", help="offsite.credentialsFile of the stack."
)
@click.option("--known-hosts", metavar="FILE", default="", help="offsite.knownHosts of the stack.")
@click.option("--at", metavar="MOMENT", help="PostgreSQL as it was then, from the copied archive.")
@click.option("--backups", is_flag=True, help="From the newest backups, although the copied archive reaches further.")
@click.option("--tls-address", metavar="ADDRESS", help="tls.address on this machine, where the old one's was another.")
@click.option("--jobs", type=click.IntRange(1, 16), default=JOBS, help="Tables restored at a time.", show_default=True)
def rescue(
    stack: str | None,
    form: str,
    url: str,
    identity: Path,
    at: str | None,
    backups: bool,
    tls_address: str | None,
    jobs: int,
    **place: Any,
) -> None:
    """Bring a stack back on a bare machine from its copies alone: configuration, state, roles, databases, Redis.

    Refuses where a container or data of the stack exists. Interrupted, it goes on when it is run again.
    """
    from dbserver.actions.rescue import Wanted
    from dbserver.actions.rescue import rescue as act
    from dbserver.cli.render import offsite as render
    from dbserver.offsite.place import Place

    if stack is None:
        raise UsageError("which stack is to be rescued?", "--stack NAME")
    if at and backups:
        raise UsageError("--at goes with the archive alone", "without --backups")
    show(act(Wanted(Place(url, **place), stack, identity, jobs, at, backups, tls_address), say), form, render.rescued)
