"""A dump that pg_restore reads: a directory that the container sees, or a stream into its standard input."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dbserver import execute, streams
from dbserver.backups import sealing
from dbserver.backups.making import DATA, STREAM, cause
from dbserver.backups.store import Backup
from dbserver.errors import DbServerError, UsageError
from dbserver.execute import Finished
from dbserver.postgres import dump
from dbserver.streams import Pipe, Send


@dataclass(frozen=True)
class Archive:
    """`name` is for messages; `inner` is a path in the container, empty where `send` writes the dump."""

    name: str
    inner: str = ""
    send: Send | None = None

    def entries(self, container: str, session: str) -> list[str]:
        """Return the lines of its list, with the comments that come first. Raises DbServerError for no archive."""
        argv = dump.inside(container, session, dump.pg_restore_list(self.inner))
        done = streams.feed(argv, self.send, printed=True) if self.send else execute.run(argv, check=False)
        if not done.succeeded:
            raise DbServerError(f"{self.name} is damaged: {cause(done.output)}", "take another one")
        return [line for line in done.stdout.splitlines() if line]

    def read(self, container: str, session: str, argv: Sequence[str]) -> Finished:
        """Run pg_restore on it; a stream's end ends it, as the guard does with the others."""
        if self.send:
            return streams.feed(dump.inside(container, session, argv), self.send)
        with execute.held(dump.guarded(container, session, argv)) as program:
            return program.wait()


def of(backup: Backup, identity: Path | None = None) -> Archive:
    """Return a backup's dump. Raises UsageError where it takes a key that is not given."""
    if not backup.manifest.recipients:
        stream = backup.directory / STREAM
        if stream.is_file():
            return Archive(backup.id, send=_reading(stream))
        return Archive(backup.id, dump.inner(backup.id, DATA))
    if identity is None:
        hint = "--identity FILE, with the private key of one of: " + ", ".join(backup.manifest.recipients)
        raise UsageError(f"{backup.id} is encrypted", hint)
    return Archive(backup.id, send=sealing.opening(backup.directory / sealing.SEALED, identity))


def faults(container: str, backup: Backup, identity: Path | None = None) -> list[str]:
    """Return what is wrong in a backup's dump: all of it is read with pg_restore."""
    opened = of(backup, identity)
    done = opened.read(container, f"dbserver-verify {backup.id}"[:63], dump.pg_restore_nowhere(opened.inner))
    return [] if done.succeeded else [cause(done.output)]


def _reading(path: Path) -> Send:
    def send(pipe: Pipe) -> None:
        with path.open("rb") as file:
            streams.copy(file, pipe)

    return send
