"""A database filled from a file of elsewhere, which is hostile: it runs as a role without rights, in the container.

Everything in it belongs to the live database's owner afterwards. Nobody has
said how many rows it holds: the caller compares with the live database.
"""

import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dbserver import streams
from dbserver.backups import filling, foreign
from dbserver.backups.archive import Archive
from dbserver.backups.entries import chosen, schema
from dbserver.backups.filling import Rows, Target
from dbserver.backups.foreign import Foreign
from dbserver.backups.making import cause
from dbserver.backups.script import Script
from dbserver.backups.store import Store
from dbserver.errors import DbServerError, RefusedError, UsageError
from dbserver.postgres import dump, properties, swap
from dbserver.postgres import foreign as sql
from dbserver.postgres.server import Server
from dbserver.streams import Pipe
from dbserver.units import size

KEY_BYTES = 32
STDIN = "psql:<stdin>:"


@dataclass(frozen=True)
class Live:
    """The database that the file's shall replace: its properties, and what belongs to whom in it."""

    properties: Mapping[str, Any]
    superusers: Sequence[str]

    @property
    def owner(self) -> str:
        """To whom everything of the file will belong."""
        return str(self.properties["owner"])


def live(server: Server, database: str) -> Live:
    """Return what the live database is."""
    known = filling.answer(server, properties.read(database), database)
    return Live(known["properties"], [role["name"] for role in known["roles"] if role["super"]])


def refuse(server: Server, file: Foreign, database: str, room: int) -> Live:
    """Return the live database. Raises RefusedError or UsageError where this server cannot take the file."""
    major = int(server.answer()["major"])
    if (file.major or 0) > major:
        hint = f"./scripts/dbserver upgrade postgres --to {file.major}"
        raise RefusedError(f"{file.id} is of PostgreSQL {file.major}, the server is {major}", hint)
    if room < file.size:
        raise RefusedError(
            f"too little disk: at least {size(file.size)} are needed, {size(room)} are free", "make room"
        )
    if not filling.exists(server, database):
        raise UsageError(f"there is no database {database} whose place {file.id} could take", "./scripts/start.sh")
    found = live(server, database)
    refuse_superuser(found, database, file.id)
    return found


def refuse_superuser(found: Live, database: str, source: str) -> None:
    """Raise RefusedError where what a role without rights has made would be given to a superuser."""
    if found.owner in found.superusers:
        raise RefusedError(
            f"{database} belongs to the superuser {found.owner}: what stands in {source} would be one's too",
            f"ALTER DATABASE {database} OWNER TO the application's role",
        )


def take(server: Server, file: Foreign, kept: Store, target: Target, jobs: int, known: Live) -> Rows:
    """Make the database, run the file in it, give it its owner and properties; return its rows.

    Raises DbServerError where anything of it fails; the caller forgets the database then.
    """
    server.query(swap.REGISTRY + swap.register(target.name, target.application, swap.RESTORING, file.id), server.admin)
    filling.ask(server, properties.create_database(target.name, known.properties))
    server.query(sql.stranger(target.name))
    extensions = known.properties["extensions"]
    filling.ask(server, properties.create_extensions(extensions, target.name), target.name)
    schemas = properties.extension_schemas(extensions)
    if file.kind == foreign.PLAIN:
        _run_script(server, file, target, Script(schemas))
    else:
        with _archive(file, kept, target) as archive:
            _run_archive(server, archive, kept, target, jobs, schemas)
    filling.ask(server, sql.hand_over(target.name, known.owner), target.name)
    filling.ask(server, sql.give_public(known.owner), target.name)
    filling.ask(server, properties.drop_role(target.name))
    filling.analyze(server, target, jobs)
    found = filling.count(server, target.name)
    filling.ask(server, properties.put_back(target.name, known.properties, filling.roles(server)))
    return found


def _run_script(server: Server, file: Foreign, target: Target, script: Script) -> None:
    argv = sql.psql(server.container, target.session, target.name, target.name)

    def send(pipe: Pipe) -> None:
        pipe.write(sql.restricted(secrets.token_hex(KEY_BYTES)).encode())
        with foreign.opened(file.path) as stream:
            for line in script.lines(stream):
                pipe.write(line)

    done = streams.feed(argv, send)
    if not done.succeeded:
        raise DbServerError(f"{file.id}{_where(cause(done.output))}", "the live database is as it was")
    if not script.complete:
        raise DbServerError(
            f"{file.id} is incomplete: pg_dump's last line is not at its end", "take another one; the live is as it was"
        )


def _where(said: str) -> str:
    """Return psql's complaint with the file's own line: ours went before the first."""
    number, _, rest = said.removeprefix(STDIN).partition(":")
    text = "".join(letter if letter.isprintable() else " " for letter in rest.strip())
    if not said.startswith(STDIN) or not number.isdigit():
        return f": {said}"
    if number == "1":
        raise RefusedError(
            "the image's psql cannot refuse commands in a file: 17.6, 16.10, 15.14 and later can",
            "update the image, or bring the file as pg_dump -Fc makes it",
        )
    return f", line {int(number) - 1}: {text}"


@contextmanager
def _archive(file: Foreign, kept: Store, target: Target) -> Iterator[Archive]:
    """Let the container read an archive: a directory appears among the backups, anything else is a stream."""
    if file.kind != foreign.DIRECTORY:
        yield Archive(file.id, send=lambda pipe: _copy(file, pipe))
        return
    beside = kept.directory / f".{target.name}"
    beside.mkdir(0o700, parents=True)
    try:
        _link(file.path, beside)
        yield Archive(file.id, dump.inner(beside.name))
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _copy(file: Foreign, pipe: Pipe) -> None:
    with foreign.opened(file.path) as stream:
        streams.copy(stream, pipe)


def _link(source: Path, beside: Path) -> None:
    """Link the files, or copy them from another disk; whatever is no file, or a link to one, is none of pg_dump's."""
    for path in source.iterdir():
        if path.is_file() and not path.is_symlink():
            try:
                os.link(path, beside / path.name)
            except OSError:
                shutil.copyfile(path, beside / path.name)


def _run_archive(
    server: Server, archive: Archive, kept: Store, target: Target, jobs: int, schemas: Sequence[str]
) -> None:
    found = archive.entries(server.container, target.session)
    major, own = foreign.from_version("\n".join(found).encode()) or 0, int(server.answer()["major"])
    if major > own:
        hint = f"./scripts/dbserver upgrade postgres --to {major}"
        raise RefusedError(f"{archive.name} is of PostgreSQL {major}, the server is {own}", hint)
    entries = [entry for entry in chosen(found) if _wanted(entry, schemas)]
    with filling.listed(kept.directory, target, entries) as path:
        argv = dump.pg_restore(target.name, target.name, archive.inner, jobs=jobs, entries=path, strange=True)
        filling.read(server, archive, target, argv)


def _wanted(entry: str, schemas: Sequence[str]) -> bool:
    """False for what is there already, and for what only an extension's owner may do."""
    return schema(entry) not in schemas and entry.split(" ")[3:6] != ["COMMENT", "-", "EXTENSION"]
