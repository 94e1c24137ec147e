"""The stack's configuration as Pulumi hands it over."""

from typing import Any

import pulumi

from dbserver import contract
from dbserver.settings.file import in_clear_text, parsed
from dbserver.settings.model import Settings, SettingsError, load


def settings() -> Settings:
    """Return the settings. Raises SettingsError with every fault, of passwords that are no secrets too."""
    given = values()
    secret = pulumi.runtime.config.get_config_secret_keys_env()
    found = in_clear_text({key: value for key, value in given.items() if f"{contract.PROJECT}:{key}" not in secret})
    try:
        loaded = load(given)
    except SettingsError as fault:
        raise SettingsError([*found, *fault.faults]) from None
    if found:
        raise SettingsError(found)
    return loaded


def values() -> dict[str, Any]:
    """Return every key of the project's namespace, so that unknown ones are found too."""
    prefix = f"{contract.PROJECT}:"
    found = pulumi.runtime.config.get_config_env()
    return {
        key.removeprefix(prefix): parsed(key.removeprefix(prefix), text)
        for key, text in found.items()
        if key.startswith(prefix)
    }
