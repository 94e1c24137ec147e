"""Images: what is here, what can be pulled, and the stand-ins for machines behind a closed network."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dbserver import contract, execute
from dbserver.docker import daemon
from dbserver.errors import DbServerError, UsageError

PULL_SECONDS = 900
# postgres:17, example.com:5000/postgres:17.6-bookworm
TAGGED = re.compile(r"(?P<name>[^@]+):(?P<version>\d+(?:\.\d+)*)(?P<variant>(?:-[\w.-]+)?)")


@dataclass(frozen=True)
class Image:
    """An image on this machine. `identity` is its content's digest (`sha256:...`)."""

    name: str
    identity: str
    major: str


@dataclass(frozen=True)
class Local:
    """An image on this machine: its content's digest, and the names of the variables that it sets."""

    identity: str = ""
    variables: frozenset[str] = frozenset()


def stand_in(name: str) -> str:
    """Return the name of the local image that may stand in for an official one."""
    return contract.STAND_IN_PREFIX + name


def of_version(name: str, version: str) -> str:
    """Return the name of the same image with another version; empty where the tag of this one is no version.

    Its registry and its variant stay: on the same data, another system's collations damage the indexes of texts, and
    another's image lacks the extensions.
    """
    found = TAGGED.fullmatch(name)
    return f"{found['name']}:{version}{found['variant']}" if found else ""


def names_minor(name: str) -> bool:
    """True where the name is one minor version's for good, by its tag or its digest: to pull it brings no other."""
    found = TAGGED.fullmatch(name)
    return "@" in name or bool(found and "." in found["version"])


def of_major(name: str, major: int) -> str:
    """Return the name of the same image with another major version. Raises UsageError where the tag names none."""
    found = of_version(name, str(major))
    if not found:
        raise UsageError(f"the tag of {name} is no version", f"--image NAME, with the image of PostgreSQL {major}")
    return found


def find(name: str) -> Image | None:
    """Return the image of this name where the machine has it."""
    shown = execute.run(["docker", "image", "inspect", name], check=False, timeout=30)
    if not shown.succeeded:
        return None
    found = json.loads(shown.stdout)[0]
    return Image(name, found["Id"], _major(name, found.get("Config") or {}))


def local(names: Sequence[str]) -> dict[str, Local]:
    """Return those of these images that are on this machine, by one command."""
    return parsed(inspected(names), names)


def inspected(names: Sequence[str]) -> list[dict[str, Any]]:
    """Return what Docker tells of these images, of those that are on this machine."""
    shown = daemon.answer(["docker", "image", "inspect", *names])
    return list(json.loads(shown.stdout or "[]"))


def parsed(inspected: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, Local]:
    """Return the images of these names from what Docker tells of them."""
    found: dict[str, Local] = {}
    for entry in inspected:
        known = {entry["Id"], *(entry.get("RepoTags") or ()), *(entry.get("RepoDigests") or ())}
        environment = (entry.get("Config") or {}).get("Env") or ()
        image = Local(entry["Id"], frozenset(variable.partition("=")[0] for variable in environment))
        # A name without a tag means this one.
        found |= {name: image for name in names if {name, f"{name}:latest"} & known}
    return found


def held(name: str, *, stand_ins: bool) -> Local:
    """Return the image of this name on this machine, or its stand-in where that is allowed; nothing where none is."""
    names = [name, *([stand_in(name)] if stand_ins else [])]
    found = local(names)
    return next((found[each] for each in names if each in found), Local())


def resolve(name: str, *, stand_ins: bool) -> Image:
    """Return the image to run: the named one, else an allowed stand-in that is here, else pull the named one."""
    found = find(name) or (find(stand_in(name)) if stand_ins else None)
    if found:
        return found
    pulled = execute.run(["docker", "pull", "--quiet", name], check=False, timeout=PULL_SECONDS)
    image = find(name) if pulled.succeeded else None
    if image:
        return image
    hint = f"docker pull {name}" + (", or ./scripts/start.sh, which can build a stand-in" if stand_ins else "")
    raise DbServerError(f"the image {name} is not on this machine and cannot be pulled: {pulled.output}", hint)


def _major(name: str, config: dict[str, object]) -> str:
    """Return the major version: PG_MAJOR of the image's environment, else the tag's leading number, else nothing."""
    environment = config.get("Env")
    for entry in environment if isinstance(environment, list) else []:
        if str(entry).startswith("PG_MAJOR="):
            return str(entry).partition("=")[2]
    tag = name.rpartition(":")[2] if ":" in name.rpartition("/")[2] else ""
    digits = tag.partition(".")[0].partition("-")[0]
    return digits if digits.isdigit() else ""
