"""The stack's configuration as Pulumi hands it over."""

from typing import Any

import pulumi

from dbserver import contract
from dbserver.settings.file import parsed


def values() -> dict[str, Any]:
    """Return every key of the project's namespace, so that unknown ones are found too."""
    prefix = f"{contract.PROJECT}:"
    found = pulumi.runtime.config.get_config_env()
    return {
        key.removeprefix(prefix): parsed(key.removeprefix(prefix), text)
        for key, text in found.items()
        if key.startswith(prefix)
    }
