"""A place in memory, which fails when it is told to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from dbserver.backups import manifest as manifests
from dbserver.backups import proof, store
from dbserver.backups.manifest import Manifest
from dbserver.backups.store import Backup, Store
from dbserver.errors import DbServerError

MOMENT = datetime(2026, 11, 23, 14, 5, 7, tzinfo=UTC)


def made(kept: Store, files: dict[str, bytes], moment: datetime = MOMENT, subject: str = "shop") -> Backup:
    """Make a backup of these files as the store makes one."""
    kind = manifests.SERVER if subject == "server.globals" else manifests.APPLICATION
    with kept.new(subject, moment) as partial:
        for name, content in files.items():
            (partial / name).parent.mkdir(exist_ok=True)
            (partial / name).write_bytes(content)
        manifest = Manifest(
            id=store.final_name(partial), kind=kind, application="shop", database="shop",
            server_version="17", server_major=17, tool_version="0", started=moment.isoformat(), duration_seconds=1,
            size=26, parts=proof.parts(partial),
        )  # fmt: skip
        return kept.finish(partial, manifest)


@dataclass
class Memory:
    """`left` is how many objects it still takes."""

    objects: dict[str, bytes] = field(default_factory=dict)
    left: int = 1000

    def names(self, under: str) -> Mapping[str, int]:
        return {
            name.removeprefix(f"{under}/"): len(content)
            for name, content in self.objects.items()
            if name.startswith(f"{under}/")
        }

    def put(self, name: str, content: bytes) -> None:
        if not self.left:
            raise DbServerError("memory: it is full", "make room")
        self.left -= 1
        self.objects[name] = content

    def get(self, name: str) -> bytes:
        if name not in self.objects:
            raise DbServerError(f"{name} is missing", "list")
        return self.objects[name]

    def remove(self, name: str) -> None:
        self.objects.pop(name, None)

    def close(self) -> None:
        pass
