"""The program and its configuration, as one fingerprint a part."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from dbserver import declared
from dbserver.engine import state

# What decides what an update does, besides the stack's own file and its state.
SOURCES = ("__main__.py", "Pulumi.yaml", "requirements.txt", "infra/**/*.py", "dbserver/**/*.py")


def fingerprints(stack: str) -> dict[str, str]:
    """Return part -> fingerprint; nothing where the state is not on this machine, or an update is at work on it."""
    if not state.is_quiet(stack):
        return {}
    root = declared.ROOT
    sources = (path for pattern in SOURCES for path in sorted(root.glob(pattern)))
    return {
        "the program": fingerprint((str(path.relative_to(root)), path.read_bytes()) for path in sources),
        "the configuration": fingerprint([("", declared.file(stack).read_bytes())]),
        "the state": fingerprint([(declared.backend(), state.read(stack))]),
    }


def fingerprint(texts: Iterable[tuple[str, bytes]]) -> str:
    """Return one digest of named texts."""
    digest = hashlib.sha256()
    for name, text in texts:
        digest.update(f"{len(name)} {name} {len(text)} ".encode() + text)
    return digest.hexdigest()


def exists(path: Path) -> bytes:
    """Return what a file holds, marked off from one that is missing."""
    try:
        return b"is " + path.read_bytes()
    except FileNotFoundError:
        return b""
