"""Keys for backups, as age-keygen writes them."""

from pathlib import Path
from typing import Any


def written(path: Path, identity: Any) -> Path:
    """Write a private key with its public one in a comment."""
    path.write_text(f"# created: now\n# public key: {identity.to_public()}\n{identity}\n")
    path.chmod(0o600)
    return path


def public(key: Path) -> str:
    """Return the public key of a written one."""
    return key.read_text().splitlines()[1].removeprefix("# public key: ")
