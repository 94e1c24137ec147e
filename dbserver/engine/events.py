"""What an update comes to, event by event: `pulumi up --json` prints each as a line of JSON."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from dbserver import cleaning
from dbserver.engine.diagnostics import Fault, plain

# The engine's words for a step that changes something, as its own display marks and tells it.
CHANGES = {
    "create": "+  {} created", "update": "~  {} updated", "delete": "-  {} deleted", "import": "=  {} imported",
    "create-replacement": "++ {} created replacement", "replace": "+- {} replaced",
    "delete-replaced": "-- {} deleted original",
}  # fmt: skip
LAST_LINES = 15


class Account:
    """What the engine has said; what it changes, and each warning once, is told when it comes."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._told: set[str] = set()
        self._began: dict[str, float] = {}
        self._faults: list[Fault] = []
        self._said: list[str] = []

    def take(self, line: str) -> None:
        """Take a line of what the engine prints."""
        event = _event(line)
        if "diagnosticEvent" in event:
            self._take_message(event["diagnosticEvent"])
        elif "resourcePreEvent" in event:
            self._began[event["resourcePreEvent"]["metadata"]["urn"]] = time.monotonic()
        elif "resOutputsEvent" in event:
            self._take_change(event["resOutputsEvent"]["metadata"])
        elif not event:
            self._said.append(line)

    def faults(self) -> list[Fault]:
        """Return why it failed; what was said last where the engine gives no reason."""
        return self._faults or [Fault("", "\n".join(self._said[-LAST_LINES:]))]

    def _take_change(self, step: Mapping[str, Any]) -> None:
        if step["op"] in CHANGES:
            now = time.monotonic()
            seconds = now - self._began.get(step["urn"], now)
            what = f"{step['type'].rpartition(':')[2]} {_name(step['urn'])}"
            differs = f" [{', '.join(step['diffs'])}]" if step.get("diffs") else ""
            self._tell(f"{CHANGES[step['op']].format(what)} ({seconds:.1f} s){differs}")

    def _take_message(self, message: Mapping[str, Any]) -> None:
        text = plain(cleaning.printable(message["message"]))
        if message["severity"] == "error" and text:
            self._faults.append(Fault(_name(message.get("urn", "")), text))
        elif message["severity"] == "warning" and text not in self._told:
            self._told.add(text)
            self._tell(f"warning: {text}")
        elif message["severity"].startswith("info"):
            # The debug messages hold what the program hands over, its secrets in clear text: they go nowhere.
            self._said += cleaning.lines(text)


def _event(line: str) -> Mapping[str, Any]:
    """Return an event; empty for what is none: a failure before the first one is plain text."""
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) and "sequence" in found else {}


def _name(urn: str) -> str:
    """Return the name of a resource; empty for the stack itself, which says what concerns all."""
    return "" if "::pulumi:pulumi:Stack::" in urn else urn.rpartition("::")[2]
