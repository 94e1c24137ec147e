"""Dumps that are encrypted as they come, and opened as they are read."""

import io
from pathlib import Path
from typing import Any

import pyrage
import pytest

from dbserver.backups import archive, sealing
from dbserver.backups.manifest import Manifest
from dbserver.backups.store import Backup
from dbserver.errors import DbServerError, UsageError
from dbserver.execute import Finished
from dbserver.streams import Pipe

DUMP = bytes(range(256)) * 1000


class Program:
    """A dump that prints."""

    def __init__(self, printed: bytes) -> None:
        self.output, self.running = io.BytesIO(printed), False

    def wait(self) -> Finished:
        return Finished(0, "", "")


class Kept(io.BytesIO):
    """A program's input that can be read after its end."""

    def close(self) -> None:
        self.content = self.getvalue()


def sealed(tmp_path: Path, *keys: pyrage.x25519.Identity) -> Path:
    path = tmp_path / sealing.SEALED
    running = sealing.Sealing(Program(DUMP), path, [key.to_public() for key in keys])  # type: ignore[arg-type]  # one that is made for the test
    assert running.wait().succeeded
    running.close()
    return path


def identity(tmp_path: Path, key: pyrage.x25519.Identity) -> Path:
    path = tmp_path / "identity.txt"
    path.write_text(f"# created: now\n\n{key}\n")
    return path


def opened(path: Path, identity: Path) -> bytes:
    stream = Kept()
    pipe = Pipe(stream)
    sealing.opening(path, identity)(pipe)
    pipe.close()
    return stream.content


def test_each_recipient_s_key_opens_what_is_the_user_s_alone(tmp_path: Path) -> None:
    keys = [pyrage.x25519.Identity.generate() for _ in range(2)]
    path = sealed(tmp_path, *keys)
    assert path.stat().st_mode & 0o777 == 0o600
    assert DUMP[:256] not in path.read_bytes()
    assert [opened(path, identity(tmp_path, key)) for key in keys] == [DUMP, DUMP]


def test_another_key_and_a_cut_file_are_told_without_the_key(tmp_path: Path) -> None:
    key, other = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    path = sealed(tmp_path, key)
    with pytest.raises(DbServerError, match=r"no key in .*identity\.txt opens") as told:
        opened(path, identity(tmp_path, other))
    assert str(other) not in str(told.value)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DbServerError, match="damaged"):
        opened(path, identity(tmp_path, key))


@pytest.mark.parametrize("content", ["", "age1public\n", "AGE-SECRET-KEY-1BROKEN\n"])
def test_a_file_without_a_key_is_refused_and_not_quoted(tmp_path: Path, content: str) -> None:
    path = tmp_path / "identity.txt"
    path.write_text(content)
    with pytest.raises(UsageError) as told:
        sealing.opening(tmp_path / "any", path)
    assert "BROKEN" not in str(told.value)


def test_a_recipient_that_is_none_stops_a_dump_before_it_starts(tmp_path: Path) -> None:
    started = sealing.sealing(["never", "started"], tmp_path / "x", ["age1typo"])
    with pytest.raises(UsageError, match="backupRecipients"), started:
        pass


def test_a_disk_that_is_full_fails_the_dump(tmp_path: Path) -> None:
    keys = [pyrage.x25519.Identity.generate().to_public()]
    running = sealing.Sealing(Program(DUMP), tmp_path / "missing" / "x", keys)  # type: ignore[arg-type]  # one that is made for the test
    with pytest.raises(DbServerError, match="cannot be written"):
        running.wait()
    running.close()


def test_an_encrypted_backup_takes_a_key_and_another_none(tmp_path: Path) -> None:
    values: dict[str, Any] = {
        "id": "b", "kind": "application", "application": "shop", "database": "shop", "server_version": "17.5",
        "server_major": 17, "tool_version": "1", "started": "2026-11-23T14:05:07+00:00", "duration_seconds": 1.0,
        "size": 1, "parts": (),
    }  # fmt: skip
    assert archive.of(Backup(tmp_path / "b", Manifest(**values))).inner.endswith("/b/data")
    encrypted = Backup(tmp_path / "b", Manifest(**values, recipients=["age1one"]))
    with pytest.raises(UsageError, match="is encrypted") as told:
        archive.of(encrypted)
    assert "age1one" in told.value.hint
    key = identity(tmp_path, pyrage.x25519.Identity.generate())
    assert archive.of(encrypted, key).send
