"""The applications that the last update had: what a file declares may be mistyped, or not applied yet."""

import json

from dbserver import declared
from dbserver.engine import state
from dbserver.errors import DbServerError

RESOURCE = "pulumi-python:dynamic/db-server:Application"


def applied(stack: str) -> dict[str, tuple[str, str]]:
    """Return name -> database and role of the applications in the stack's state; none where it has no state here.

    Raises DbServerError where there is a state that cannot be read.
    """
    try:
        text = state.read(stack) if declared.backend().startswith("file://") else state.exported(stack)
    except FileNotFoundError:
        return {}
    return named(stack, text)


def named(stack: str, text: str | bytes) -> dict[str, tuple[str, str]]:
    """Return the applications in a state's text: a local backend's file, or what the engine exports."""
    try:
        state = json.loads(text)
        deployment = state.get("deployment") or (state.get("checkpoint") or {}).get("latest") or {}
        found = [each for each in deployment.get("resources") or () if each["type"].endswith(RESOURCE)]
        inputs = [each["inputs"] for each in found]
        return {str(each["name"]): (str(each["database"]), str(each["role"])) for each in inputs}
    except (ValueError, KeyError, TypeError, AttributeError):
        hint = "./scripts/start.sh mends it"
        raise DbServerError(f"the state of stack {stack} cannot be read; nothing was changed", hint) from None
