"""How the last push ended, and what waits for its copy."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dbserver.engine import backend
from dbserver.offsite import record
from dbserver.results.copies import OffsiteRun

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
URL = "file:///copies"


@pytest.fixture(autouse=True)
def _state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(backend, "STATE", tmp_path)


def run(hours_ago: int, *failed: str) -> OffsiteRun:
    began = (NOW - timedelta(hours=hours_ago)).isoformat()
    return OffsiteRun(began, began, 1, failed)


def waiting(hours_ago: int) -> tuple[str, ...]:
    return record.state("unit", URL, [("shop_1", NOW - timedelta(hours=hours_ago))], NOW).waiting


def test_a_backup_waits_for_a_day_before_a_copy_is_missing() -> None:
    assert waiting(25) == ()
    assert waiting(27) == ("shop_1",)


def test_a_push_after_it_ends_the_waiting_and_one_before_does_not() -> None:
    record.note("unit", URL, run(28))
    assert waiting(27) == ("shop_1",)
    record.note("unit", URL, run(26))
    assert waiting(27) == ()


def test_a_push_that_failed_is_told_and_ends_no_waiting() -> None:
    record.note("unit", URL, run(28))
    record.note("unit", URL, run(1, "shop_1: full"))
    found = record.state("unit", URL, [("shop_1", NOW - timedelta(hours=27))], NOW)
    assert (found.well, found.waiting) == (False, ("shop_1",))
    assert found.last
    assert found.last.failed == ("shop_1: full",)
    record.note("unit", URL, run(0))
    assert record.state("unit", URL, [], NOW).well


def test_what_was_copied_to_another_place_does_not_count_here() -> None:
    record.note("unit", "file:///elsewhere", run(1))
    assert waiting(27) == ("shop_1",)
