"""What a program that is started inherits of this process's environment."""

import os
from collections.abc import Mapping
from pathlib import Path

from dbserver import endpoint

# The engine hands the program its secrets in clear text, in variables that every child would inherit.
CONFIGURATION = ("PULUMI_CONFIG", "PULUMI_CONFIG_SECRET_KEYS")
PASSPHRASE = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")
# Preparation makes a passphrase of its own where it is told none.
TOLD_THE_PASSPHRASE = ("pulumi", "prepare")


def environment(program: str, extra: Mapping[str, str] | None) -> dict[str, str]:
    """Return a child's environment, without the secrets that are none of its business."""
    told = Path(program).name in TOLD_THE_PASSPHRASE
    kept_from = CONFIGURATION if told else CONFIGURATION + PASSPHRASE
    own = {name: value for name, value in os.environ.items() if name not in kept_from}
    return own | (endpoint.variables() if Path(program).name == "pulumi" else {}) | dict(extra or {})
