"""What pydantic finds, in words: each fault's path, its value, what is allowed, and what may have been meant.

A password never stands in them: pydantic's own text repeats inputs, so only its kinds are used.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel

Path = tuple[str | int, ...]

# Whose values are secrets, or may hold one: a key that is pasted where its file should be named.
SECRET = frozenset((
    "adminPassword", "backupRecipients", "caFile", "certificateFile", "credentialsFile", "endpoint", "keyFile",
    "knownHosts", "password", "recipients", "settings", "url",
))  # fmt: skip
UNKNOWN = "extra_forbidden"
MISSING = "missing"
KINDS = {
    "bool_type": "should be true or false",
    "dict_type": "should be a mapping of keys",
    "int_type": "should be a whole number",
    "invalid_key": "should be a text",
    "list_type": "should be a list",
    "literal_error": "should be {expected}",
    MISSING: "is missing",
    "model_type": "should be a mapping of keys",
    "string_type": "should be a text",
    "too_short": "should have at least {min_length}",
}
# A text that would be right without its quotes.
UNQUOTED = {"bool_type": re.compile("true|false"), "int_type": re.compile(r"[0-9]+")}
STRUCTURES = ("dict_type", "list_type", "model_type")
# Anything else where a list or a mapping should be may be one that was quoted, with a password in it.
WORD = re.compile(r"[\w.-]{1,40}")
LONGEST = 60
ITS_KEY = re.compile(r"[a-zA-Z]+: ")
# Stands for the name that a faulty entry does not have; nothing is judged by it.
UNNAMED = "unnamed"


@dataclass
class Findings:
    """The faults so far, as they are told, and the paths of what cannot be judged further."""

    told: list[str] = field(default_factory=list)
    faulty: set[Path] = field(default_factory=set)

    def touch(self, *names: str) -> bool:
        """Tell whether any of these dotted paths is faulty, or lies in what is, or has in it what is."""
        wanted = [tuple(name.split(".")) for name in names]
        known = [tuple(str(step) for step in path) for path in self.faulty]
        return any(path[: len(name)] == name[: len(path)] for name in wanted for path in known)

    def add(self, error: Any, values: Mapping[str, Any], root: type[BaseModel], *, tell: bool = True) -> None:
        """Take one of pydantic's errors."""
        path = tuple(step for step in error["loc"] if step != "[key]")
        reason = _reason(error, path, values, root)
        if tell:
            # What is said of a whole section begins with the key.
            mark = "." if ITS_KEY.match(reason) else ": "
            self.told.append(f"{'.'.join(map(str, path))}{mark}{reason}")
        self.faulty.add(path)
        if error["type"] == UNKNOWN:
            # What was probably meant is not known either, so nothing is judged by its default.
            right = meant(str(path[-1]), keys(root, path[:-1]))
            self.faulty |= {(*path[:-1], right)} if right and right not in _at(values, path[:-1]) else set()

    def sound(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values without what is faulty; an application stays in its place, whatever is left of it."""
        left = deepcopy(dict(values))
        for path in self.faulty:
            if path[0] == "applications" and len(path) > 1:
                _remove_of_entry(left["applications"], path)
            else:
                _remove(left, path)
        return left


def unknown(key: str, known: Collection[str], prefix: str = "") -> str:
    """Return what is said of an unknown key."""
    right = meant(key, known)
    return f"unknown key; did you mean {prefix}{right}?" if right else f"unknown key; known: {', '.join(known)}"


def meant(word: str, known: Iterable[str]) -> str:
    """Return which of the known words was probably meant; capitals and the joints of words do not count."""
    plain = {_plain(each): each for each in known}
    found = get_close_matches(_plain(word), plain, 1)
    return plain[found[0]] if found else ""


def keys(root: type[BaseModel], path: Path = ()) -> list[str]:
    """Return the keys that a section has."""
    for step in path:
        if isinstance(step, str):
            kind = next(each.annotation for each in root.model_fields.values() if each.alias == step)
            kinds = [each for each in (kind, *get_args(kind)) if isinstance(each, type) and issubclass(each, BaseModel)]
            root = kinds[0]
    return [str(each.alias) for each in root.model_fields.values()]


def _plain(word: str) -> str:
    return re.sub("[_-]", "", word).lower()


def _reason(error: Any, path: Path, values: Mapping[str, Any], root: type[BaseModel]) -> str:
    kind, value = error["type"], _at(values, path)
    if kind == UNKNOWN:
        return unknown(str(path[-1]), keys(root, path[:-1]))
    told = error["msg"].removeprefix("Value error, ")
    reason = KINDS[kind].format_map(error.get("ctx", {})) if kind in KINDS else told
    if kind == MISSING or "[key]" in error["loc"]:
        return reason
    if kind in UNQUOTED and UNQUOTED[kind].fullmatch(str(value)):
        reason += ", without quotes"
    if kind == "literal_error" and (right := meant(str(value), re.findall("'([^']+)'", reason))):
        reason += f"; did you mean {right}?"
    shown = _shown(value, path, structure=kind in STRUCTURES)
    return f"{shown} {reason.removeprefix(shown + ' ')}" if shown else reason


def _at(values: Any, path: Path) -> Any:
    for step in path:
        try:
            values = values[step]
        except (KeyError, IndexError, TypeError):
            return None
    return values


def _shown(value: Any, path: Path, *, structure: bool) -> str:
    """Return a value as it may be told, empty where it may not."""
    if not SECRET.isdisjoint(path):
        return ""
    if isinstance(value, dict | list):
        return "" if not structure else "a list" if isinstance(value, list) else "a mapping"
    if isinstance(value, str):
        if structure and not WORD.fullmatch(value):
            return "a text"
        return repr(value if len(value) <= LONGEST else f"{value[:LONGEST]}...")
    return "null" if value is None else str(value).lower()


def _remove(values: Any, path: Path) -> None:
    """Remove a key, or the whole list that something faulty is in."""
    for step in path[:-1]:
        if not isinstance(values, dict) or isinstance(values.get(step), list):
            break
        values = values.get(step)
    else:
        step = path[-1]
    if isinstance(values, dict):
        values.pop(step, None)


def _remove_of_entry(entries: Any, path: Path) -> None:
    number, key = int(path[1]), path[2] if len(path) > 2 else None  # noqa: PLR2004  applications, number, key
    if key is None or not isinstance(entries[number], dict):
        entries[number] = {"name": UNNAMED}
    elif key == "name":
        entries[number]["name"] = UNNAMED
    else:
        entries[number].pop(key, None)
