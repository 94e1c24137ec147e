"""The backup directory: what is in it, and how a backup gets in.

A backup is a directory with a manifest. Until then it has a temporary name,
that of no backup; what was left under one by a process that is gone is
removed by the next that holds the same lock.
"""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dbserver.backups import manifest as manifests
from dbserver.backups.manifest import Manifest, ManifestError
from dbserver.errors import DbServerError, UsageError

PARTIAL = ".partial"
TIME = "%Y-%m-%dT%H-%M-%SZ"
PIN = "pinned"
VERIFIED = "verified.json"
DRILL = "drill.json"


@dataclass(frozen=True)
class Backup:
    """A backup as it lies in the directory."""

    directory: Path
    manifest: Manifest
    pinned: bool = False

    @property
    def id(self) -> str:
        """Its name."""
        return self.directory.name

    def note(self, name: str) -> dict[str, Any]:
        """Return what was noted beside it: VERIFIED or DRILL; empty where it was not."""
        try:
            found = json.loads((self.directory / name).read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class Store:
    """The backup directory. `recipients` are the public keys to which what gets into it is encrypted."""

    directory: Path
    recipients: Sequence[str] = ()

    def each(self, start: str = "") -> Iterator[tuple[str, Backup | None]]:
        """Yield every backup whose name starts so, one after the other: thousands at once would fill the memory.

        None is one whose manifest is not the one that was written; what has none is no backup.
        """
        for path in _entries(self.directory):
            if path.name.startswith(start) and not path.name.startswith(".") and (path / manifests.FILE).exists():
                found = _manifest(path)
                yield path.name, Backup(path, found, (path / PIN).exists()) if found else None

    def backups(self, start: str = "") -> list[Backup]:
        """Return every backup whose name starts so, oldest first; what has no manifest, or a broken one, is none."""
        found = [backup for _, backup in self.each(start) if backup]
        return sorted(found, key=lambda backup: (backup.manifest.started, backup.id))

    def of(self, subject: str) -> list[Backup]:
        """Return the backups of one application (or other subject), oldest first."""
        return [backup for backup in self.backups(f"{subject}_") if backup.manifest.subject == subject]

    def one(self, name: str) -> Backup:
        """Return a backup by its id, or by its path as `backup` prints it.

        Raises UsageError where there is none, DbServerError where it is damaged.
        """
        own = Path(name).parent.resolve() == self.directory.resolve()
        path = self.directory / (Path(name).name if own else name)
        if not path.name or path.name.startswith(".") or path.parent != self.directory or not path.is_dir():
            raise UsageError(f"there is no backup {name} in {self.directory}", "./scripts/dbserver backups")
        try:
            found = _read(path)
        except (OSError, ManifestError) as fault:
            reason = fault if isinstance(fault, ManifestError) else "its manifest cannot be read"
            raise DbServerError(f"backup {name} is damaged: {reason}", "take another one") from None
        return Backup(path, found, (path / PIN).exists())

    def newest(self) -> list[Backup]:
        """Return the newest backup of each subject; only as many manifests are read."""
        found: dict[str, Backup] = {}
        for path in reversed([path for path in _entries(self.directory) if not path.name.startswith(".")]):
            subject = path.name.rpartition("_")[0]
            known = None if subject in found else _manifest(path)
            if known:
                found[subject] = Backup(path, known)
        return [found[subject] for subject in sorted(found)]

    @contextmanager
    def new(self, subject: str, moment: datetime) -> Iterator[Path]:
        """Make a directory under a temporary name; it is gone where the block fails. Finish it with `finish`."""
        name = f"{subject}_{moment.astimezone(UTC).strftime(TIME)}"
        with _told(self.directory):
            partial = self._unused(name)
        try:
            yield partial
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise

    def finish(self, partial: Path, manifest: Manifest) -> Backup:
        """Write the manifest, last, and give the backup its name. From here on it exists."""
        final = self.directory / manifest.id
        with _told(self.directory):
            _write(partial / manifests.FILE, manifests.render(manifest))
            sync(partial)
            partial.rename(final)
            sync(self.directory)
        return Backup(final, manifest)

    def remove_left_behind(self, subject: str) -> None:
        """Remove what dead runs left of a subject's backups; the caller holds its lock."""
        start = f".{subject}_"
        for path in _entries(self.directory):
            if path.name.startswith(start) and _stamped(path.name, start):
                shutil.rmtree(path, ignore_errors=True)

    def remove(self, backup: Backup) -> None:
        """Remove a backup: it ceases to be one with a rename, whatever interrupts the rest."""
        gone = backup.directory.with_name(f".{backup.id}{PARTIAL}")
        shutil.rmtree(gone, ignore_errors=True)
        backup.directory.rename(gone)
        sync(self.directory)
        shutil.rmtree(gone)

    def pin(self, backup: Backup, *, pinned: bool) -> None:
        """Keep a backup from being pruned, or no longer."""
        mark = backup.directory / PIN
        if pinned:
            mark.touch(0o600)
        else:
            mark.unlink(missing_ok=True)

    def _unused(self, name: str) -> Path:
        """Make and return a temporary directory; two backups of one second get different names."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in range(1, 1000):
            suffix = "" if number == 1 else f"-{number}"
            partial = self.directory / f".{name}{suffix}{PARTIAL}"
            if (self.directory / f"{name}{suffix}").exists():
                continue
            try:
                partial.mkdir(mode=0o700)
            except FileExistsError:
                continue
            return partial
        raise DbServerError(f"no name is left for backup {name}", f"look into {self.directory}")


def final_name(partial: Path) -> str:
    """Return the name that a backup will have."""
    return partial.name.removeprefix(".").removesuffix(PARTIAL)


def parts(directory: Path) -> list[str]:
    """Return the paths of a backup's files, its own notes left out, in order."""
    found = [path.relative_to(directory).as_posix() for path in directory.rglob("*") if not path.is_dir()]
    return sorted(name for name in found if "/" in name or name not in OWN_FILES)


OWN_FILES: Sequence[str] = (manifests.FILE, PIN, VERIFIED, DRILL)


def _manifest(path: Path) -> Manifest | None:
    try:
        return _read(path)
    except (OSError, ManifestError):
        return None


def _read(path: Path) -> Manifest:
    try:
        text = (path / manifests.FILE).read_bytes().decode()  # read_text takes one kind of line end for another
    except UnicodeDecodeError:
        raise ManifestError("its manifest cannot be read") from None
    found = manifests.parse(text)
    if found.id != path.name:
        raise ManifestError(f"its manifest is that of {found.id}")
    return found


def _entries(directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir(), key=lambda path: path.name)
    except FileNotFoundError:
        return []


def _stamped(name: str, start: str) -> bool:
    """Return whether a temporary name is that of this subject: what follows is a time, not more of a longer name."""
    text = name.removeprefix(start).removesuffix(PARTIAL)[:20]
    try:
        datetime.strptime(text, TIME)  # noqa: DTZ007  only its form matters
    except ValueError:
        return False
    return name.endswith(PARTIAL)


@contextmanager
def _told(directory: Path) -> Iterator[None]:
    """Say of a disk that is full, read-only or faulty that it is."""
    try:
        yield
    except OSError as fault:
        hint = "make room, or look at the disk: df, dmesg"
        raise DbServerError(f"{directory} cannot be written: {fault.strerror}", hint) from None


def _write(path: Path, text: str) -> None:
    new = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)


def sync(directory: Path) -> None:
    """Have a directory's entries on the disk: a rename is there after a crash only then."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
