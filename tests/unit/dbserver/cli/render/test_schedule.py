"""The schedule as text: what is planned, and how the last run ended, by hand or not."""

from dbserver.cli.render.backups import NOT_SCHEDULED, schedule
from dbserver.results.schedule import Run, Schedule

FAILED = Run("2026-11-24T03:00:00+00:00", "2026-11-24T03:00:09+00:00", 0, ("PostgreSQL: it does not answer",))


def test_a_run_that_failed_says_why_where_nothing_is_scheduled_too() -> None:
    assert schedule(Schedule("dev", last=FAILED, ran=True)).split("\n") == [
        NOT_SCHEDULED, "last run, 2026-11-24T03:00: FAILED: PostgreSQL: it does not answer",
    ]  # fmt: skip


def test_where_nothing_is_scheduled_and_nothing_ran_that_is_all() -> None:
    assert schedule(Schedule("dev")) == NOT_SCHEDULED
