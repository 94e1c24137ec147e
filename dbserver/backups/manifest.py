"""What a backup says of itself. Its last file, written in one rename: without it there is no backup. Pure.

The text of a manifest is canonical and holds its own checksum, so that a
change of any byte of it is seen.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple
from urllib.parse import quote

SCHEMA = "backup-1"
FILE = "manifest.json"
# The checksum is of the text without its line: it is checked in the text as it lies there, which is quick, and sees
# whatever parsing and writing it again would put right.
LAST = "\n}\n"
ENDING = re.compile(r',\n "checksum": "(?P<checksum>[0-9a-f]{64})"\n}\n\Z')

APPLICATION, DATABASE, SERVER, REDIS = "application", "database", "server", "redis"
KINDS = (APPLICATION, DATABASE, SERVER, REDIS)


class ManifestError(ValueError):
    """The text is no manifest, or not the one that was written."""


class Part(NamedTuple):
    """A file of a backup: its path in it, bytes, SHA-256."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a backup holds.

    `kind` is what was backed up: an application, a database of no application,
    the server's roles and settings, or Redis. `started` is UTC. `rows` are
    schema, table, number. `properties` are what a dump does not hold: owner,
    ACL, limits, comment, settings, encoding, extensions. `roles` are those
    that the database needs. `recipients` are the public keys of an encrypted
    one. Sizes are bytes; `database_size` is the database's on disk.
    """

    id: str
    kind: str
    application: str
    database: str
    server_version: str
    server_major: int
    tool_version: str
    started: str
    duration_seconds: float
    size: int
    parts: Sequence[Part]
    colour: str = ""
    revision: str = ""
    note: str = ""
    database_size: int = 0
    rows: Sequence[tuple[str, str, int]] = ()
    properties: Mapping[str, Any] = field(default_factory=dict)
    roles: Sequence[Mapping[str, Any]] = ()
    recipients: Sequence[str] = ()

    @property
    def subject(self) -> str:
        """Of what it is a backup. Retention keeps subjects apart."""
        return subject(self.kind, self.application, self.database)


def subject(kind: str, application: str = "", database: str = "") -> str:
    """Return the name that backups of the same thing share; no application's name has a dot."""
    if kind == APPLICATION:
        return application
    if kind == DATABASE:
        return f"database.{quote(database, safe='')}"
    return "server.globals" if kind == SERVER else f"server.{kind}"


def render(manifest: Manifest) -> str:
    """Return the manifest's file."""
    parts = [part._asdict() for part in manifest.parts]
    return checked({"schema": SCHEMA, **asdict(manifest), "parts": parts})


def parse(text: str) -> Manifest:
    """Return what a manifest's file says. Raises ManifestError for any that `render` has not written so."""
    return _manifest(unchecked(text, SCHEMA))


def checked(content: Mapping[str, Any]) -> str:
    """Return a text that holds its own checksum."""
    return _text({**content, "checksum": _digest(_text(content))})


def unchecked(text: str, known: str) -> dict[str, Any]:
    """Return the content of such a text. Raises ManifestError where it is damaged, or of another schema."""
    end = ENDING.match(text, text.rfind(",\n"))
    if end is None:
        raise ManifestError("it is no manifest, or was cut off")
    if end["checksum"] != _digest(text[: end.start()] + LAST):
        raise ManifestError("its checksum does not fit")
    try:
        content: dict[str, Any] = json.loads(text)
        schema = content.pop("schema")
        del content["checksum"]
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        raise ManifestError("it is no manifest") from None
    if schema != known:
        raise ManifestError(f"it is a {schema!s:.40}, known is {known}")
    return content


def _manifest(content: dict[str, Any]) -> Manifest:
    try:
        parts = tuple(Part(part["path"], part["size"], part["sha256"]) for part in content.pop("parts"))
        rows = tuple((schema, table, number) for schema, table, number in content.pop("rows"))
        return Manifest(**content, parts=parts, rows=rows)
    except (KeyError, TypeError, ValueError):
        raise ManifestError("another version of dbserver has written it") from None


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
