"""The copies of a stack's state that the engine keeps beside it, and which of them is whole."""

import json
from pathlib import Path

from dbserver.errors import DbServerError


def is_whole(file: Path) -> bool:
    """Return whether a state's file is there to its end."""
    try:
        return isinstance(json.loads(file.read_text()), dict)
    except (OSError, ValueError):
        return False


def best(file: Path, history: Path) -> tuple[Path, str]:
    """Return the newest whole copy of a state, and which one that is, in words.

    Beside it is the one from the step before, in the history one of each update that ended. Raises DbServerError where
    none is whole.
    """
    backup = file.with_name(f"{file.name}.bak")
    copies = {backup: "its backup from the step before"}
    copies |= dict.fromkeys(
        sorted(history.glob("*.checkpoint.json"), reverse=True), "that of the last update that ended"
    )
    for copy, words in copies.items():
        if is_whole(copy):
            return copy, words
    hint = f"rm -f {file} {backup} && ./scripts/start.sh; docs/how-to/recover.md, 'The state is lost'"
    raise DbServerError(f"the state of stack {file.stem} is cut off, and no copy of it is whole", hint)
