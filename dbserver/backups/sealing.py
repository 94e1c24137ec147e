"""Backups encrypted with age: a dump is sealed as it comes and opened as it is read, and plain on no disk."""

import io
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import pyrage
from pyrage.x25519 import Identity, Recipient

from dbserver import cleaning, streams
from dbserver.errors import DbServerError, UsageError
from dbserver.execute import Finished
from dbserver.streams import Drawn, Pipe, Send

SEALED = "data.dump.age"
SECRET = "AGE-SECRET-KEY-"  # noqa: S105  how the line with one begins


class Sealing:
    """A dump that is encrypted as it comes."""

    def __init__(self, program: Drawn, path: Path, recipients: Sequence[Recipient]) -> None:
        self._program, self._path = program, path
        self._pool = ThreadPoolExecutor(1)
        self._sealed = self._pool.submit(_seal, program.output, path, recipients)

    @property
    def running(self) -> bool:
        """Whether the dump has not ended yet."""
        return self._program.running

    def wait(self) -> Finished:
        """Wait for the dump's end. Raises DbServerError where what came could not be written."""
        try:
            self._sealed.result()
        except OSError as fault:
            raise DbServerError(f"{self._path} cannot be written: {fault.strerror or fault}", "df -h") from None
        return self._program.wait()

    def close(self) -> None:
        """Wait until nothing is written any more; the program has ended."""
        self._pool.shutdown()


@contextmanager
def sealing(argv: Sequence[str], path: Path, recipients: Sequence[str]) -> Iterator[Sealing]:
    """Start a dump into an encrypted file; it ends with this block, and with this process."""
    keys = _recipients(recipients)
    program = Drawn(argv)
    sealed = Sealing(program, path, keys)
    try:
        yield sealed
    finally:
        program.let_go()
        sealed.close()


def opening(path: Path, identity: Path) -> Send:
    """Return what writes an encrypted dump, opened by the keys in the file `identity`. Raises UsageError for no key."""
    keys = _identities(identity)

    def send(pipe: Pipe) -> None:
        try:
            with path.open("rb") as file:
                pyrage.decrypt_io(file, cast("io.BufferedIOBase", pipe), keys)
        except pyrage.DecryptError:
            raise DbServerError(f"no key in {identity} opens {path}", "take the one of its recipients") from None
        except OSError as fault:
            raise DbServerError(f"{path} is damaged or cannot be read: {fault}", "take another one") from None

    return send


def seal(content: bytes, recipients: Sequence[str], declared_as: str) -> bytes:
    """Return a content encrypted; `declared_as` is where the public keys stand, for whoever has to correct them."""
    return pyrage.encrypt(content, _recipients(recipients, declared_as))


def unseal(content: bytes, name: str, identity: Path) -> bytes:
    """Return what was encrypted, opened by the keys in the file `identity`."""
    try:
        return pyrage.decrypt(content, _identities(identity))
    except pyrage.DecryptError:
        raise DbServerError(f"no key in {identity} opens {name}", "take the one of its recipients") from None


def _seal(source: IO[bytes], path: Path, keys: Sequence[Recipient]) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", streams.BLOCK_BYTES) as file:
        pyrage.encrypt_io(cast("io.BufferedIOBase", source), cast("io.BufferedIOBase", file), keys)
        file.flush()
        os.fsync(file.fileno())


def _recipients(texts: Sequence[str], declared_as: str = "backupRecipients") -> list[Recipient]:
    try:
        return [Recipient.from_str(text) for text in texts]
    except pyrage.RecipientError:
        raise UsageError(f"{declared_as}: one is no public key of age's", "age-keygen -y FILE prints one") from None


def _identities(path: Path) -> list[Identity]:
    """Return the keys of an age identity file; what stands in it is in no message."""
    try:
        lines = [line.strip() for line in cleaning.lines(path.read_text())]
        found = [Identity.from_str(line) for line in lines if line.startswith(SECRET)]
    except (OSError, UnicodeDecodeError, pyrage.IdentityError):
        raise UsageError(f"{path} cannot be read as an age identity file", "age-keygen makes one") from None
    if not found:
        raise UsageError(f"there is no key in {path}: none of its lines begins with {SECRET}", "age-keygen makes one")
    return found
