"""Runs every check with its seconds; a test that fails runs once more, alone, after all others. By tools/check.

One that passes then is unsteady: it is listed with both outputs, and no more
than UNSTEADY of them leave the run green.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

UNSTEADY = 2
# So many failures are a fault of the project or the machine; running each again would take an hour.
AGAIN_AT_MOST = 10
PYTEST = ("python", "-m", "pytest", "-q")
TESTS_FAILED = 1  # pytest's exit code where tests ran and some failed


@dataclass(frozen=True)
class Tier:
    """A group of checks: its command, and the seconds that it may take on two cores with every part in place."""

    name: str
    argv: tuple[str, ...]
    budget: int


@dataclass(frozen=True)
class Failure:
    """A test that failed: how pytest is told to run it, and what it printed."""

    test: str
    output: str


@dataclass
class Outcome:
    """What a run of all tiers came to."""

    failed: list[str] = field(default_factory=list)
    over: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    unsteady: list[str] = field(default_factory=list)


def tiers(arguments: Sequence[str]) -> list[Tier]:
    """Return the tiers in their order; `--full` adds the long forms, other arguments are for real servers' tests."""
    full, others = "--full" in arguments, [each for each in arguments if each != "--full"]
    long = ["-m", "", "--timeout", "3600"] if full else []
    # More of them than processors: much of a test is a wait. A module's tests share what it has made, in one of them;
    # each starts stacks of its own, for which fewer tests of the servers wait than of the engine.
    real = ("--dist", "loadscope", "--no-loadscope-reorder", "--durations", "10", *long, *others)
    return [
        Tier("format", ("ruff", "format", "--check", "."), 10),
        Tier("lint", ("python", "-P", "-m", "tools.lint"), 10),
        Tier("types", ("mypy", "."), 40),
        Tier("unit", (*PYTEST, "tests/unit", "-n", "2", "--timeout", "60"), 60),
        Tier(
            "servers", (*PYTEST, "tests/integration/servers", "tests/faults", "-n", "3", *real), 3600 if full else 240
        ),
        Tier("engine", (*PYTEST, "tests/integration/engine", "-n", "4", *real), 3600 if full else 360),
    ]


def failures(report: Path) -> list[Failure]:
    """Read the tests that failed out of a report in JUnit's format; none where there is no such report."""
    if not report.exists():
        return []
    found = []
    for case in ET.parse(report).iter("testcase"):  # noqa: S314  pytest has just written it
        told = [each.text or "" for kind in ("failure", "error") for each in case.iter(kind)]
        told += [each.text or "" for kind in ("system-out", "system-err") for each in case.iter(kind) if told]
        if told:
            found.append(Failure(_node(case.get("classname", ""), case.get("name", "")), "\n".join(told)))
    return found


def _node(dotted: str, name: str) -> str:
    """Return what pytest calls a test of whose module the report has the dotted name."""
    return f"{dotted.replace('.', '/')}.py::{name}"


def run(tier: Tier, report: Path, outcome: Outcome) -> None:
    """Run a tier, in the terminal; note whether it failed, which tests did, and whether it took too long."""
    is_pytest = tier.argv[: len(PYTEST)] == PYTEST
    argv = [*tier.argv, "--junitxml", str(report), "-o", "junit_logging=all"] if is_pytest else list(tier.argv)
    print(f"== {tier.name}: {' '.join(tier.argv)}", flush=True)
    began = time.monotonic()
    code = subprocess.run(argv, check=False).returncode
    seconds = time.monotonic() - began
    print(f"== {tier.name}: {seconds:.0f} s", flush=True)
    if seconds > tier.budget:
        outcome.over.append(f"{tier.name} took {seconds:.0f} s of {tier.budget} s")
    found = failures(report) if code == TESTS_FAILED else []
    outcome.failures += found
    if code != 0 and not found:
        outcome.failed.append(tier.name)


def run_again(failure: Failure) -> tuple[bool, str]:
    """Run a test alone, without the others' load; return whether it passed and what it printed."""
    argv = [*PYTEST, "-rA", "-m", "", failure.test]
    done = subprocess.run(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, errors="replace"
    )
    return done.returncode == 0, done.stdout


def judge_failures(outcome: Outcome, again: Callable[[Failure], tuple[bool, str]]) -> None:
    """Run what failed once more; a second failure, or one too many that then passed, fails the run."""
    if len(outcome.failures) > AGAIN_AT_MOST:
        outcome.failed += [each.test for each in outcome.failures]
        return
    for failure in outcome.failures:
        passed, printed = again(failure)
        state = "unsteady: passed when run again, alone" if passed else "failed twice"
        print(f"== {failure.test}: {state}\n-- first\n{failure.output}\n-- again\n{printed}", flush=True)
        (outcome.unsteady if passed else outcome.failed).append(failure.test)
    if len(outcome.unsteady) > UNSTEADY:
        outcome.failed.append(f"{len(outcome.unsteady)} unsteady tests, at most {UNSTEADY} may be")


def summary(outcome: Outcome, seconds: float) -> list[str]:
    """Return the closing lines; the last one is the verdict."""
    lines = [f"over its budget: {each}" for each in outcome.over]
    lines += [f"unsteady: {each}" for each in outcome.unsteady]
    lines += [f"failed: {each}" for each in outcome.failed]
    return lines if outcome.failed else [*lines, f"all checks passed in {seconds:.0f} s"]


def main(arguments: Sequence[str]) -> int:
    """Run all tiers, whatever fails; return the exit code."""
    began, outcome = time.monotonic(), Outcome()
    with tempfile.TemporaryDirectory() as reports:
        for tier in tiers(arguments):
            run(tier, Path(reports) / f"{tier.name}.xml", outcome)
    judge_failures(outcome, run_again)
    print("\n".join(summary(outcome, time.monotonic() - began)), flush=True)
    return 1 if outcome.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
