"""A database filled from a backup, proved, and given everything that a dump leaves out."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dbserver import contract, execute
from dbserver.backups.archive import Archive, chosen, schema
from dbserver.backups.making import COUNT_SECONDS, cause
from dbserver.backups.manifest import Manifest
from dbserver.backups.store import Backup
from dbserver.errors import DbServerError, RefusedError
from dbserver.execute import Finished
from dbserver.postgres import dump, properties, swap
from dbserver.postgres.commands import QUERY_SECONDS
from dbserver.postgres.server import Server
from dbserver.units import size

Rows = Mapping[tuple[str, str], int]


@dataclass(frozen=True)
class Target:
    """The database to fill: it stands beside `application`'s own. `session` is its application_name."""

    name: str
    application: str
    session: str


def fill(server: Server, backup: Backup, archive: Archive, target: Target, jobs: int) -> None:
    """Make the database, restore the backup into it, prove it, give it its properties.

    Raises DbServerError where anything of it fails; the caller forgets the database then.
    """
    manifest = backup.manifest
    purpose = swap.register(target.name, target.application, swap.RESTORING, backup.id)
    server.query(swap.REGISTRY + purpose, server.admin)
    ask(server, properties.create_roles(manifest.roles, roles(server)))
    ask(server, properties.create_database(target.name, manifest.properties))
    owner = manifest.properties["owner"]
    entries = chosen(archive.entries(server.container, target.session))
    if owner != server.admin and owners(entries) <= {owner}:
        _fill_as_owner(server, backup, archive, target, entries, jobs)
    else:
        read(server, archive, target, dump.pg_restore(server.admin, target.name, archive.inner, jobs=jobs))
    analyze(server, target, jobs)
    compare(manifest, count(server, target.name))
    ask(server, properties.put_back(target.name, manifest.properties, roles(server)))


def count(server: Server, database: str) -> Rows:
    """Return the rows of every table."""
    lines = ask(server, dump.COUNTS, database, COUNT_SECONDS).splitlines()
    return {(schema, table): number for schema, table, number in map(json.loads, lines)}


def compare(manifest: Manifest, found: Rows) -> None:
    """Raise DbServerError where the restored rows are not those of the manifest."""
    wanted = {(schema, table): number for schema, table, number in manifest.rows}
    wrong = [f"{'.'.join(name)}: {found.get(name, 'missing')} instead of {number}" for name, number in wanted.items()
             if found.get(name) != number]  # fmt: skip
    if wrong:
        raise DbServerError(f"what was restored is not what was backed up: {'; '.join(wrong[:5])}", "take another one")


def owners(entries: Sequence[str]) -> set[str]:
    """Return the owners of a dump's entries: the last word of each line of its list."""
    return {entry.rpartition(" ")[2] for entry in entries if not _extension(entry)} - {""}


def _fill_as_owner(
    server: Server, backup: Backup, archive: Archive, target: Target, entries: Sequence[str], jobs: int
) -> None:
    """Restore as a role that has the owner's rights and no other; extensions come before, from the administrator."""
    owner = backup.manifest.properties["owner"]
    server.query(swap.filler(target.name, owner) + properties.own(target.name, owner))
    extensions = backup.manifest.properties["extensions"]
    ask(server, properties.create_extensions(extensions, owner), target.name)
    there = properties.extension_schemas(extensions)
    kept = [entry for entry in entries if not _extension(entry) and schema(entry) not in there]
    with listed(backup.directory.parent, target, kept) as path:
        argv = dump.pg_restore(target.name, target.name, archive.inner, jobs=jobs, role=owner, entries=path)
        read(server, archive, target, argv)
    ask(server, properties.drop_role(target.name))


@contextmanager
def listed(directory: Path, target: Target, entries: Sequence[str]) -> Iterator[str]:
    """Write a list of entries for pg_restore, which sees the backup directory; yield its path in the container."""
    path = chosen_entries(directory, target.name)
    path.touch(0o600)
    try:
        path.write_text("".join(f"{entry}\n" for entry in entries))
        yield dump.inner(path.name)
    finally:
        path.unlink(missing_ok=True)


def chosen_entries(directory: Path, target: str) -> Path:
    """Return the file in the backup directory that says which entries go into a database; there while it is filled."""
    return directory / f".{target}.list"


def _extension(entry: str) -> bool:
    """True for an entry such as `2; 3079 16385 EXTENSION - pg_trgm` and for its comment."""
    words = entry.split(" ")[3:]
    return words[:1] == ["EXTENSION"] or words[:3] == ["COMMENT", "-", "EXTENSION"]


def analyze(server: Server, target: Target, jobs: int) -> None:
    """Gather the statistics that a dump does not hold."""
    argv = dump.analyze(server.admin, target.name, jobs)
    with execute.held(dump.guarded(server.container, target.session, argv)) as program:
        refuse_failed(target, program.wait())


def read(server: Server, archive: Archive, target: Target, argv: Sequence[str]) -> None:
    """Run pg_restore on an archive. Raises DbServerError where it fails."""
    refuse_failed(target, archive.read(server.container, target.session, argv))


def refuse_failed(target: Target, done: Finished) -> None:
    """Raise DbServerError where a program that fills a database failed."""
    if not done.succeeded:
        why = "".join(letter if letter.isprintable() else " " for letter in cause(done.output))
        raise DbServerError(f"{target.application} was not restored: {why}", "the live database is as it was")


def answer(server: Server, statement: str, database: str = "postgres") -> Any:
    """Return the one JSON value that a query prints."""
    return json.loads(ask(server, statement, database))


def exists(server: Server, database: str) -> bool:
    """Return whether there is such a database."""
    return ask(server, swap.exists(database)) == "t"


def roles(server: Server) -> list[str]:
    """Return the names of all roles."""
    return list(json.loads(server.query(properties.ROLES)))


def ask(server: Server, statement: str, database: str = "postgres", seconds: float = QUERY_SECONDS) -> str:
    """Return the answer to a statement; nothing is asked where it is empty. Raises DbServerError."""
    done = server.attempt(statement, database, seconds) if statement else None
    if done and not done.succeeded:
        raise DbServerError(cause(done.output), "the live database is as it was")
    return done.stdout.strip() if done else ""


def refuse(server: Server, backup: Backup, major: int, room: int) -> None:
    """Raise RefusedError where this server cannot take the backup; nothing was touched."""
    manifest = backup.manifest
    if manifest.server_major > major:
        hint = f"./scripts/dbserver upgrade postgres --to {manifest.server_major}"
        raise RefusedError(f"{backup.id} is of PostgreSQL {manifest.server_major}, the server is {major}", hint)
    names = [each["name"] for each in manifest.properties["extensions"]]
    missing = json.loads(server.query(properties.unavailable(names))) if names else []
    if missing:
        raise RefusedError(
            f"the server's image lacks extensions: {', '.join(missing)}", "choose an image that has them"
        )
    needed = manifest.database_size + manifest.database_size // 10
    if room < needed:
        raise RefusedError(
            f"too little disk for both databases: {size(needed)} are needed, {size(room)} are free", "make room"
        )


def room(server: Server) -> int:
    """Return the free bytes where the server keeps its data."""
    argv = ["docker", "exec", server.container, "stat", "-fc", "%a %S", contract.INNER_DATA[contract.POSTGRES]]
    blocks, size = execute.run(argv, timeout=QUERY_SECONDS).stdout.split()
    return int(blocks) * int(size)
