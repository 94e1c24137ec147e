"""Debian's packages: installing them, and a root file system for the stand-in images."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from dbserver import execute
from dbserver.errors import DbServerError
from tools.machine import Machine
from tools.steps import Steps

APT = ("apt-get", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0")
QUIET = {"DEBIAN_FRONTEND": "noninteractive"}
OTHER_NAMES = {"stable", "oldstable", "testing", "unstable", "sid", "bookworm", "trixie", "forky"}
SCRIPTS = Path("/usr/share/debootstrap/scripts")


def install(steps: Steps, packages: Sequence[str], optional: Sequence[str] = ()) -> None:
    """Install packages, with those of `optional` that this release has. Raises DbServerError."""
    steps.run("apt-get update", [*APT, "update"], environment=QUIET)
    known = [p for p in optional if execute.run(["apt-cache", "show", p], check=False, timeout=60).succeeded]
    argv = [*APT, "install", "-y", "--no-install-recommends", *packages, *known]
    steps.run(f"apt-get install {packages[0]}", argv, environment=QUIET)


def mirror(machine: Machine) -> str:
    """Return the mirror of Debian that this machine's package configuration names. Raises DbServerError."""
    chosen = machine.environment.get("DBSERVER_DEBIAN_MIRROR") or _first(_configured())
    if not chosen:
        message = "no mirror of Debian in this machine's package configuration, so no stand-in image can be built"
        raise DbServerError(message, "set DBSERVER_DEBIAN_MIRROR to one, or make the official images available")
    return chosen


def mirror_in(text: str, *, one_line: bool) -> str | None:
    """Return the first address of Debian's main archive in a package source file of either format."""
    return _first(
        uri
        for uri, suites, components in (_one_line(text) if one_line else _stanzas(text))
        if "main" in components and OTHER_NAMES & set(suites) and re.match(r"(https?|file):", uri)
    )


def bootstrap_command(suite: str, target: Path, source: str, scripts: Path = SCRIPTS) -> list[str]:
    """Return the command that makes a minimal root file system; every suite of Debian shares one script."""
    script = [] if (scripts / suite).exists() else [str(scripts / "sid")]
    return ["debootstrap", "--variant=minbase", "--include=ca-certificates", suite, str(target), source, *script]


def _configured() -> Iterator[str]:
    folder = Path("/etc/apt")
    for path in [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]:
        if path.suffix in {".list", ".sources"} and path.is_file() and os.access(path, os.R_OK):
            found = mirror_in(path.read_text(errors="replace"), one_line=path.suffix == ".list")
            if found:
                yield found


def _one_line(text: str) -> Iterator[tuple[str, list[str], list[str]]]:
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)\s+([^#]*)", line)
        if match:
            yield match[1], [match[2]], match[3].split()


def _stanzas(text: str) -> Iterator[tuple[str, list[str], list[str]]]:
    for stanza in re.split(r"\n\s*\n", text):
        lines = "\n".join(line for line in stanza.splitlines() if not line.startswith("#"))
        joined = re.sub(r"\n[ \t]+", " ", lines)
        fields = {k.strip().lower(): v.split() for k, _, v in (line.partition(":") for line in joined.splitlines())}
        if "deb" in fields.get("types", []) and fields.get("enabled", ["yes"]) != ["no"]:
            for uri in fields.get("uris", []):
                yield uri, fields.get("suites", []), fields.get("components", [])


def _first(values: Iterable[str]) -> str | None:
    return next(iter(values), None)
