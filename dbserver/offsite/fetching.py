"""Copies read back: into the backup directory, or only to prove them."""

import hashlib
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from dbserver.backups import manifest as manifests
from dbserver.backups import proof
from dbserver.backups.manifest import ManifestError
from dbserver.backups.store import Backup, Store
from dbserver.errors import DbServerError, UsageError
from dbserver.offsite import archived, archiving, copies, setup
from dbserver.offsite.copies import Copy
from dbserver.offsite.copying import Depot, cut


def chosen(depot: Depot, name: str) -> Copy:
    """Return a copy by its name. Raises UsageError where there is none, DbServerError where it is damaged."""
    if copies.named(name) is None or copies.FILE not in depot.listed().get(name, {}):
        raise UsageError(f"there is no copy {name} at {depot.place.url}", "./scripts/dbserver offsite list")
    try:
        return depot.copy(name)
    except ManifestError as fault:
        raise DbServerError(f"copy {name} is damaged: {fault}", "take another one") from None


def fetch(depot: Depot, copy: Copy, identity: Path, kept: Store) -> Backup:
    """Bring a backup back into its directory, every byte proved. Raises DbServerError; then nothing of it is left."""
    manifest = depot.manifest(copy, identity)
    if (kept.directory / copy.id).exists():
        raise UsageError(f"backup {copy.id} is in {kept.directory} already", f"./scripts/dbserver verify {copy.id}")
    kept.remove_left_behind(copy.subject)
    with kept.new(copy.subject, datetime.fromisoformat(copy.started)) as partial:
        _write(depot, copy, manifest, identity, partial)
        faults = proof.differences(Backup(partial, manifest))
        if faults:
            raise DbServerError(f"copy {copy.id} is damaged: {'; '.join(faults[:3])}", "take another one")
        return kept.finish(partial, manifest)


def faults(depot: Depot, name: str, there: Mapping[str, int], identity: Path | None, *, read: bool) -> list[str]:
    """Return what is wrong with a copy: by its sizes; with `read` by its bytes; with a key by its content too."""
    try:
        copy = depot.copy(name)
    except ManifestError as fault:
        return [f"{name}/{copies.FILE} is damaged: {fault}"]
    found = copies.faults(copy, there)
    if found or not read:
        return found
    for each in copy.objects:
        try:
            depot.content(copy, each)
        except DbServerError as fault:
            found.append(fault.message)
    return found or (_content_faults(depot, copy, identity) if identity else [])


def _content_faults(depot: Depot, copy: Copy, identity: Path) -> list[str]:
    try:
        if archived.parse(copy.id):
            fault = archiving.fault(depot.plain(copy, identity), copy.id)
            return [fault] if fault else []
        if copy.subject == setup.SUBJECT:
            setup.parse(b"".join(depot.plain(copy, identity)), copy.id)
            return []
        manifest = depot.manifest(copy, identity)
        digests = {part.path: hashlib.sha256() for part in manifest.parts}
        for part, block in cut(manifest.parts, depot.plain(copy, identity)):
            digests[part.path].update(block)
    except DbServerError as damaged:
        return [damaged.message]
    wrong = [part.path for part in manifest.parts if digests[part.path].hexdigest() != part.sha256]
    return [f"{copy.id}: {path} has another checksum than in its manifest" for path in wrong]


def _write(depot: Depot, copy: Copy, manifest: manifests.Manifest, identity: Path, directory: Path) -> None:
    path, file = "", None
    try:
        for part, block in cut(manifest.parts, depot.plain(copy, identity)):
            if part.path != path or file is None:
                _end(file)
                path, file = part.path, _begin(directory / part.path)
            file.write(block)
        _end(file)
    except OSError as fault:
        raise DbServerError(f"{directory} cannot be written: {fault.strerror}", "make room: df") from None
    finally:
        if file:
            file.close()


def _begin(path: Path) -> BinaryIO:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _end(file: BinaryIO | None) -> None:
    if file:
        file.flush()
        os.fsync(file.fileno())
        file.close()
