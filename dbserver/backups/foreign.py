"""A file of elsewhere: what it is, by its content, and its bytes. Whatever stands in it is hostile."""

import gzip
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import zstandard

from dbserver.errors import DbServerError, UsageError

PLAIN, CUSTOM, DIRECTORY, TAR = "plain SQL", "custom archive", "directory archive", "tar archive"
HEAD_BYTES, BUFFER_BYTES = 8192, 1 << 18
GZIP, ZSTD, PGDUMP = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PGDMP"
TAR_MAGIC = slice(257, 262)
FROM_VERSION = re.compile(rb"^(?:--|;)\s+Dumped from database version:? (\d+)", re.MULTILINE)
EXPANDS = 5
DAMAGES = (OSError, EOFError, zlib.error, zstandard.ZstdError)


@dataclass(frozen=True)
class Foreign:
    """A file, or a directory of pg_dump's. `major` is the server's that it comes from, `size` the bytes in it.

    What is compressed as a whole tells how many those are, or is taken for EXPANDS times its own.
    """

    path: Path
    kind: str
    size: int
    major: int | None = None

    @property
    def id(self) -> str:
        """How it is named in messages and results."""
        return str(self.path)


def look(path: Path) -> Foreign:
    """Return what a file is. Raises UsageError for one that no restore takes, DbServerError for an unreadable one."""
    if path.is_dir():
        if not (path / "toc.dat").is_file():
            raise UsageError(f"{path} is neither a backup nor a directory of pg_dump's", "./scripts/dbserver backups")
        return Foreign(path, DIRECTORY, sum(part.stat().st_size for part in path.rglob("*") if part.is_file()))
    with opened(path) as stream:
        head = stream.read(HEAD_BYTES)
    return Foreign(path, _kind(path, head), _size(path), from_version(head))


def from_version(text: bytes) -> int | None:
    """Return the major version of the server that a dump comes from, by its own comment."""
    found = FROM_VERSION.search(text)
    return int(found[1]) if found else None


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, decompressed as it is read. Raises DbServerError where its bytes are damaged or cannot be read."""
    try:
        with path.open("rb") as file:
            magic = file.read(4)
            file.seek(0)
            yield _decompressed(file, magic)
    except BrokenPipeError:
        raise
    except DAMAGES as fault:
        raise DbServerError(f"{path} is damaged or cannot be read: {fault}", "take another one") from None


def _decompressed(file: IO[bytes], magic: bytes) -> IO[bytes]:
    if magic.startswith(GZIP):
        return io.BufferedReader(cast("io.RawIOBase", gzip.GzipFile(fileobj=file)), BUFFER_BYTES)
    if magic == ZSTD:
        reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        return io.BufferedReader(cast("io.RawIOBase", reader), BUFFER_BYTES)
    return file


def _size(path: Path) -> int:
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        if head.startswith(GZIP):
            file.seek(-4, io.SEEK_END)
            told = int.from_bytes(file.read(), "little")  # of its last part, and without what goes beyond 4 GiB
        elif head.startswith(ZSTD):
            told = zstandard.frame_content_size(head)  # -1 where it was not known when it was written
        else:
            return size
    return told if told > size else EXPANDS * size


def _kind(path: Path, head: bytes) -> str:
    if head.startswith(PGDUMP):
        return CUSTOM
    if head[TAR_MAGIC] == b"ustar":
        return TAR
    if not head.strip() or b"\0" in head:
        raise UsageError(f"{path} is no dump: neither SQL nor an archive of pg_dump's", "pg_dump -Fc makes one")
    return PLAIN
