"""Whose servers a stack's are: made by one state, they are not another state's to take over."""

import getpass
import json
import secrets
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

from dbserver import contract
from dbserver.docker import host

LOCAL = "file://"
BYTES = 8
MODE = 0o600


@dataclass(frozen=True)
class Owner:
    """A state: a word that lies with it, where it is, who used it."""

    token: str
    place: str
    user: str

    def __str__(self) -> str:
        """Return the line that is kept with the servers."""
        return json.dumps(asdict(self))

    def is_noted(self, line: str) -> bool:
        """True where a line tells this very state; who used it may change."""
        noted = parsed(line)
        return noted is not None and (noted.token, noted.place) == (self.token, self.place)

    def same(self, other: "Owner") -> bool:
        """True for the same state, moved or not, and for a new one in the place of a lost one."""
        return self.place == other.place or (bool(self.token) and self.token == other.token)


def parsed(line: str) -> Owner | None:
    """Return the owner that a line tells; None where it tells none."""
    try:
        return Owner(**json.loads(line))
    except (ValueError, TypeError):
        return None


def of_state(project: Path, backend: str, *, make: bool) -> Owner:
    """Return whose servers those of this state are; `make` gives a local state its word where it has none."""
    user = getpass.getuser()
    if not backend.startswith(LOCAL):
        return Owner(backend, backend, user)
    directory = (project / Path(backend.removeprefix(LOCAL)).expanduser()).resolve()
    return Owner(_token(directory / contract.OWNER_FILE, make=make), f"{socket.gethostname()}:{directory}", user)


def _token(file: Path, *, make: bool) -> str:
    try:
        return file.read_text().strip()
    except FileNotFoundError:
        if not make:
            return ""
    file.parent.mkdir(parents=True, exist_ok=True)
    word = secrets.token_hex(BYTES)
    host.replace_file(file, word, MODE)
    return word
