"""The ordinary download of the Pulumi engine: the release archive that the official installer fetches."""

import shutil
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from dbserver import execute
from tools.machine import scratch
from tools.steps import Steps

if TYPE_CHECKING:
    from tarfile import TarFile

SITE = "https://get.pulumi.com"
CONNECT_SECONDS = 5
READ_SECONDS = 60
CHUNK = 1 << 20


def archive(version: str, system: str, machine: str) -> str | None:
    """Return the address of a release's archive, or None for a platform that has none."""
    processor = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}.get(machine.lower())
    if processor is None or system.lower() not in {"linux", "darwin"}:
        return None
    return f"{SITE}/releases/sdk/pulumi-v{version}-{system.lower()}-{processor}.tar.gz"


@cache
def unreachable() -> str:
    """Return why the site cannot be reached, or nothing; a closed network is noticed within seconds."""
    import urllib.error  # noqa: PLC0415  nothing to do must not wait for this import
    import urllib.request  # noqa: PLC0415  as above

    try:
        with urllib.request.urlopen(SITE, timeout=CONNECT_SECONDS):
            return ""
    except urllib.error.HTTPError as answer:
        return f"{SITE} answered {answer.code}"
    except OSError as fault:
        cause = getattr(fault, "reason", fault)
        return f"{SITE} cannot be reached ({getattr(cause, 'strerror', None) or cause})"


def engine(steps: Steps, version: str, programs: Sequence[str], target: Path) -> str:
    """Download a release and put its programs into the folder; return why that failed, or nothing."""
    import http.client  # noqa: PLC0415  as above
    import platform  # noqa: PLC0415  as above

    address = archive(version, platform.system(), platform.machine())
    if address is None:
        return f"there is no download for {platform.system()} on {platform.machine()}"
    if fault := unreachable():
        return fault
    target.mkdir(parents=True, exist_ok=True)
    with scratch(target.parent, "download-") as folder:
        try:
            with steps.alive("downloading the Pulumi engine") as line:
                _fetch(address, folder / "archive", line)
                return place(folder, version, programs, target)
        except (OSError, http.client.HTTPException) as fault:
            return f"the download of {address} failed ({fault})"


def _fetch(address: str, target: Path, line: Callable[[str], None]) -> None:
    import urllib.request  # noqa: PLC0415  as above

    with urllib.request.urlopen(address, timeout=READ_SECONDS) as answer, target.open("wb") as file:  # noqa: S310  of SITE
        while chunk := answer.read(CHUNK):
            file.write(chunk)
            line(f"{file.tell() >> 20} MB")


def place(folder: Path, version: str, programs: Sequence[str], target: Path) -> str:
    """Unpack folder/archive, try the engine, move the programs into place in order; return a fault or nothing."""
    import tarfile  # noqa: PLC0415  as above

    try:
        with tarfile.open(folder / "archive") as packed:
            _unpack(packed, folder, programs)
    except tarfile.TarError as fault:
        return f"the downloaded archive cannot be read ({fault})"
    found = {name: folder / name for name in programs if (folder / name).is_file()}
    if absent := [name for name in programs if name not in found]:
        return f"the downloaded archive has no {', '.join(absent)}"
    for path in found.values():
        path.chmod(0o755)
    answer = execute.run([str(found["pulumi"]), "version"], check=False, timeout=60)
    if answer.stdout.strip().removeprefix("v") != version:
        return f"the downloaded engine does not run as {version}: {answer.output}"
    for name in programs:
        shutil.move(found[name], target / f"{name}.new")
        (target / f"{name}.new").replace(target / name)
    return ""


def _unpack(packed: "TarFile", folder: Path, programs: Sequence[str]) -> None:
    """Take the wanted files by their last name alone, so that no path in the archive decides where they go."""
    for member in packed:
        name = Path(member.name).name
        content = packed.extractfile(member) if member.isfile() and name in programs else None
        if content:
            with (folder / name).open("wb") as file:
                shutil.copyfileobj(content, file)
