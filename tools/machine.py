"""What the preparation knows about this machine, and what it found missing."""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Missing:
    """A part that is not here, why it counts as missing, and the command that provides it."""

    part: str
    reason: str
    command: str


@dataclass(frozen=True)
class Machine:
    """The facts that decide by which way a part is had."""

    environment: Mapping[str, str]
    superuser: bool
    apt: bool
    systemd: bool

    @property
    def home(self) -> Path:
        """The user's home directory."""
        return Path(self.environment.get("HOME") or Path.home())

    @property
    def cache(self) -> Path:
        """Where built and downloaded parts are kept."""
        caches = self.environment.get("XDG_CACHE_HOME") or self.home / ".cache"
        return Path(self.environment.get("DBSERVER_CACHE") or Path(caches) / "database-server")

    @property
    def binaries(self) -> Path:
        """Where the cached Pulumi engine is."""
        return self.cache / "bin"

    @property
    def pulumi_home(self) -> Path:
        """Where the Pulumi engine looks for its plugins."""
        return Path(self.environment.get("PULUMI_HOME") or self.home / ".pulumi")

    @property
    def can_install(self) -> bool:
        """True where packages of the distribution can be installed."""
        return self.superuser and self.apt

    def sudo(self, command: str) -> str:
        """Return the command as this user has to type it."""
        return command if self.superuser else f"sudo {command}"


@contextmanager
def scratch(folder: Path, prefix: str) -> Iterator[Path]:
    """Give a directory inside the folder, and remove it afterwards with everything in it."""
    import tempfile  # noqa: PLC0415  nothing to do must not wait for this import

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=prefix, ignore_cleanup_errors=True) as name:
        yield Path(name)


def here() -> Machine:
    """Return the facts of this machine."""
    return Machine(
        environment=dict(os.environ),
        superuser=os.geteuid() == 0,
        apt=shutil.which("apt-get") is not None,
        systemd=Path("/run/systemd/system").is_dir(),
    )


def report(missing: Sequence[Missing]) -> str:
    """Return the text that names every missing part with the command that provides it."""
    lines = [f"  {m.part}: {m.reason}\n    {m.command}" for m in missing]
    return "\n".join(["missing:", *lines])
