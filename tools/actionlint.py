"""actionlint, which the tests check the workflows with: built from its published module, because no wheel holds it."""

import os
from pathlib import Path

from tools import go_build
from tools.machine import ROOT, Machine, Missing
from tools.steps import Steps

PART = "actionlint"
SOURCE = ROOT / "tools" / "actionlint"
PACKAGE = "github.com/rhysd/actionlint/cmd/actionlint"
VERSION = "1.7.12"


def place(machine: Machine) -> Path:
    """Return where it is kept; another version has another place."""
    return machine.cache / f"{PART}-{VERSION}"


def missing(machine: Machine) -> Missing | None:
    """Return the reason and the command where it is not there."""
    if os.access(place(machine), os.X_OK):
        return None
    return Missing(PART, f"{place(machine)} is not there", "tools/prepare --dev")


def provide(steps: Steps, machine: Machine) -> None:
    """Build it where it is absent, in about half a minute. Raises DbServerError."""
    if missing(machine):
        go_build.program(steps, machine, PACKAGE, SOURCE, place(machine))
