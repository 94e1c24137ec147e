"""What a file is, by its content."""

import gzip
from pathlib import Path
from typing import Any

import pytest
import zstandard

from dbserver.backups import foreign
from dbserver.errors import DbServerError, UsageError

SQL = b"-- PostgreSQL database dump\n-- Dumped from database version 15.14 (Debian)\nSELECT 1;\n"
CUSTOM = b"PGDMP\x01\x10"
TAR = b"toc.dat".ljust(257, b"\0") + b"ustar\x0000".ljust(255, b"\0")


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.ZstdCompressor().compress])
@pytest.mark.parametrize(("content", "kind"), [(SQL, foreign.PLAIN), (CUSTOM, foreign.CUSTOM), (TAR, foreign.TAR)])
def test_a_file_is_what_it_holds_whatever_it_is_called(tmp_path: Path, pack: type, content: bytes, kind: str) -> None:
    path = tmp_path / "misleading.zip"
    path.write_bytes(pack(content))
    found = foreign.look(path)
    assert found.kind == kind
    assert found.major == (15 if kind == foreign.PLAIN else None)


def streamed(content: bytes) -> bytes:
    """Compress as `pg_dump | zstd` does, which does not know how much will come."""
    packer = zstandard.ZstdCompressor().compressobj()
    return packer.compress(content) + packer.flush()


@pytest.mark.parametrize(
    ("pack", "size"),
    [
        (bytes, len(SQL) * 1000), (gzip.compress, len(SQL) * 1000),
        (zstandard.ZstdCompressor().compress, len(SQL) * 1000),
        (streamed, 5 * len(streamed(SQL * 1000))),
        (lambda content: gzip.compress(content) + gzip.compress(b"-- the end"), None),
    ],
    ids=["plain", "gzip", "zstd", "zstd of a stream", "gzip of two parts"],
)  # fmt: skip
def test_a_compressed_file_needs_the_room_of_what_is_in_it(tmp_path: Path, pack: Any, size: int | None) -> None:
    path = tmp_path / "file"
    path.write_bytes(pack(SQL * 1000))
    assert foreign.look(path).size == (size or 5 * path.stat().st_size)


def test_a_directory_is_pg_dump_s_where_it_has_its_table_of_contents(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="neither a backup nor"):
        foreign.look(tmp_path)
    (tmp_path / "toc.dat").write_bytes(CUSTOM)
    assert foreign.look(tmp_path).kind == foreign.DIRECTORY


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\x7fELF\0\0", "SELECT 1;".encode("utf-16")])
def test_what_is_no_dump_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="is no dump"):
        foreign.look(path)


def test_damage_is_told_as_it_is_met(tmp_path: Path) -> None:
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(SQL * 1000)[:-20])
    with pytest.raises(DbServerError, match="damaged"), foreign.opened(path) as stream:
        stream.read()


def test_the_version_is_found_in_the_list_of_an_archive_too() -> None:
    assert foreign.from_version(b"; Archive\n;     Dumped from database version: 16.2\n;\n") == 16
