"""Where the copies go, as it is declared. Pure."""

import posixpath
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from dbserver.backups.retention import Rules

S3, SFTP, FILE = "s3", "sftp", "file"
FORMS = "s3://bucket/prefix, sftp://user@host[:port]/path or file:///path"
SSH_PORT = 22


@dataclass(frozen=True)
class Address:
    """A URL taken apart: `host` is a bucket where the scheme is s3."""

    scheme: str
    host: str
    path: str
    user: str = ""
    port: int = SSH_PORT


@dataclass(frozen=True)
class Place:
    """Where copies go, who may read them, how fast they go, which of them stay.

    `bandwidth` is bytes a second, 0 without a limit; `credentials_file` and `known_hosts` are paths, empty for what the
    libraries know themselves. `archive_keep` is how many seconds back any second comes back from the copies, 0 for what
    the archive here keeps.
    """

    url: str
    endpoint: str = ""
    credentials_file: str = ""
    known_hosts: str = ""
    recipients: tuple[str, ...] = ()
    bandwidth: int = 0
    keep: Rules = field(default_factory=Rules)
    archive_keep: int = 0


def parse(url: str) -> Address:
    """Take a URL apart. Raises ValueError with the reason, which never repeats it: it may hold a password."""
    try:
        parts = urlsplit(url)
        port = parts.port or SSH_PORT
    except ValueError:
        raise ValueError(f"should be {FORMS}") from None
    if parts.password is not None:
        raise ValueError("holds a password: put a key into a file, and name that as credentialsFile")
    host, path = parts.hostname or "", unquote(parts.path)
    wrong = {
        S3: not host or bool(parts.username) or parts.netloc.count(":") > 0,
        SFTP: not host or not parts.username or not path.strip("/"),
        FILE: bool(parts.netloc) or not path.strip("/"),
    }.get(parts.scheme, True)
    if wrong or parts.query or parts.fragment or any(ord(letter) < ord(" ") for letter in path):
        raise ValueError(f"should be {FORMS}")
    if ".." in path.split("/"):
        raise ValueError("should be without ..")
    if parts.scheme == S3:
        return Address(S3, parts.netloc, path.strip("/"))
    return Address(parts.scheme, host, posixpath.normpath(path), unquote(parts.username or ""), port)
