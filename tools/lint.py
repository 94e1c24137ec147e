"""Looks at the Python code and at the workflows for faults; each program says its own. Usage: python -m tools.lint."""

import sys
from pathlib import Path

from dbserver import execute
from tools import actionlint, machine
from tools.machine import ROOT, Machine
from tools.steps import Steps

WORKFLOWS = ".github/workflows"


def commands(root: Path, here: Machine) -> list[list[str]]:
    """Return the programs that look at a checkout, each with its arguments."""
    workflows = sorted(str(path) for path in (root / WORKFLOWS).iterdir())
    config = ["-config-file", str(root / ".github" / "actionlint.yaml")]
    return [
        [sys.executable, "-m", "ruff", "check", str(root)],
        [str(actionlint.place(here)), "-no-color", *config, *workflows],
        [str(Path(sys.executable).with_name("zizmor")), "--offline", "--persona", "pedantic", "--no-progress",
         str(root / ".github")],
    ]  # fmt: skip


def main() -> int:
    """Run them all, whatever fails; return the exit code. actionlint is built where it is absent."""
    here = machine.here()
    actionlint.provide(Steps(sys.stderr, here.cache / "logs"), here)
    return max(execute.stream(argv, print, cwd=ROOT) != 0 for argv in commands(ROOT, here))


if __name__ == "__main__":
    sys.exit(main())
