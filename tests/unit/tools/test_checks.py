"""Which checks run, what counts as a failure, and which verdict that makes."""

import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from tools import checks
from tools.checks import Failure, Outcome, Tier

REPORT = """<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="pytest" errors="1" failures="1" tests="3">
<testcase classname="tests.integration.engine.test_start" name="test_a" time="1"/>
<testcase classname="tests.integration.engine.test_start" name="test_b[x/y]" time="1">
<failure message="assert">it is 2</failure><system-out>printed</system-out></testcase>
<testcase classname="tests.faults.test_disk" name="test_c" time="1"><error message="setup">no stack</error></testcase>
</testsuite></testsuites>
"""
FAILED = [
    Failure("tests/integration/engine/test_start.py::test_b[x/y]", "it is 2\nprinted"),
    Failure("tests/faults/test_disk.py::test_c", "no stack"),
]


def test_the_long_forms_are_asked_for_and_other_arguments_go_to_the_tests_on_real_servers() -> None:
    usual, full = checks.tiers(["-k", "drift"]), checks.tiers(["--full"])
    assert [tier.name for tier in usual] == ["format", "lint", "types", "unit", "servers", "engine"]
    for short, long in zip(usual[-2:], full[-2:], strict=True):
        assert short.argv[-2:] == ("-k", "drift")
        assert "-m" not in short.argv[3:]
        assert long.argv[-4:] == ("-m", "", "--timeout", "3600")
    assert [tier.argv for tier in usual[:-2]] == [tier.argv for tier in full[:-2]]


def test_the_budgets_of_the_usual_run_are_twelve_minutes() -> None:
    assert sum(tier.budget for tier in checks.tiers([])) == 12 * 60


def test_failed_tests_are_read_with_what_they_printed(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    assert checks.failures(report) == FAILED
    assert checks.failures(tmp_path / "none.xml") == []


@pytest.mark.parametrize(
    ("code", "report", "failed", "failures"),
    [
        (0, REPORT, [], []),
        (1, REPORT, [], FAILED),
        (2, REPORT, ["unit"], []),  # interrupted, or nothing could be collected
        (5, "", ["unit"], []),  # no test ran
        (1, "", ["unit"], []),
    ],
)
def test_a_run_that_ends_in_another_way_than_by_failed_tests_is_a_failure_of_its_tier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, report: str, failed: list[str], failures: list[Failure]
) -> None:
    path, outcome = tmp_path / "report.xml", Outcome()
    if report:
        path.write_text(report)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=code))
    checks.run(Tier("unit", (*checks.PYTEST, "tests/unit"), 60), path, outcome)
    assert (outcome.failed, outcome.failures, outcome.over) == (failed, failures, [])


def test_a_tier_over_its_budget_is_named_and_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=0))
    monkeypatch.setattr(time, "monotonic", iter([0.0, 61.0]).__next__)
    outcome = Outcome()
    checks.run(Tier("lint", ("ruff",), 60), tmp_path / "none", outcome)
    assert checks.summary(outcome, 70) == [
        "over its budget: lint took 61 s of 60 s", "all checks passed in 70 s"
    ]  # fmt: skip


def judged(count: int, again: dict[str, bool]) -> Outcome:
    outcome = Outcome(failures=[Failure(f"t{number}", "first") for number in range(count)])
    checks.judge_failures(outcome, lambda failure: (again[failure.test], "second"))
    return outcome


def test_a_test_that_fails_twice_fails_the_run() -> None:
    outcome = judged(2, {"t0": True, "t1": False})
    assert (outcome.unsteady, outcome.failed) == (["t0"], ["t1"])
    assert checks.summary(outcome, 1) == ["unsteady: t0", "failed: t1"]


def test_two_unsteady_tests_leave_the_run_green_and_are_listed_with_both_outputs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    outcome = judged(2, {"t0": True, "t1": True})
    assert checks.summary(outcome, 1) == ["unsteady: t0", "unsteady: t1", "all checks passed in 1 s"]
    assert "t1: unsteady: passed when run again, alone\n-- first\nfirst\n-- again\nsecond" in capsys.readouterr().out


def test_a_third_unsteady_test_does_not() -> None:
    assert judged(3, {"t0": True, "t1": True, "t2": True}).failed == ["3 unsteady tests, at most 2 may be"]


def test_what_fails_in_great_number_is_not_run_again() -> None:
    outcome = judged(11, {})
    assert len(outcome.failed) == 11
    assert outcome.unsteady == []
