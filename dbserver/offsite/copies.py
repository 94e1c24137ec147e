"""What a copy says of itself: its last object, in the clear. Without it there is no copy. Pure.

Who lists, verifies or prunes has no private key: names, times, sizes and
checksums of what is encrypted are all that is in it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from dbserver.backups.manifest import ManifestError, checked, unchecked
from dbserver.backups.store import TIME

SCHEMA = "offsite-1"
FILE = "copy.json"
MANIFEST = "manifest.age"
NAME = re.compile(r"(?P<subject>[^./][^/]*)_(?P<time>\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}Z)(-\d+)?")
OBJECT = re.compile(r"\d{6}\.age|manifest\.age")


class Sealed(NamedTuple):
    """An object of a copy as it lies there: its name, bytes, SHA-256, all of what is encrypted."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Copy:
    """A copy that is complete. `size` is that of what was copied, in bytes; `recipients` can read it."""

    id: str
    subject: str
    started: str
    size: int
    recipients: Sequence[str]
    objects: Sequence[Sealed]

    @property
    def stored(self) -> int:
        """What it takes there."""
        return sum(each.size for each in self.objects)


def object_name(number: int) -> str:
    """Return the name of a chunk, from 1."""
    return f"{number:06}.age"


def render(copy: Copy) -> bytes:
    """Return the last object."""
    return checked({"schema": SCHEMA, **asdict(copy), "objects": [list(each) for each in copy.objects]}).encode()


def parse(content: bytes, name: str) -> Copy:
    """Return what the last object of a copy of this name says. Raises ManifestError for any other."""
    try:
        found = unchecked(content.decode(), SCHEMA)
        objects = tuple(Sealed(str(name), int(size), str(digest)) for name, size, digest in found.pop("objects"))
        copy = Copy(**found, objects=objects)
    except (UnicodeDecodeError, TypeError, ValueError) as fault:
        reason = str(fault) if isinstance(fault, ManifestError) else "it is no manifest of a copy"
        raise ManifestError(reason) from None
    if copy.id != name or not all(OBJECT.fullmatch(each.name) for each in objects):
        raise ManifestError(f"it is that of {copy.id!s:.80}")
    return copy


def named(name: str) -> tuple[str, datetime] | None:
    """Return of what and when a backup is, by its name alone; None for what is no name of one."""
    found = NAME.fullmatch(name)
    try:
        return (found["subject"], datetime.strptime(found["time"], TIME).replace(tzinfo=UTC)) if found else None
    except ValueError:
        return None


def grouped(names: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Return copy -> its objects with their bytes; what has no name of a copy is somebody else's."""
    found: dict[str, dict[str, int]] = {}
    for name, size in names.items():
        copy, _, own = name.partition("/")
        if own and named(copy):
            found.setdefault(copy, {})[own] = size
    return dict(sorted(found.items()))


def faults(copy: Copy, there: Mapping[str, int]) -> list[str]:
    """Return what of a copy is not there as it was put there, by listing alone."""
    found = [f"{copy.id}/{each.name} is missing" for each in copy.objects if each.name not in there]
    return found + [
        f"{copy.id}/{each.name} has {there[each.name]} bytes instead of {each.size}"
        for each in copy.objects
        if there.get(each.name, each.size) != each.size
    ]
