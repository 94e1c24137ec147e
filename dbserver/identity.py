"""Which data a stack's servers have: an empty directory in its place is a disk that is missing, and no new beginning.

Remembered twice: beside the stack's state, with the place of the data, and beside the data.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from dbserver import cleaning, contract, endpoint
from dbserver.docker import host
from dbserver.docker.host import Identity

MODE = 0o600
MOUNTS = Path("/proc/self/mountinfo")


@dataclass(frozen=True)
class Known:
    """The data of a server: its identity, where it was, on which device and where that was mounted, if told."""

    identity: str
    path: str
    mount: str = ""
    device: str = ""


def path(state: Path, stack: str) -> Path:
    """Return the file that remembers a stack's data; `state` is the project's directory for what it keeps."""
    return state / "data" / f"{stack}.json"


def read(state: Path, stack: str) -> dict[str, Known]:
    """Return server -> its data, of those that are known."""
    try:
        return {server: Known(**known) for server, known in json.loads(path(state, stack).read_text()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def write(state: Path, stack: str, known: Mapping[str, Known]) -> None:
    """Remember the data of a stack's servers, in place of what was known."""
    file = path(state, stack)
    file.parent.mkdir(parents=True, exist_ok=True)
    host.replace_file(file, json.dumps({server: asdict(each) for server, each in known.items()}, indent=1), MODE)


def forget(state: Path, stack: str, server: str) -> None:
    """Forget a server's data: others take its place on purpose."""
    known = read(state, stack)
    if known.pop(server, None):
        write(state, stack, known)


def placed(identity: str, directory: str) -> Known:
    """Return data with the place where it is now; where the daemon is on another machine, that is not known."""
    try:
        mount, device = mounted(os.path.realpath(directory), MOUNTS.read_text()) if endpoint.local() else ("", "")
    except OSError:
        mount, device = "", ""
    return Known(identity, directory, mount, device)


def mismatch(server: str, where: str, found: Identity, known: Known | None) -> str:
    """Return what is there in place of the stack's data, and where that was last; nothing where it is the stack's.

    What is remembered beside the data counts where nothing is `known`.
    """
    expected = known or (Known(found.remembered, where) if found.remembered else None)
    if expected is None or found.found == expected.identity:
        return ""
    name = {contract.POSTGRES: "PostgreSQL"}.get(server, "Redis")
    holds = f"holds the data of another {name} ({found.found})" if found.found else f"holds no data of this {name}"
    return f"{where} {holds}; the stack's is {expected.identity}{_last_seen(where, expected)}"


def _last_seen(where: str, known: Known) -> str:
    if known.path != where:
        return f", last in {known.path}: set dataDirectory back, or move the data while the servers are stopped"
    if known.mount.strip("/"):
        return f", on {known.device}, which was mounted on {known.mount}: look whether it is (findmnt {known.mount})"
    return f": look whether its disk is mounted (findmnt --target {where})"


def mounted(directory: str, table: str) -> tuple[str, str]:
    """Return where the file system of a directory is mounted, and its device, out of the kernel's mountinfo.

    The last of those that are mounted on the same place hides the others.
    """
    found = ("", "")
    for line in cleaning.lines(table):
        before, _, after = line.partition(" - ")
        point, fields = _plain(before.split(" ")[4]), after.split(" ")
        inside = directory == point or directory.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(found[0]):
            found = point, _plain(fields[1])
    return found


def _plain(word: str) -> str:
    r"""The table writes a space as \040."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        word = word.replace(code, character)
    return word
