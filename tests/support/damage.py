"""Backups made wrong: damaged in one place, or rewritten with a checksum that fits."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from dbserver.backups import manifest as manifests
from tests.support.shop import backups
from tests.support.stack import Stack


def rewritten(stack: Stack, backup: str, name: str, **changes: Any) -> Path:
    """Return a copy of a backup whose manifest says something else, and is whole."""
    directory = backups(stack) / name
    shutil.copytree(backups(stack) / backup, directory)
    file = directory / manifests.FILE
    file.write_text(manifests.render(replace(manifests.parse(file.read_text()), id=name, **changes)))
    return directory


def largest(directory: Path) -> Path:
    return max((directory / "data").iterdir(), key=lambda path: path.stat().st_size)


def _cut(directory: Path) -> None:
    file = largest(directory)
    file.write_bytes(file.read_bytes()[:-1])


def _flip(directory: Path) -> None:
    file = largest(directory)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def _unreadable(directory: Path) -> None:
    # Reading a process's memory from its beginning is an input/output error of the kernel's own.
    file = largest(directory)
    file.unlink()
    file.symlink_to("/proc/self/mem")


def _manifest_cut(directory: Path) -> None:
    file = directory / manifests.FILE
    file.write_text(file.read_text()[:-20])


def _manifest_changed(directory: Path) -> None:
    file = directory / manifests.FILE
    file.write_text(file.read_text().replace('"public",\n   "item",\n   1000', '"public",\n   "item",\n   1001'))


def _manifest_of(directory: Path, name: str) -> None:
    file = directory / manifests.FILE
    file.write_text(manifests.render(replace(manifests.parse(file.read_text()), id=name)))


DAMAGES: Mapping[str, Callable[[Path], object]] = {
    "fault 4: a part cut by a byte": _cut,
    "a bit flipped": _flip,
    "a part emptied": lambda directory: largest(directory).write_bytes(b""),
    "a part gone": lambda directory: largest(directory).unlink(),
    "a part too many": lambda directory: (directory / "data" / "4711.dat").write_bytes(b""),
    "fault 25: a part that cannot be read": _unreadable,
    "the manifest cut": _manifest_cut,
    "the manifest changed": _manifest_changed,
    "the manifest of another backup": lambda directory: _manifest_of(directory, "shop_2020-01-01T00-00-00Z"),
    "no manifest": lambda directory: (directory / manifests.FILE).unlink(),
}
