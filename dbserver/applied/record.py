"""What the last successful update left, kept beside the state as fingerprints: no secret can be read from them."""

import json
from collections.abc import Mapping
from pathlib import Path

from dbserver.docker import host
from dbserver.engine import backend

MODE = 0o600


def path(stack: str) -> Path:
    """Return the file that keeps a stack's record."""
    return backend.STATE / "applied" / f"{stack}.json"


def read(stack: str) -> dict[str, str]:
    """Return part -> fingerprint of the last successful update; nothing where none is known."""
    try:
        found = json.loads(path(stack).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write(stack: str, seen: Mapping[str, str]) -> None:
    """Keep what was seen after an update; where the look was not whole, keep nothing."""
    forget(stack)
    if seen:
        path(stack).parent.mkdir(exist_ok=True)
        host.replace_file(path(stack), json.dumps(seen, indent=1), MODE)


def forget(stack: str) -> None:
    """Keep nothing: the next start asks the engine."""
    path(stack).unlink(missing_ok=True)


def differing(applied: Mapping[str, str], seen: Mapping[str, str]) -> list[str]:
    """Return the parts that are not as they were applied, in the order of the look."""
    names = dict.fromkeys([*seen, *applied])
    return [name for name in names if seen.get(name) != applied.get(name)]
