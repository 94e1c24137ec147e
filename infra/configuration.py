"""The stack's configuration as Pulumi hands it over."""

import json
from typing import Any

import pulumi

from dbserver import contract

# These are objects; every other value is used as it was typed.
STRUCTURED = (
    "applications", "archive", "backupRecipients", "network", "offsite", "postgres", "redis", "standIns", "tls",
)  # fmt: skip


def values() -> dict[str, Any]:
    """Return every key of the project's namespace, so that unknown ones are found too."""
    prefix = f"{contract.PROJECT}:"
    found = pulumi.runtime.config.get_config_env()
    return {
        key.removeprefix(prefix): parsed(key.removeprefix(prefix), text)
        for key, text in found.items()
        if key.startswith(prefix)
    }


def parsed(key: str, text: str) -> Any:
    """Return a key's value from the text that the engine keeps, which is also what it writes into the stack's file."""
    if key not in STRUCTURED:
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
