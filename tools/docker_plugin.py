"""The engine's docker plugin: where the engine looks for it, and the three ways to put it there."""

import os
import shutil
from pathlib import Path

from tools import download, go_build
from tools.machine import Machine, Missing
from tools.pulumi_engine import Engine
from tools.steps import Steps

PART = "docker plugin"
VERSION = "5.2.0"
NAME = Path("plugins") / f"resource-docker-v{VERSION}" / "pulumi-resource-docker"
INSTALL_SECONDS = 300
CLOSED_SECONDS = 20


def place(machine: Machine) -> Path:
    """Return where the engine looks for the plugin."""
    return machine.pulumi_home / NAME


def present(machine: Machine) -> bool:
    """True where the plugin is complete: the engine marks an unfinished installation with a file beside the folder."""
    folder = place(machine).parent
    return os.access(place(machine), os.X_OK) and not folder.with_name(f"{folder.name}.partial").exists()


def missing(machine: Machine) -> Missing | None:
    """Return the command where the plugin is not there."""
    if present(machine):
        return None
    return Missing(PART, f"{place(machine)} is not there", f"pulumi plugin install resource docker {VERSION}")


def provide(steps: Steps, machine: Machine, engine: Engine) -> None:
    """Copy the cached plugin, else download it, else build it, where it is absent. Raises DbServerError."""
    if present(machine):
        return
    kept = machine.cache / NAME
    if not os.access(kept, os.X_OK):
        steps.say(f"{PART}: installing {VERSION} with the engine, because it is not in {machine.pulumi_home}")
        if _installed(steps, machine, engine):
            return
        steps.say(
            f"{PART}: building {VERSION} from its published modules (about 3 minutes on 2 cores), "
            "because it could not be downloaded"
        )
        go_build.plugin(steps, machine, kept)
    steps.say(f"{PART}: copying {VERSION} from the cache, because it is not in {machine.pulumi_home}")
    copy(kept, place(machine))


def copy(source: Path, target: Path) -> None:
    """Put a program into place by a copy beside it and one rename."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f"{target.name}.{os.getpid()}")
    try:
        shutil.copyfile(source, temporary)
        temporary.chmod(0o755)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    target.parent.with_name(f"{target.parent.name}.partial").unlink(missing_ok=True)


def _installed(steps: Steps, machine: Machine, engine: Engine) -> bool:
    limit = CLOSED_SECONDS if download.unreachable() else INSTALL_SECONDS
    argv = [str(engine.program), "plugin", "install", "resource", "docker", VERSION]
    status, _ = steps.attempt("installing the docker plugin", argv, limit=limit)
    return status == 0 and present(machine)
