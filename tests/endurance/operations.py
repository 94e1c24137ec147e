"""What is done to the running stack as its operators do it: each has to succeed."""

from collections.abc import Mapping

from dbserver import moment as moments
from tests.endurance.faults import PRUNE
from tests.endurance.ground import Act, Ground
from tests.endurance.steps import Step

DISCONNECT = "--disconnect-applications"


def chosen(ground: Ground, step: Step) -> str:
    known = ground.backups(step.application)
    return known[int(step.part * len(known))]


def backup(ground: Ground, step: Step) -> str:
    ground.verb("backup", step.application)
    return step.application


def backup_of_redis(ground: Ground, _step: Step) -> str:
    ground.verb("backup", "--redis")
    return "Redis"


def checkpoint(ground: Ground, step: Step) -> str:
    ground.verb("checkpoint", step.application, "--colour", "blue", "--revision", f"step-{step.number}")
    return step.application


def verify(ground: Ground, step: Step) -> str:
    ground.verb("verify", name := chosen(ground, step))
    return name


def restore(ground: Ground, step: Step) -> str:
    """Restore; the database before stays beside, with every write that was acknowledged since the backup."""
    before, name = ground.live(step.application), chosen(ground, step)
    told = ground.json("restore", step.application, name, "--confirm", step.application)
    if told and not ground.note_restore(step.application, name):
        ground.found(f"restore of {name} ended with 0, and {before} is live as before")
    return f"{name}, clients waited {told.get('away_seconds', '?')} s"


def restore_and_rollback(ground: Ground, step: Step) -> str:
    """Restore, let the applications write, and go back: what was acknowledged before the restore is live again."""
    before = ground.live(step.application)
    said = restore(ground, step)
    ground.wait_for_writes()
    ground.examine()
    roll_back(ground, step.application, before)
    return f"{said}, and back"


def restore_a_moment(ground: Ground, step: Step) -> str:
    """Bring an application back to a moment of its live database; that one stays beside."""
    before, moment = ground.live(step.application), ground.moment(step.application, step.part)
    at = moments.written(moment)
    told = ground.json("restore", step.application, "--at", at, "--confirm", step.application)
    if told and not ground.note_moment(step.application, before, moment):
        ground.found(f"restore to {at} ended with 0, and {before} is live as before")
    return f"{step.application} as it was at {at}, clients waited {told.get('away_seconds', '?')} s"


def base_backup(ground: Ground, _step: Step) -> str:
    ground.verb("archive", "--base-backup")
    return "of the archive"


def copy(ground: Ground, _step: Step) -> str:
    ground.verb("offsite", "push")
    return "everything that was not there yet"


def drill(ground: Ground, step: Step) -> str:
    ground.verb("drill", step.application)
    return step.application


def roll_back(ground: Ground, application: str, before: int) -> None:
    ground.verb("rollback", application, "--confirm", application)
    if ground.live(application) != before:
        ground.found(f"after the rollback {application} is not the database before the restore")


def prune(ground: Ground, step: Step) -> str:
    ground.verb("prune", step.application, *PRUNE)
    return f"{step.application}, {len(ground.backups(step.application))} backups stay"


def reload(ground: Ground, step: Step) -> str:
    return _configured(ground, "work_mem", f"{3 + step.number}MB", "start.sh")


def restart_for_a_setting(ground: Ground, step: Step) -> str:
    return _configured(ground, "max_locks_per_transaction", str(64 + step.number), "start.sh", DISCONNECT)


def _configured(ground: Ground, setting: str, value: str, script: str, *flags: str) -> str:
    ground.configure(setting, value)
    ground.verb(*flags, script=script)
    if ground.stack.sql(f"SHOW {setting}") != value:
        ground.found(f"{setting} is not {value}")
    return f"{setting} = {value}"


def restart(ground: Ground, step: Step) -> str:
    ground.verb(step.server, "--yes", DISCONNECT, script="restart.sh")
    return step.server


OPERATIONS: Mapping[str, Act] = {
    "backup": backup,
    "backup of Redis": backup_of_redis,
    "checkpoint": checkpoint,
    "verify": verify,
    "restore": restore,
    "restore and rollback": restore_and_rollback,
    "restore to a moment": restore_a_moment,
    "base backup": base_backup,
    "copy elsewhere": copy,
    "drill": drill,
    "prune": prune,
    "setting, reload": reload,
    "setting, restart": restart_for_a_setting,
    "restart": restart,
}
