"""What backup and restore do with --redis."""

from collections.abc import Mapping, Sequence
from typing import Any

from dbserver.cli.options import confirmed, say, show
from dbserver.errors import UsageError

NAME = "redis"


def backup(declared: Any, form: str, at: str, told: Mapping[str, str]) -> None:
    """Back up all of Redis, or what it held at a moment."""
    from dbserver.actions.backup import backup_redis as act
    from dbserver.backups.redis_making import Wanted
    from dbserver.cli.render import backups as render_backups

    show(act(declared, Wanted(**told), at), form, render_backups.backed_up)


def restore(declared: Any, form: str, names: Sequence[str], at: str, confirm: str | None) -> None:
    """Restore all of Redis, or an application's keys: `names` are that one, if any, and the backup, if no `at`."""
    from dbserver.actions import redis_restore as act
    from dbserver.cli.render import redis_backups as render

    if len(names) not in ((0, 1) if at else (1, 2)):
        raise UsageError("--redis: BACKUP or --at: one of them is needed, and not both", "dbserver restore --help")
    application = names[0] if len(names) == (1 if at else 2) else ""
    if at and confirm is not None:  # a moment takes its time: who has mistyped the name shall not wait for it
        confirmed(application or NAME, confirm)
    plan = act.plan_at(declared, application, at) if at else act.plan(declared, application, names[-1])
    say(render.plan(plan.backup.id, application, plan.losses, plan.at, plan.window))
    confirmed(application or NAME, confirm)
    show(act.restore(declared, plan), form, render.restored)
