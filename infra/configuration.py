"""The stack's configuration as Pulumi hands it over."""

import json
from typing import Any

import pulumi

from dbserver import contract

# These are objects; every other value is used as it was typed.
STRUCTURED = ("applications", "network", "postgres", "redis", "standIns")


def values() -> dict[str, Any]:
    """Return every key of the project's namespace, so that unknown ones are found too."""
    prefix = f"{contract.PROJECT}:"
    found = pulumi.runtime.config.get_config_env()
    return {
        key.removeprefix(prefix): _value(key.removeprefix(prefix), text)
        for key, text in found.items()
        if key.startswith(prefix)
    }


def _value(key: str, text: str) -> Any:
    if key not in STRUCTURED:
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
