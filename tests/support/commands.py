"""Commands that a test runs, and what they came to."""

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ran:
    """A command that has ended. Its text stands in a failing test's output."""

    argv: list[str]
    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return f"{self.out}\n{self.err}"

    def ok(self) -> "Ran":
        assert self.code == 0, f"{' '.join(self.argv)} ended with {self.code}:\n{self.text}"
        return self


def run(*argv: str, stdin: str = "", timeout: float = 900, **options: Any) -> Ran:
    """Run a command; its exit code is for the test to judge."""
    done = subprocess.run(
        argv, input=stdin, capture_output=True, text=True, timeout=timeout, check=False, errors="replace", **options
    )
    return Ran(list(argv), done.returncode, done.stdout, done.stderr)


def until(condition: Callable[[], object], seconds: float = 240, *, what: str = "the condition") -> None:
    """Wait until a condition holds; the test fails where it does not in time."""
    began = time.monotonic()
    while not condition():
        waited = time.monotonic() - began
        assert waited < seconds, f"{what} did not come true within {seconds} s"
        time.sleep(min(0.25, 0.05 + waited / 20))  # each look takes processor time from what is waited for
