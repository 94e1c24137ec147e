"""A copy made, read back, proved: objects encrypted on the way, their list last."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dbserver.backups import manifest as manifests
from dbserver.backups import proof, sealing
from dbserver.backups.manifest import ManifestError, Part
from dbserver.backups.store import Backup
from dbserver.errors import DbServerError
from dbserver.offsite import copies
from dbserver.offsite.copies import Copy, Sealed
from dbserver.offsite.journal import Journal
from dbserver.offsite.place import Place
from dbserver.offsite.targets import Target

# What a connection that is cut costs; it is held in memory, plain and sealed.
CHUNK_BYTES = 16 << 20
DECLARED_AS = "offsite.recipients"


@dataclass(frozen=True)
class Item:
    """What is to be copied. `chunks` yields its objects' names with their plain content, the same at each call."""

    id: str
    subject: str
    started: str
    size: int
    chunks: Callable[[], Iterator[tuple[str, bytes]]]


@dataclass(frozen=True)
class Depot:
    """The copies of one stack at a place."""

    target: Target
    stack: str
    place: Place

    def listed(self) -> dict[str, dict[str, int]]:
        """Return what is there, whole or not: copy -> its objects with their bytes."""
        return copies.grouped(self.target.names(self.stack))

    def push(self, item: Item, there: Mapping[str, int]) -> int:
        """Copy what is not there yet of one item, of which `there` is; return the bytes that were sent."""
        journal = Journal(self.stack, item.id, self.place)
        known, objects, sent = journal.read(), [], 0
        for name, plain in item.chunks():
            digest = hashlib.sha256(plain).hexdigest()
            sealed = known.get((name, digest))
            if sealed is None or there.get(name) != sealed.size:
                content = sealing.seal(plain, self.place.recipients, DECLARED_AS)
                self.target.put(self._path(item.id, name), content)
                sealed = Sealed(name, len(content), hashlib.sha256(content).hexdigest())
                journal.note(sealed, digest)
                sent += sealed.size
            objects.append(sealed)
        copy = Copy(item.id, item.subject, item.started, item.size, tuple(self.place.recipients), tuple(objects))
        self.target.put(self._path(item.id, copies.FILE), copies.render(copy))
        journal.forget()
        return sent

    def copy(self, name: str) -> Copy:
        """Return what a copy says of itself. Raises ManifestError where it is damaged."""
        return copies.parse(self.target.get(self._path(name, copies.FILE)), name)

    def content(self, copy: Copy, sealed: Sealed) -> bytes:
        """Return an object of a copy. Raises DbServerError, which names it, where it is not what was put there."""
        path = self._path(copy.id, sealed.name)
        content = self.target.get(path)
        if hashlib.sha256(content).hexdigest() != sealed.sha256:
            raise DbServerError(f"{path} is damaged: it has another checksum", "./scripts/dbserver offsite verify")
        return content

    def plain(self, copy: Copy, identity: Path) -> Iterator[bytes]:
        """Yield the chunks of a copy, decrypted."""
        for each in copy.objects:
            if each.name != copies.MANIFEST:
                yield sealing.unseal(self.content(copy, each), self._path(copy.id, each.name), identity)

    def manifest(self, copy: Copy, identity: Path) -> manifests.Manifest:
        """Return the manifest of the backup that was copied."""
        path = self._path(copy.id, copies.MANIFEST)
        sealed = next((each for each in copy.objects if each.name == copies.MANIFEST), None)
        if sealed is None:
            raise DbServerError(f"{copy.id} is no copy of a backup", "./scripts/dbserver offsite list")
        try:
            found = manifests.parse(sealing.unseal(self.content(copy, sealed), path, identity).decode())
        except (ManifestError, UnicodeDecodeError) as fault:
            raise DbServerError(f"{path} is damaged: {fault}", "take another copy") from None
        if found.id != copy.id or any(not _inside(part.path) for part in found.parts):
            raise DbServerError(f"{path} is not that of {copy.id}", "take another copy")
        return found

    def remove(self, name: str, there: Iterable[str]) -> None:
        """Remove a copy: it ceases to be one first."""
        rest = [each for each in there if each != copies.FILE]
        for each in (copies.FILE, *rest):
            self.target.remove(self._path(name, each))

    def _path(self, name: str, own: str) -> str:
        return f"{self.stack}/{name}/{own}"


def item(backup: Backup) -> Item:
    """Return a backup as it is copied. Raises DbServerError where it is damaged: that is no copy to rely on."""
    faults = proof.differences(backup)
    if faults:
        raise DbServerError(f"{backup.id} is damaged: {'; '.join(faults[:3])}", "./scripts/dbserver verify")
    known = backup.manifest
    return Item(backup.id, known.subject, known.started, known.size, lambda: _chunks(backup))


def _chunks(backup: Backup) -> Iterator[tuple[str, bytes]]:
    """Yield the manifest, then all parts as one stream: a dump of many small files is not many small objects."""
    yield copies.MANIFEST, (backup.directory / manifests.FILE).read_bytes()
    number, held = 1, bytearray()
    for part in backup.manifest.parts:
        with (backup.directory / part.path).open("rb") as file:
            while block := file.read(CHUNK_BYTES - len(held)):
                held += block
                if len(held) == CHUNK_BYTES:
                    yield copies.object_name(number), bytes(held)
                    number, held = number + 1, bytearray()
    if held:
        yield copies.object_name(number), bytes(held)


def cut(parts: Iterable[Part], chunks: Iterable[bytes]) -> Iterator[tuple[Part, bytes]]:
    """Yield the parts that a stream holds one after another, in blocks; each begins with an empty one."""
    blocks, held = iter(chunks), memoryview(b"")
    for part in parts:
        left = part.size
        yield part, b""
        while left:
            held = held or memoryview(next(blocks, b""))
            if not held:
                return
            block, held = held[:left], held[left:]
            left -= len(block)
            yield part, bytes(block)


def _inside(path: str) -> bool:
    return bool(path) and not path.startswith("/") and ".." not in path.split("/")
