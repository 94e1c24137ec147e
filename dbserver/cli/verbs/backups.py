"""The verbs on backups."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from dbserver.cli.options import APPLICATION, confirmed, declared, disconnect_option, one_of, running, say, show, verb

JOBS = 2
IDENTITY = click.option(
    "--identity", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="The private key, of age."
)


@verb(
    """
    dbserver backup crypto-ai-agent
    dbserver backup crypto-ai-agent --colour green --revision "$GIT_SHA" --note "before the migration"
    dbserver backup crypto-ai-agent --low-priority --jobs 1
    dbserver backup --all
    dbserver backup --redis
    dbserver backup --redis --at '2026-11-23 14:05:07+01'
    """,
)
@click.argument("application", required=False, type=APPLICATION)
@click.option("--all", "everything", is_flag=True, help="Every database, found by itself, and the roles and settings.")
@click.option("--redis", is_flag=True, help="Back up all of Redis.")
@click.option("--at", metavar="MOMENT", default="", help="With --redis: what it held at a moment, with its time zone.")
@click.option("--colour", default="", help="The colour that is live, for whoever restores.")
@click.option("--revision", default="", help="The revision that is live.")
@click.option("--note", default="", help="Anything else.")
@click.option("--jobs", type=click.IntRange(1, 16), default=JOBS, help="Tables dumped at a time.", show_default=True)
@click.option("--low-priority", is_flag=True, help="Give way to everybody else on a busy server.")
def backup(
    stack: str | None,
    form: str,
    application: str | None,
    everything: bool,
    redis: bool,
    at: str,
    jobs: int,
    low_priority: bool,
    **told: str,
) -> None:
    """Back up an application's database, or Redis: as of one moment, with a proof of every byte and row."""
    from dbserver.actions import backup as act
    from dbserver.backups.making import Wanted
    from dbserver.cli.render import backups as render_backups
    from dbserver.cli.verbs import redis_backups

    kind = "--all" if everything else "--redis" if redis else None
    one_of(application, kind, "APP, --all or --redis")
    known = running(stack, changing=True)
    if redis:
        redis_backups.backup(known, form, at, told)
        return
    if at:
        raise click.UsageError("--at is for --redis")
    wanted = Wanted("", application or "", jobs=jobs, low_priority=low_priority, streamed=False, moment=None, **told)
    made = act.backup(known, application, wanted) if application else act.backup_all(known, wanted)
    for line in render_backups.removed(made.removed):
        say(line)
    show(made, form, render_backups.backed_up)


@verb(
    """
    dbserver backups
    dbserver backups crypto-ai-agent --format json
    """,
)
@click.argument("application", required=False, type=APPLICATION)
def backups(stack: str | None, form: str, application: str | None) -> None:
    """List the backups: of what, age, size, colour, revision, when verified."""
    from dbserver.actions.backups import backups as act
    from dbserver.cli.render import backups as render_backups

    show(act(declared(stack), application), form, render_backups.backups)


@verb(
    """
    dbserver verify crypto-ai-agent_2026-11-23T14-05-07Z
    dbserver verify crypto-ai-agent_2026-11-23T14-05-07Z --identity /media/key/identity.txt
    """,
)
@click.argument("backup")
@IDENTITY
def verify(stack: str | None, form: str, backup: str, identity: Path | None) -> None:
    """Prove that a backup is whole: every byte by its checksum, the structure by reading all of it."""
    from dbserver.actions.backup import verify as act
    from dbserver.cli.render import backups as render_backups

    found = act(declared(stack), backup, identity)
    show(found, form, render_backups.verified)


