"""Small disks: they can be filled, and made read-only."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.commands import run

KIB = 1024


@contextmanager
def mounted(directory: Path, size: str) -> Iterator[Path]:
    """Mount a small disk; it is taken away where nobody looks any more."""
    directory.mkdir(parents=True, exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", str(directory)).ok()
    try:
        yield directory
    finally:
        run("umount", "--lazy", str(directory)).ok()


@contextmanager
def filled(directory: Path, left: int) -> Iterator[None]:
    """Fill a disk for a while, but for some bytes."""
    filler = directory / "filler"
    fill(filler, left)
    try:
        yield
    finally:
        filler.unlink()


def fill(filler: Path, left: int) -> None:
    """Take all of a disk's space but for some bytes."""
    state = os.statvfs(filler.parent)
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(state.f_bavail * state.f_frsize - left, KIB))


@contextmanager
def read_only(directory: Path) -> Iterator[None]:
    """Make a disk read-only for a while, as the kernel does after a fault of it."""
    run("mount", "-o", "remount,ro", str(directory)).ok()
    try:
        yield
    finally:
        run("mount", "-o", "remount,rw", str(directory)).ok()
