"""A stack's configuration file, judged as the program judges it, where no engine reads it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dbserver import contract
from dbserver.errors import UsageError
from dbserver.settings import faults as words
from dbserver.settings import model

# These are objects; every other value is used as it was typed.
STRUCTURED = (
    "applications", "archive", "backupRecipients", "network", "offsite", "postgres", "redis", "standIns", "tls",
)  # fmt: skip
CONFIG = "config"
# What else Pulumi keeps in the file. Of any other key it takes no notice, and declares the defaults.
BESIDES = ("encryptedkey", "encryptionsalt", "environment", "secretsprovider")
# Whose configuration may stand beside ours.
OTHERS = ("docker", "pulumi")
SECURE = "secure"
HINT = "correct it; ./scripts/dbserver preview judges all of it"


def parsed(key: str, text: str) -> Any:
    """Return a key's value from the text that the engine keeps, which is also what it writes into the stack's file."""
    if key not in STRUCTURED:
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def refuse_faults(name: str, content: Any, more: Sequence[str] = ()) -> None:
    """Raise UsageError with every fault of a file's content, and `more`: what is mistyped counts as never declared."""
    found = [*more, *faults(content)]
    if found:
        raise UsageError(f"{name}: {contract.FAULTY}\n  " + "\n  ".join(found), HINT)


def faults(content: Any) -> list[str]:
    """Return every fault of a file's content with its path; what is encrypted in it is not judged."""
    if not isinstance(content, dict):
        return [] if content is None else ["is no mapping of keys"]
    config = content.get(CONFIG)
    known = (CONFIG, *BESIDES)
    found = [f"{key}: {words.unknown(str(key), known)}" for key in content if key not in known]
    if not isinstance(config, dict | None):
        return [*found, f"{CONFIG}: is no mapping of keys"]
    named = {str(key).partition(":")[::2]: value for key, value in (config or {}).items()}
    found += [_unknown(of, key) for of, key in named if not key or of not in (contract.PROJECT, *OTHERS)]
    values = {key: _as_text(key, value) for (of, key), value in named.items() if of == contract.PROJECT and key}
    found += in_clear_text(values)
    encrypted = tuple(f"{path}{end}" for path in _encrypted(values) for end in ".:")
    return found + [fault for fault in model.faults(_readable(values)) if not fault.startswith(encrypted)]


def in_clear_text(values: Mapping[str, Any]) -> list[str]:
    """Return a fault for each password that stands in the file for everybody to read, with what encrypts it."""
    way = "stands in clear text; encrypt it: pulumi config set --secret"
    found = [f"adminPassword: {way} adminPassword"] if isinstance(values.get("adminPassword"), str) else []
    entries = values.get("applications")
    for number, entry in enumerate(entries if isinstance(entries, list) else []):
        if isinstance(entry, dict) and isinstance(entry.get("password"), str):
            path = f"{contract.PROJECT}:applications[{number}].password"
            found.append(f"applications.{number}.password: {way} --path '{path}'")
    return found


def _unknown(of: str, key: str) -> str:
    reason = words.unknown(key or of, words.keys(model.Settings), f"{contract.PROJECT}:")
    return f"{CONFIG}.{of}{':' if key else ''}{key}: {reason}"


def _as_text(key: str, value: Any) -> Any:
    """The engine hands over texts, those of objects as JSON."""
    if isinstance(value, dict | list):
        return value
    return parsed(key, value if isinstance(value, str) else json.dumps(value, default=str))


def _is_encrypted(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {SECURE}


def _encrypted(value: Any, path: str = "") -> Iterator[str]:
    """Yield the path of everything that stands encrypted in the file."""
    if _is_encrypted(value):
        yield path
    elif isinstance(value, Mapping | list):
        for key, each in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _encrypted(each, f"{path}.{key}" if path else str(key))


def _readable(value: Any) -> Any:
    """Put a text into the place of what is encrypted: whether a password is given is judged, not what it is."""
    if _is_encrypted(value):
        return "kept encrypted"
    if isinstance(value, dict):
        return {key: _readable(each) for key, each in value.items()}
    return [_readable(each) for each in value] if isinstance(value, list) else value
