"""A stack's configuration file as YAML, read as the engine reads it. Every reader of such a file comes through here."""

from collections.abc import Iterator
from typing import Any

import yaml

from dbserver import contract
from dbserver.errors import UsageError

OURS = f"config.{contract.PROJECT}:"


def content(name: str, text: str) -> Any:
    """Return what a file holds. Raises UsageError where it is no YAML, or says something twice."""
    found, twice = loaded(name, text)
    if twice:
        raise UsageError(f"{name}: {contract.FAULTY}\n  " + "\n  ".join(twice), "leave one of each in the file")
    return found


def loaded(name: str, text: str) -> tuple[Any, list[str]]:
    """Return what a file holds, and each key that it gives twice. Raises UsageError where it is no YAML."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        # Constructing merges what `<<` names into the nodes: what an entry overrides would stand twice.
        twice = list(_twice(node, "", set()))
        return loader.construct_document(node) if node else None, twice
    except yaml.YAMLError as fault:
        raise UsageError(f"{name} is no valid YAML: {fault}", "correct the file") from None
    finally:
        loader.dispose()


class _Loader(yaml.SafeLoader):
    """Reads yes, no, on and off as texts, as the engine does: an application may be called so."""

    yaml_implicit_resolvers = {  # noqa: RUF012  the base class's own table
        letter: [(tag, pattern) for tag, pattern in known if letter in "tTfF" or not tag.endswith(":bool")]
        for letter, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _twice(node: yaml.Node | None, path: str, seen: set[int]) -> Iterator[str]:
    """Yield each key that stands twice in one mapping: the loader would take the last of them without a word."""
    if not isinstance(node, yaml.CollectionNode) or id(node) in seen:
        return
    seen.add(id(node))
    lines: dict[str, int] = {}
    for number, entry in enumerate(node.value):
        key, value = entry if isinstance(entry, tuple) else (None, entry)
        at = f"{path}{number if key is None else key.value}"
        if key is not None:
            line = key.start_mark.line + 1
            if key.value in lines:
                yield f"{at.removeprefix(OURS)}: stands twice, in line {lines[key.value]} and in line {line}"
            lines[key.value] = line
        yield from _twice(value, f"{at}.", seen)
