"""What verbs return: frozen, so that rendering cannot change what happened.

Each kind has a module of its own, and nothing imports them all: making a class takes a millisecond.
"""

from dataclasses import asdict
from typing import Any

from dbserver.errors import Exit

# Goes up where a name or a meaning in any result's JSON changes; a new name does not change it.
SCHEMA_VERSION = 1


def as_dict(result: Any) -> dict[str, Any]:
    """Return a result for JSON: its schema (docs/reference/schemas), its content, its verdict."""
    content = {"schema": f"{type(result).__name__.lower()}-{SCHEMA_VERSION}", **asdict(result)}
    if hasattr(result, "well"):
        content |= {"well": result.well, "exit_code": int(exit_code(result))}
    return content


def exit_code(result: Any) -> Exit:
    """Return the code with which a verb that shows this ends: of one that is not well its own (`unwell`), or FAILED."""
    return Exit.DONE if getattr(result, "well", True) else getattr(result, "unwell", Exit.FAILED)
