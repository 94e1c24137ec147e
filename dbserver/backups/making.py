"""A backup of one database: dumped by the server's own pg_dump, proved, then given its name."""

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dbserver import cleaning, execute
from dbserver.backups import manifest as manifests
from dbserver.backups import proof, sealing
from dbserver.backups.manifest import Manifest
from dbserver.backups.sealing import Sealing
from dbserver.backups.store import Backup, Store
from dbserver.conversation import Conversation
from dbserver.errors import DbServerError
from dbserver.postgres import commands, dump, properties, sql
from dbserver.postgres.server import Server

COUNT_SECONDS = 24 * 3600
ASK_SECONDS = 60
END = "-- end of the answer --"
DATA = "data"
STREAM = "data.dump"


@dataclass(frozen=True)
class Wanted:
    """What to back up: a database, of an application or of none; what the pipeline says of it; how hard to work.

    A `streamed` one comes through standard output: its server does not see the backup directory. `moment` is when what
    it holds was so, where that is not now.
    """

    database: str
    application: str = ""
    colour: str = ""
    revision: str = ""
    note: str = ""
    jobs: int = 2
    low_priority: bool = False
    streamed: bool = False
    moment: datetime | None = None

    @property
    def kind(self) -> str:
        """What it is called in the manifest."""
        return manifests.APPLICATION if self.application else manifests.DATABASE

    @property
    def subject(self) -> str:
        """The name that its backups share."""
        return manifests.subject(self.kind, self.application, self.database)

    @property
    def session(self) -> str:
        """The application_name of everything that works for it in the server, at most 63 bytes."""
        return f"dbserver-backup {self.subject}".encode()[:63].decode(errors="ignore")


def make(server: Server, kept: Store, wanted: Wanted) -> Backup:
    """Back up one database. The caller holds the subject's lock.

    Raises DbServerError, with the cause in one line; then nothing that looks
    like a backup is left, and nothing in the server works for it any more.
    """
    clean_up(server, kept, wanted)
    began, moment = time.monotonic(), wanted.moment or datetime.now(UTC)
    major = int(server.answer()["major"])
    with kept.new(wanted.subject, moment) as partial, _snapshot(server, wanted) as reader:
        known = json.loads(reader.ask(properties.read(wanted.database)))
        _dump(server, wanted, reader, partial, kept.recipients)
        manifest = Manifest(
            kind=wanted.kind,
            application=wanted.application,
            database=wanted.database,
            server_version=reader.version,
            server_major=major,
            **proof.made(partial, moment, began),
            colour=wanted.colour,
            revision=wanted.revision,
            note=wanted.note,
            database_size=known["size"],
            rows=reader.rows,
            properties=known["properties"],
            roles=known["roles"],
            recipients=kept.recipients,
        )
        return kept.finish(partial, manifest)


def clean_up(server: Server, kept: Store, wanted: Wanted) -> None:
    """End what a run that is gone left working in the server, and remove what it left in the directory."""
    server.attempt(sql.terminate(wanted.session), "postgres")
    kept.remove_left_behind(wanted.subject)


class Reader:
    """A session whose snapshot the dump sees too."""

    def __init__(self, server: Server, wanted: Wanted) -> None:
        self._psql = Conversation(commands.psql(server.container, server.admin, wanted.database, COUNT_SECONDS))
        self.rows: tuple[tuple[str, str, int], ...] = ()
        try:
            name = sql.literal(wanted.session).strip()
            self.version = self.ask(f"SET application_name = {name};\nSHOW server_version;\n")
            self.snapshot = self.ask(dump.begin_snapshot())
        except BaseException:
            self._psql.close()
            raise

    def ask(self, text: str, seconds: float = ASK_SECONDS) -> str:
        """Return what psql printed. Raises DbServerError with what the server said."""
        done = self._psql.ask(f"{text}\\echo {END}\n", END, seconds)
        if not done.succeeded:
            raise DbServerError(cause(done.output), "./scripts/dbserver doctor")
        return done.stdout.strip()

    def count(self) -> None:
        """Count the rows of every table, as of the snapshot."""
        found = [json.loads(line) for line in cleaning.lines(self.ask(dump.COUNTS, COUNT_SECONDS))]
        self.rows = tuple((schema, table, number) for schema, table, number in found)

    def close(self) -> None:
        """End the session."""
        self._psql.close()


@contextmanager
def _snapshot(server: Server, wanted: Wanted) -> Iterator[Reader]:
    reader = Reader(server, wanted)
    try:
        yield reader
    finally:
        reader.close()


def _dump(server: Server, wanted: Wanted, reader: Reader, partial: Path, recipients: Sequence[str]) -> None:
    """Dump while the rows are counted."""
    streamed = bool(recipients) or wanted.streamed
    jobs, major = 0 if streamed else wanted.jobs, int(server.answer()["major"])
    argv = dump.pg_dump(
        server.admin, wanted.database, "" if streamed else dump.inner(partial.name, DATA),
        snapshot=reader.snapshot, jobs=jobs, major=major, low_priority=wanted.low_priority,
    )  # fmt: skip
    guarded = dump.guarded(server.container, wanted.session, argv)
    with _dumping(guarded, partial, recipients, streamed=streamed) as program:
        if wanted.low_priority:
            _lower_priority(server, wanted, program, jobs)
        reader.count()
        done = program.wait()
    if not done.succeeded:
        raise DbServerError(f"{wanted.subject} was not backed up: {cause(done.output)}", "mend the cause, try again")
    if not streamed and not (partial / DATA / "toc.dat").is_file():
        hint = "./scripts/start.sh mounts the backup directory again"
        raise DbServerError(f"{server.container} does not write to {partial.parent}", hint)


def _dumping(
    argv: Sequence[str], partial: Path, recipients: Sequence[str], *, streamed: bool
) -> AbstractContextManager[execute.Held | Sealing]:
    if recipients:
        return sealing.sealing(argv, partial / sealing.SEALED, recipients)
    return streaming(argv, partial / STREAM) if streamed else execute.held(argv)


@contextmanager
def streaming(argv: Sequence[str], path: Path) -> Iterator[execute.Held]:
    """Start a program whose output is a new file, on the disk where the block has ended."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        with execute.held(argv, file) as program:
            yield program
        os.fsync(file.fileno())


def _lower_priority(server: Server, wanted: Wanted, program: execute.Held | Sealing, jobs: int) -> None:
    """Give way to everybody else: the dump's sessions in the server get the lowest priority too."""
    deadline = time.monotonic() + ASK_SECONDS
    while program.running and time.monotonic() < deadline:
        pids = server.query(dump.low_priority_backends(wanted.session)).split()
        if len(pids) > jobs + 1:  # the reader's, pg_dump's own, and one for each job
            execute.run(dump.renice(server.container, pids), timeout=ASK_SECONDS, check=False)
            return
        time.sleep(0.1)


def cause(output: str) -> str:
    """Return in one line why a program of PostgreSQL failed: its first error, without what it was about."""
    lines = [line.strip() for line in cleaning.lines(output) if line.strip()]
    told = [line for line in lines if "error:" in line or "ERROR:" in line or "FATAL:" in line]
    line = (told or lines or ["it ended without a word"])[0]
    return line.removeprefix("pg_dump: error: ").removeprefix("pg_restore: error: ")
