"""A directory of another disk as a target."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dbserver.backups.store import sync
from dbserver.errors import DbServerError, UsageError
from dbserver.offsite.place import Address, Place
from dbserver.offsite.targets import PARTIAL, paced


def open_target(wanted: Place, address: Address) -> "Directory":
    """Return the target. Raises UsageError where it is not there: an empty mount point must not be filled."""
    root = Path(address.path)
    if not root.is_dir():
        raise UsageError(f"{root} is no directory", "mount its disk, or make it there")
    return Directory(root, wanted.bandwidth)


class Directory:
    """A directory: an object appears in one rename, after its bytes have reached the disk."""

    def __init__(self, root: Path, bandwidth: int) -> None:
        self._root, self._bandwidth = root, bandwidth

    def names(self, under: str) -> Mapping[str, int]:
        """Return what lies below."""
        top = self._root / under
        with self._told():
            paths = [path for path in top.rglob("*") if path.is_file() and not path.name.endswith(PARTIAL)]
            return {path.relative_to(top).as_posix(): path.stat().st_size for path in paths}

    def put(self, name: str, content: bytes) -> None:
        """Write it under another name, then rename it."""
        path = self._root / name
        partial = path.with_name(path.name + PARTIAL)
        with self._told():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                self._write(partial, content)
            except OSError:
                partial.unlink(missing_ok=True)  # a disk that is full has room again
                raise
            partial.replace(path)
            sync(path.parent)
            sync(path.parent.parent)

    def get(self, name: str) -> bytes:
        """Read it."""
        with self._told():
            return (self._root / name).read_bytes()

    def remove(self, name: str) -> None:
        """Remove it, and its directory with the last one."""
        path = self._root / name
        with self._told():
            path.unlink(missing_ok=True)
            if path.parent.is_dir():
                for left in path.parent.glob(f"*{PARTIAL}"):
                    left.unlink()
                if not any(path.parent.iterdir()):
                    path.parent.rmdir()

    def close(self) -> None:
        """There is no connection."""

    def _write(self, path: Path, content: bytes) -> None:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            for block in paced(content, self._bandwidth):
                file.write(block)
            file.flush()
            os.fsync(file.fileno())

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as fault:
            raise DbServerError(f"{fault.filename} is missing", "./scripts/dbserver offsite list") from None
        except OSError as fault:
            raise DbServerError(f"{self._root}: {fault.strerror}", "look at that disk: df, dmesg") from None
