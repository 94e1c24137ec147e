"""What `pulumi preview --json` printed: one step a resource, with its inputs before and after."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dbserver.errors import UsageError

CREATE, UPDATE, REPLACE, DELETE, SAME = "create", "update", "replace", "delete", "same"
# The engine's words for a step. One that is not among them is judged as a deletion: nobody knows what it does.
KINDS = {
    "same": SAME, "read": SAME, "refresh": SAME, "import": SAME, "discard": SAME, "read-discard": SAME,
    "create": CREATE, "update": UPDATE, "replace": REPLACE, "create-replacement": REPLACE, "delete-replaced": REPLACE,
    "read-replacement": REPLACE, "import-replacement": REPLACE, "discard-replaced": REPLACE,
    "remove-pending-replace": REPLACE, "delete": DELETE,
}  # fmt: skip
ORDER = (SAME, CREATE, UPDATE, REPLACE, DELETE)
OWN = "pulumi-python:dynamic/db-server:"
SECRET = "[secret]"  # noqa: S105  what the engine prints instead of one
ENGINES = ("__defaults", "__provider")
HOW = "pulumi preview --json > FILE, then dbserver guard FILE"


@dataclass(frozen=True)
class Step:
    """What the engine would do to one resource; `old` and `new` are its inputs, empty where there are none.

    `reasons` are the inputs that the provider says differ; ours does not say.
    """

    kind: str
    type: str
    name: str
    old: Mapping[str, Any] = field(default_factory=dict)
    new: Mapping[str, Any] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()

    @property
    def changed(self) -> list[str]:
        """The names of the inputs that differ."""
        if self.reasons:
            return sorted(self.reasons)
        return sorted(name for name in {*self.old, *self.new} if self.old.get(name) != self.new.get(name))


@dataclass(frozen=True)
class Digest:
    """A whole preview. `errors` are why it did not come to its end, `warnings` what the program tells besides."""

    stack: str
    steps: tuple[Step, ...]
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def parse(text: str) -> Digest:
    """Return a preview. Raises UsageError for what is none."""
    try:
        found = json.loads(text)
    except ValueError:
        raise UsageError("this is no JSON", HOW) from None
    steps = found.get("steps") if isinstance(found, dict) else None
    diagnostics = found.get("diagnostics") if isinstance(found, dict) else None
    if not isinstance(steps, list) and not isinstance(diagnostics, list):
        raise UsageError("this is no preview: it has no steps", HOW)
    try:
        grouped = _grouped(steps or [])
    except (KeyError, TypeError, AttributeError, ValueError):
        raise UsageError("this is no preview: a step has no urn or no op", HOW) from None
    stacks = sorted({urn.split(":")[2] for urn in grouped})
    if len(stacks) > 1:
        raise UsageError(f"this is the preview of several stacks: {', '.join(stacks)}", "one at a time")
    return Digest(
        stack="".join(stacks),
        steps=tuple(_step(urn, several) for urn, several in grouped.items()),
        errors=_said(diagnostics or [], "error"),
        warnings=_said(diagnostics or [], "warning"),
    )


def _grouped(steps: Sequence[Any]) -> dict[str, list[Mapping[str, Any]]]:
    """Return URN -> its steps: a replacement is several."""
    grouped: dict[str, list[Mapping[str, Any]]] = {}
    for step in steps:
        _, _, stack, rest = step["urn"].split(":", 3)
        if not stack or "::" not in rest or not isinstance(step["op"], str):
            raise ValueError(step["urn"])
        grouped.setdefault(step["urn"], []).append(step)
    return grouped


def _step(urn: str, several: Sequence[Mapping[str, Any]]) -> Step:
    kind = max((_kind(step) for step in several), key=ORDER.index)
    # With --refresh the look at the real resource is a step of its own, and not the one that changes it.
    judged = [step for step in several if _kind(step) == kind]
    _, _, qualified, name = urn.split("::", 3)
    return Step(
        kind=kind,
        type=qualified.rpartition("$")[2],
        name=name,
        old=_state(judged, "oldState"),
        new=_state(judged, "newState"),
        reasons=tuple({str(name) for step in judged for name in step.get("diffReasons") or ()}),
    )


def _kind(step: Mapping[str, Any]) -> str:
    return KINDS.get(step["op"], DELETE)


def _state(several: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    """Return the inputs of the state; of our own resources, as they were found: a refresh changes the outputs alone."""
    for step in several:
        state = step.get(name) or {}
        inputs, outputs = state.get("inputs") or {}, state.get("outputs") or {}
        if inputs:
            found = {key: value for key, value in outputs.items() if value != SECRET} if OWN in step["urn"] else {}
            return {key: found.get(key, value) for key, value in inputs.items() if key not in ENGINES}
    return {}


def _said(diagnostics: Sequence[Any], severity: str) -> tuple[str, ...]:
    """Return what was told with this severity, once each."""
    told = [each for each in diagnostics if isinstance(each, dict) and each.get("severity") == severity]
    return tuple(dict.fromkeys(str(each.get("message", "")).strip() for each in told))
