"""`docker compose` where the machine has none: Debian's package, unpacked into the cache and not installed.

Only measurements and tests need it; the product does not.
"""

import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from dbserver import execute
from dbserver.errors import DbServerError
from tools import debian, machine
from tools.machine import Machine
from tools.steps import Steps

PART = "docker compose"
PACKAGE = "docker-compose"
# The first suite whose package is the CLI's plugin (2.26).
SUITE = "trixie"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
ANSWER_SECONDS = 30


def configuration(steps: Steps, here: Machine) -> Path | None:
    """Return the DOCKER_CONFIG directory with which `docker compose` works; None where it works without one.

    Fetches the plugin the first time. Raises DbServerError where it cannot be had.
    """
    if answers({}):
        return None
    kept = here.cache / "docker-config"
    if not answers({"DOCKER_CONFIG": str(kept)}):
        steps.say(f"{PART}: unpacking Debian's {PACKAGE} of {SUITE} into {here.cache}, because there is none here")
        _unpack(steps, here, kept / "cli-plugins" / "docker-compose")
    if not answers({"DOCKER_CONFIG": str(kept)}):
        raise DbServerError(f"{PART} does not run from {kept}", "install the Docker CLI's compose plugin")
    return kept


def answers(environment: Mapping[str, str]) -> bool:
    """True where `docker compose version` succeeds with these variables."""
    argv = ["docker", "compose", "version"]
    return execute.run(argv, check=False, timeout=ANSWER_SECONDS, env=environment).succeeded


def source_line(mirror: str, keyring: Path = KEYRING) -> str:
    """Return apt's source line of the suite; its keys are the machine's own."""
    signed = f"[signed-by={keyring}] " if keyring.exists() else ""
    return f"deb {signed}{mirror} {SUITE} main\n"


def apt_command(folder: Path, *arguments: str) -> list[str]:
    """Return apt-get with lists, cache and sources of its own, so that the machine's are left alone."""
    options = {
        "Dir::State": folder / "state",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache",
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::Etc::preferences": "-",
        "Dir::Etc::preferencesparts": "-",
        # The folder is the caller's alone: apt's own user could not write into it.
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "Dpkg::Use-Pty": "0",
    }
    return ["apt-get", *(word for name, value in options.items() for word in ("-o", f"{name}={value}")), *arguments]


def _unpack(steps: Steps, here: Machine, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=here.cache, prefix="compose-") as name:
        folder = Path(name)
        for directory in ("state/lists/partial", "cache/archives/partial"):
            (folder / directory).mkdir(parents=True)
        (folder / "status").touch()
        (folder / "sources.list").write_text(source_line(debian.mirror(here)))
        steps.run(f"apt-get update for {SUITE}", apt_command(folder, "update"))
        steps.run(f"apt-get download {PACKAGE}", apt_command(folder, "download", PACKAGE), directory=folder)
        package = _only(folder.glob(f"{PACKAGE}_*.deb"))
        steps.run(f"unpacking {PACKAGE}", ["dpkg-deb", "-x", str(package), str(folder / "package")])
        _only(folder.glob("package/usr/**/cli-plugins/docker-compose")).replace(target)


def _only(found: Iterable[Path]) -> Path:
    paths = list(found)
    if len(paths) != 1:
        raise DbServerError(f"{PACKAGE} of {SUITE} does not hold one file where one was expected: {paths}")
    return paths[0]


def main() -> int:
    """Print the DOCKER_CONFIG directory, or nothing where none is needed."""
    here = machine.here()
    try:
        found = configuration(Steps(sys.stderr, here.cache / "logs"), here)
    except DbServerError as fault:
        sys.stderr.write(f"{fault}\n")
        return int(fault.exit_code)
    sys.stdout.write(f"{found or ''}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
