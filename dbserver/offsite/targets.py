"""What every target can do: list, put, get and remove objects, each whole or not at all."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Protocol, cast

from dbserver.errors import UsageError
from dbserver.offsite import place
from dbserver.offsite.place import Place

PARTIAL = ".partial"
BLOCK_BYTES = 256 << 10
# Each library takes up to half a second to import: only the one that is needed is.
MODULES = {
    place.S3: "dbserver.offsite.s3",
    place.SFTP: "dbserver.offsite.sftp",
    place.FILE: "dbserver.offsite.directory",
}


class Target(Protocol):
    """A place that holds objects by their names, with `/` between their parts.

    Each method raises DbServerError, with what the target said and what to do.
    """

    def names(self, under: str) -> Mapping[str, int]:
        """Return the names of the objects below, without `under/`, and their bytes."""

    def put(self, name: str, content: bytes) -> None:
        """Put an object there, in the place of one of this name; what was interrupted is none."""

    def get(self, name: str) -> bytes:
        """Return an object."""

    def remove(self, name: str) -> None:
        """Remove an object; one that is not there is none."""

    def close(self) -> None:
        """Let the connection go."""


@contextmanager
def opened(wanted: Place) -> Iterator[Target]:
    """Yield the target. Raises UsageError where its URL is none."""
    try:
        address = place.parse(wanted.url)
    except ValueError as fault:
        raise UsageError(f"offsite.url {fault}", "docs/how-to/offsite.md") from None
    for file in (wanted.credentials_file, wanted.known_hosts):
        if file and not os.access(file, os.R_OK):
            raise UsageError(f"{file} cannot be read", "offsite.credentialsFile and offsite.knownHosts name files")
    target = cast("Target", import_module(MODULES[address.scheme]).open_target(wanted, address))
    try:
        yield target
    finally:
        target.close()


def paced(content: bytes, bandwidth: int) -> Iterator[bytes]:
    """Yield the content in blocks, not faster than so many bytes a second; 0 is no limit."""
    began = time.monotonic()
    view = memoryview(content)
    for start in range(0, len(view), BLOCK_BYTES):
        yield bytes(view[start : start + BLOCK_BYTES])
        if bandwidth:
            due = began + min(start + BLOCK_BYTES, len(view)) / bandwidth
            time.sleep(max(0.0, due - time.monotonic()))
