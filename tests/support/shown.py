"""What status shows, as its published JSON."""

import json
from typing import Any

from tests.support.project import ROOT
from tests.support.stack import Stack

SCHEMA = json.loads((ROOT / "docs" / "reference" / "schemas" / "status-1.json").read_text())


def server(stack: Stack, name: str) -> dict[str, Any]:
    """Return one server of the status, whatever its exit code."""
    shown = json.loads(stack.script("status.sh", "--format", "json").out)
    return next(dict(each) for each in shown["servers"] if each["server"] == name)
