"""add: an application's entry in the stack's file; all else in it means what it meant, comments stay."""

import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from dbserver import contract, execute, stack_file
from dbserver.adoption import configuration
from dbserver.declared import Declared, file
from dbserver.engine import command
from dbserver.errors import DbServerError, UsageError

KEY = f"{contract.PROJECT}:applications"
SECONDS = 60


def add(declared: Declared, entry: Mapping[str, str | int]) -> tuple[str, ...]:
    """Put an entry behind those that the file has; return the lines that changed. Nothing is started.

    Raises UsageError for a name that is declared, and for an entry with which the file would have faults; then it is
    as before.
    """
    path = file(declared.stack)
    before, name = path.read_text(), str(entry["name"])
    if name in declared.applications:
        raise UsageError(f"{path.name} declares {name} already", f"./scripts/dbserver info {name}")
    wanted, number = _wanted(path.name, before, entry)
    command.require()
    said = _append(declared.stack, number, entry)
    after = path.read_text()
    if _held(stack_file.content(path.name, after)["config"]) != _held(wanted["config"]):
        # The engine takes a name such as 7 or true for a number or a switch.
        configuration.write(path, before)
        reason = said or "it takes a part of it for a number or a switch"
        raise DbServerError(f"the engine did not write the entry into {path.name}: {reason}", "write it by hand")
    return configuration.changes(before, after, path.name)


def _wanted(name: str, before: str, entry: Mapping[str, str | int]) -> tuple[Any, int]:
    """Return what the file shall hold, judged, and the entry's number in it."""
    from dbserver.settings import file as settings  # noqa: PLC0415  as in declared.refuse_faults

    wanted = deepcopy(stack_file.content(name, before)) or {}
    wanted["config"] = wanted.get("config") or {}
    entries = wanted["config"].get(KEY) or []
    if not isinstance(entries, list):
        raise UsageError(f"{name}: applications is no list in YAML to which one can be added", "write it as a list")
    wanted["config"][KEY] = [*entries, dict(entry)]
    settings.refuse_faults(name, wanted)
    return wanted, len(entries)


def _held(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration as the engine holds it: what is neither a list nor a mapping is a text, `true` too."""
    kept = (str, list, dict)
    return {key: value if isinstance(value, kept) else json.dumps(value, default=str) for key, value in config.items()}


def _append(stack: str, number: int, entry: Mapping[str, str | int]) -> str:
    """Have the engine write it: it keeps comments and the form of what is there. Return what it said."""
    values = [word for key, value in entry.items() for word in ("--plaintext", f"{KEY}[{number}].{key}={value}")]
    argv = ["pulumi", "config", "set-all", "--stack", stack, "--non-interactive", "--path", *values]
    done = execute.run(argv, cwd=file(stack).parent, check=False, timeout=SECONDS)
    if "no stack named" in done.output:
        raise UsageError(f"there is no stack {stack} yet", f"pulumi stack init {stack} --no-select")
    return done.output