@verb(
    """
    dbserver restore crypto-ai-agent latest
    dbserver restore crypto-ai-agent backups/crypto-ai-agent_2026-11-23.sql
    dbserver restore crypto-ai-agent /tmp/from-elsewhere.sql.gz
    dbserver restore crypto-ai-agent crypto-ai-agent_2026-11-23T14-05-07Z --confirm crypto-ai-agent
    dbserver restore crypto-ai-agent --checkpoint "$id" --confirm crypto-ai-agent
    dbserver restore --redis latest --confirm redis
    dbserver restore crypto-ai-agent --redis latest
    dbserver restore --redis --at '2026-11-23 14:05:07+01'
    dbserver restore crypto-ai-agent --redis --at -10min
    dbserver restore crypto-ai-agent latest --into crypto_to_look_at
    dbserver restore crypto-ai-agent latest --table public.users --table public.orders
    dbserver restore crypto-ai-agent --at '2026-11-23 14:05:07+01'
    dbserver restore crypto-ai-agent --at -10min --confirm crypto-ai-agent
    dbserver restore crypto-ai-agent --before-transaction 48213
    dbserver restore --all --at '2026-11-23 14:05:07+01' --confirm postgres
    dbserver restore --all --undo --confirm postgres
    """,
)
@click.argument("application", required=False, type=APPLICATION)
@click.argument("backup", required=False)
@click.option("--checkpoint", metavar="ID", help="The backup by the id that checkpoint printed.")
@click.option("--at", metavar="MOMENT", help="As it was at that second: with a time zone, or -10min.")
@click.option("--before-transaction", type=int, metavar="ID", help="As it was just before, from the archive.")
@click.option("--confirm", metavar="NAME", help="The application's name again; needed without a terminal.")
@click.option("--jobs", type=click.IntRange(1, 16), default=JOBS, help="Tables restored at a time.", show_default=True)
@click.option("--redis", is_flag=True, help="Restore Redis while it runs: all, or the application's keys.")
@click.option("--allow-empty", is_flag=True, help="Take a file without a table for a database that has some.")
@IDENTITY
@click.option("--into", metavar="NAME", default="", help="Restore as a new database of this name; nothing is swapped.")
@click.option("--table", "tables", metavar="SCHEMA.TABLE", multiple=True, help="Restore this table, into a new schema.")
@click.option(
    "--all", "everything", is_flag=True, help="The whole PostgreSQL server, from the archive; default: its end."
)
@click.option("--undo", is_flag=True, help="With --all: bring the directory before back.")
@disconnect_option
def restore(
    stack: str | None,
    form: str,
    application: str | None,
    backup: str | None,
    checkpoint: str | None,
    redis: bool,
    **how: Any,
) -> None:
    """Restore an application's database: beside the live one, proved, then swapped while clients are connected.

    The database before is kept: dbserver rollback brings it back. With --all the whole server, in a restart.
    """
    from dbserver.actions import restore as act
    from dbserver.cli.render import backups as render_backups
    from dbserver.cli.verbs import redis_backups, whole

    if how["everything"] or how["undo"] or how["disconnect_applications"]:
        whole.restore(running(stack, changing=True), form, how, [application, backup, checkpoint, redis])
        return
    if redis:
        if how["before_transaction"] is not None:
            raise click.UsageError("--before-transaction is not for --redis")
        names = [name for name in (application, backup) if name is not None]
        redis_backups.restore(running(stack, changing=True), form, names, how["at"] or "", how["confirm"])
        return
    if application is None:
        raise click.UsageError("APPLICATION, --redis or --all: one of them is needed")
    known, beside = running(stack, changing=True), bool(how["into"] or how["tables"])
    if how["into"] and how["tables"]:
        raise click.UsageError("--into is a whole database, --table single tables: take one of them")
    chosen = _chosen(known, application, {"BACKUP": backup, "--checkpoint": checkpoint}, how)
    plan = act.plan(known, application, chosen, how["identity"], swapped=not beside)
    if beside:
        made = act.restore_beside(known, plan, how["jobs"], how["into"], how["tables"])
        show(made, form, render_backups.restored_beside)
        return
    say(_told(plan))
    confirmed(application, how["confirm"])
    show(act.restore(known, plan, how["jobs"], allow_empty=how["allow_empty"]), form, render_backups.restored)


def _told(plan: Any) -> str:
    from dbserver.cli.render import backups as render_backups

    foreign = plan.live is not None
    return render_backups.plan(plan.backup.id, plan.losses, exists=plan.exists, foreign=foreign, unknown=plan.unknown)


def _chosen(known: Any, application: str, named: Mapping[str, str | None], how: Mapping[str, Any]) -> str:
    """Return the backup to take; where a moment is given, it is made first, from the archive."""
    if how["at"] is None and how["before_transaction"] is None:
        return one_of(named["BACKUP"], named["--checkpoint"], "BACKUP or --checkpoint")
    if any(named.values()) or (how["at"] is not None and how["before_transaction"] is not None):
        raise click.UsageError("BACKUP, --checkpoint, --at and --before-transaction exclude each other")
    from dbserver.actions.moment import bring_back

    if how["confirm"] is not None and not (how["into"] or how["tables"]):
        confirmed(application, how["confirm"])
    made = bring_back(known, application, how["at"] or "", how["before_transaction"], how["jobs"], say)
    return str(made.id)


@verb(
    """
    dbserver rollback crypto-ai-agent --confirm crypto-ai-agent
    """,
)
@click.argument("application", type=APPLICATION)
@click.option("--confirm", metavar="NAME", help="The application's name again; needed without a terminal.")
def rollback(stack: str | None, form: str, application: str, confirm: str | None) -> None:
    """Undo the last restore: the database before it is live again, the restored one is kept."""
    from dbserver.actions import restore as act
    from dbserver.cli.render import backups as render_backups

    known = running(stack, changing=True)
    confirmed(application, confirm)
    show(act.rollback(known, application), form, render_backups.rolled_back)
