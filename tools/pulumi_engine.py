"""The Pulumi engine: a new enough one of the machine, else the cached one, else downloaded, else built."""

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dbserver import execute, json_file
from dbserver.errors import CommandError
from tools import download, go_build
from tools.machine import ROOT, Machine, Missing
from tools.steps import Steps

PART = "Pulumi engine"
VERSION = "3.259.0"
LANGUAGE_HOST = "pulumi-language-python"
PROGRAMS = ("pulumi-resource-pulumi-python", "pulumi-language-python-exec", LANGUAGE_HOST, "pulumi")
PREFER_CACHED = ROOT / ".state" / "prefer-cached-engine"
# A version manager's shim stays the same file while the version behind it changes; the engine itself is far larger.
SMALLEST_ENGINE = 1_000_000


@dataclass(frozen=True)
class Engine:
    """An engine that can be used. `cached` is true for the one in the project's cache."""

    program: Path
    cached: bool


def version_in(text: str) -> tuple[int, int, int] | None:
    """Return the release in what `pulumi version` prints, or None; a pre-release counts as older than its release."""
    found = re.match(r"v?(\d+)\.(\d+)\.(\d+)(-)?", text.strip())
    if not found:
        return None
    major, minor, patch = (int(n) for n in found.groups()[:3])
    return (major, minor, patch - 1 if found[4] else patch)


def new_enough(text: str, wanted: str = VERSION) -> bool:
    """True where the printed version is the wanted one or newer, of the same major."""
    have, least = version_in(text), version_in(wanted)
    return have is not None and least is not None and have[0] == least[0] and have >= least


def judge(program: Path | None, version: str, *, language_host: bool) -> str:
    """Return why the machine's own engine cannot be used, or nothing where it can. Pure."""
    if program is None:
        return "no pulumi is on PATH"
    if not new_enough(version):
        return f"{program} is {version or 'of an unknown version'}, {VERSION} or newer is needed"
    return "" if language_host else f"{program} has no {LANGUAGE_HOST} beside it or on PATH"


def find(machine: Machine) -> tuple[Engine | None, str]:
    """Return the engine to use, or None; and why the machine's own is not used (nothing where it is)."""
    path = path_without(machine.environment.get("PATH", ""), machine.binaries)
    on_path = shutil.which("pulumi", path=path)
    program = Path(on_path) if on_path else None
    host = program is not None and (
        os.access(program.resolve().parent / LANGUAGE_HOST, os.X_OK) or shutil.which(LANGUAGE_HOST, path=path)
    )
    reason = judge(program, version_of(program, machine.cache) if program else "", language_host=bool(host))
    if program and not reason:
        return Engine(program, cached=False), ""
    kept = Engine(machine.binaries / "pulumi", cached=True)
    fit = cached(machine.binaries) and new_enough(version_of(kept.program, machine.cache))
    return (kept if fit else None), reason


def path_without(path: str, folder: Path) -> str:
    """Return a PATH without one folder."""
    return os.pathsep.join(entry for entry in path.split(os.pathsep) if entry != str(folder))


def cached(folder: Path) -> bool:
    """True where every program is there; each arrives by a rename, so none is half-made."""
    return all(os.access(folder / name, os.X_OK) for name in PROGRAMS)


def version_of(program: Path, cache: Path, ask: Callable[[Path], str] | None = None) -> str:
    """Return what the program says, remembered while the file stays the same: asking takes a quarter of a second."""
    real = program.resolve()
    stat, store = real.stat(), cache / "versions.json"
    key = f"{real} {stat.st_size} {stat.st_mtime_ns}"
    known = json_file.read(store)
    if key in known:
        return str(known[key])
    version = (ask or _ask)(program)
    if stat.st_size >= SMALLEST_ENGINE and version:
        cache.mkdir(parents=True, exist_ok=True)
        temporary = store.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps({**known, key: version}))
        temporary.replace(store)
    return version


def missing(machine: Machine) -> Missing | None:
    """Return the reason and the command where no engine can be used; record which one leads PATH where one can."""
    engine, reason = find(machine)
    if engine:
        return None
    return Missing(PART, reason, f"curl -fsSL {download.SITE} | sh -s -- --version {VERSION}")


def provide(steps: Steps, machine: Machine) -> Engine:
    """Download the engine, else build it, where none can be used. Raises DbServerError."""
    engine, reason = find(machine)
    if engine is None:
        for name in PROGRAMS if cached(machine.binaries) else ():
            (machine.binaries / name).unlink()  # complete, but older than this project's release
        steps.say(f"{PART}: downloading {VERSION} from {download.SITE}, because {reason}")
        fault = download.engine(steps, VERSION, PROGRAMS, machine.binaries)
        if fault:
            steps.say(
                f"{PART}: building {VERSION} from its published modules (about 6 minutes on 2 cores), because {fault}"
            )
            go_build.engine(steps, machine, PROGRAMS)
        engine = Engine(machine.binaries / "pulumi", cached=True)
    return engine


def prefer(engine: Engine, machine: Machine) -> None:
    """Record for tools/environment.sh whether the cached engine goes before an unfit one of the machine."""
    path = path_without(machine.environment.get("PATH", ""), machine.binaries)
    wanted = engine.cached and shutil.which("pulumi", path=path) is not None
    if wanted and not PREFER_CACHED.exists():
        PREFER_CACHED.parent.mkdir(exist_ok=True)
        PREFER_CACHED.touch()
    elif not wanted:
        PREFER_CACHED.unlink(missing_ok=True)


def _ask(program: Path) -> str:
    quiet = {"PULUMI_SKIP_UPDATE_CHECK": "true"}
    try:
        answer = execute.run([str(program), "version"], check=False, timeout=30, env=quiet)
    except (CommandError, OSError):
        return ""
    return answer.stdout.strip() if answer.succeeded else ""
