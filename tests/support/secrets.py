"""Passwords in a stack's file, encrypted as `pulumi config set --secret` does: the engine takes a second for each."""

import hashlib
import os
from base64 import b64encode
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SALT = b"of tests"
ROUNDS = 1_000_000  # the engine's


def hidden(config: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a file with its passwords encrypted, and the salt of those."""
    values = {key: sealed(value) if key == "adminPassword" else value for key, value in config.items()}
    if isinstance(values.get("applications"), list):
        values["applications"] = [_entry(entry) for entry in values["applications"]]
    return values


def salt() -> str:
    """Return what stands as `encryptionsalt` in a file with such passwords."""
    return f"v1:{b64encode(SALT).decode()}:{_encrypted('pulumi')}"


def sealed(value: Any) -> Any:
    """Return a text as it stands in the file."""
    return {"secure": _encrypted(value)} if isinstance(value, str) else value


def _entry(entry: Any) -> Any:
    if not isinstance(entry, dict):
        return entry
    return {key: sealed(value) if key == "password" else value for key, value in entry.items()}


def _encrypted(text: str) -> str:
    nonce = hashlib.sha256(text.encode()).digest()[:12]  # the same text is the same line of the file
    return f"v1:{b64encode(nonce).decode()}:{b64encode(AESGCM(_key()).encrypt(nonce, text.encode(), None)).decode()}"


@cache
def _key() -> bytes:
    """Return the key that the engine derives from the passphrase of the tests' environment."""
    words = os.environ.get("PULUMI_CONFIG_PASSPHRASE")
    if words is None:
        words = Path(os.environ["PULUMI_CONFIG_PASSPHRASE_FILE"]).read_text().strip()
    return hashlib.pbkdf2_hmac("sha256", words.encode(), SALT, ROUNDS, 32)
