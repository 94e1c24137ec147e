"""Causes in the backups: a schedule whose run failed or did not happen, damaged ones, copies that are missing. Pure."""

import shlex
from collections.abc import Iterator

from dbserver.backups import manifest
from dbserver.diagnosis.cause import FAULT, HOST, Cause, Seen
from dbserver.diagnosis.facts import Facts

REDIS = manifest.subject(manifest.REDIS)


def _failed(facts: Facts) -> Iterator[Seen]:
    last = facts.schedule.last if facts.schedule else None
    if last and last.failed:
        yield Seen(f"the scheduled backup that began {last.began} failed", last.failed)


def _missed(facts: Facts) -> Iterator[Seen]:
    if facts.schedule and facts.schedule.missed:
        yield Seen(f"the backup scheduled for {facts.schedule.missed} did not happen")


def _damaged(facts: Facts) -> Iterator[Seen]:
    for subject, name in facts.damaged_backups:
        # No application's name has a dot.
        again = {REDIS: "--redis"}.get(subject, "--all" if "." in subject else shlex.quote(subject))
        yield Seen(f"the newest backup of {subject} is damaged: {name}", values={"subject": again})


def _not_copied(facts: Facts) -> Iterator[Seen]:
    last = facts.offsite.last if facts.offsite else None
    if last and last.failed:
        yield Seen(f"the copy of backups that began {last.began[:19]} failed", last.failed)


def _copy_missing(facts: Facts) -> Iterator[Seen]:
    if facts.offsite and facts.offsite.waiting:
        yield Seen(f"no copy for more than a day: {', '.join(facts.offsite.waiting)}")


CAUSES = (
    Cause("backup-failed", "", HOST, FAULT,
          "The last scheduled run did not back up everything. Run it by hand to see the reason, and the warning ends.",
          "./scripts/dbserver schedule run --stack {stack}", _failed),
    Cause("backup-missed", "", HOST, FAULT,
          "A scheduled run did not happen: the timer or cron does not run, or the machine was off.",
          "./scripts/dbserver schedule run --stack {stack}", _missed),
    Cause("backup-damaged", "", HOST, FAULT,
          "The newest backup of something was found damaged. Make another one, then look at the disk it was on.",
          "./scripts/dbserver backup {subject} --stack {stack}", _damaged),
    Cause("offsite-failed", "", HOST, FAULT,
          "The last push did not copy everything to where it survives this machine. A push that succeeds ends it.",
          "./scripts/dbserver offsite push --stack {stack}", _not_copied),
    Cause("offsite-missing", "", HOST, FAULT,
          "Backups have no copy that survives this machine: no push was made, or by no schedule.",
          "./scripts/dbserver offsite push --stack {stack}", _copy_missing),
)  # fmt: skip
