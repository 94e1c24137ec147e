"""A database filled from a backup, proved, and given everything that a dump leaves out."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dbserver import cleaning, contract, execute
from dbserver.backups import entries as listing
from dbserver.backups.archive import Archive
from dbserver.backups.making import COUNT_SECONDS, cause
from dbserver.backups.manifest import Manifest
from dbserver.backups.store import Backup
from dbserver.errors import DbServerError, RefusedError
from dbserver.execute import Finished
from dbserver.postgres import complaint, dump, filler, objects, properties, swap
from dbserver.postgres.commands import QUERY_SECONDS
from dbserver.postgres.server import Server
from dbserver.units import size

DATABASE_OWNER = "pg_database_owner"
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
    entries = listing.chosen(archive.entries(server.container, target.session))
    owned = listing.owners([entry for entry in entries if not listing.of_extension(entry)], roles(server))
    found, superusers = set(owned.values()) - {""}, set(answer(server, filler.POWERFUL))
    if owner not in superusers and found <= {owner}:
        _fill_as_owner(server, backup, archive, target, list(owned), jobs)
    elif owner in superusers and found <= superusers:
        with listed(backup.directory.parent, target, entries) as path:
            argv = dump.pg_restore(server.admin, target.name, archive.inner, jobs=jobs, entries=path)
            read(server, archive, target, argv)
    else:
        _Apart(server, backup, archive, target, jobs, frozenset(superusers)).fill(owned)
    analyze(server, target, jobs)
    compare(manifest, count(server, target.name), answer(server, objects.QUESTION, target.name))
    ask(server, properties.put_back(target.name, manifest.properties, roles(server)))


def count(server: Server, database: str) -> Rows:
    """Return the rows of every table."""
    lines = cleaning.lines(ask(server, dump.COUNTS, database, COUNT_SECONDS))
    return {(schema, table): number for schema, table, number in map(json.loads, lines)}


def compare(manifest: Manifest, found: Rows, there: Mapping[str, int]) -> None:
    """Raise DbServerError where the restored rows or objects are not those of the manifest; older ones tell rows."""
    wanted = {(schema, table): number for schema, table, number in manifest.rows}
    wrong = [f"{'.'.join(name)}: {found.get(name, 'missing')} instead of {number}" for name, number in wanted.items()
             if found.get(name) != number]  # fmt: skip
    wrong += objects.differing(manifest.properties.get("objects", there), there)
    if wrong:
        raise DbServerError(f"what was restored is not what was backed up: {'; '.join(wrong[:5])}", "take another one")


def _fill_as_owner(
    server: Server, backup: Backup, archive: Archive, target: Target, entries: Sequence[str], jobs: int
) -> None:
    """Restore as a role that has the owner's rights and no other; extensions come before, from the administrator."""
    owner = backup.manifest.properties["owner"]
    server.query(filler.own(target.name, owner) + properties.own(target.name, owner))
    extensions = backup.manifest.properties["extensions"]
    ask(server, properties.create_extensions(extensions, owner), target.name)
    there = properties.extension_schemas(extensions)
    kept = [entry for entry in entries if listing.schema(entry) not in there]
    with listed(backup.directory.parent, target, kept) as path:
        argv = dump.pg_restore(target.name, target.name, archive.inner, jobs=jobs, role=owner, entries=path)
        read(server, archive, target, argv)
    ask(server, properties.drop_role(target.name))


@dataclass(frozen=True)
class _Apart:
    """A database in which others than its owner own something: each owner's part is loaded by a role of its own."""

    server: Server
    backup: Backup
    archive: Archive
    target: Target
    jobs: int
    superusers: frozenset[str]

    def fill(self, owned: Mapping[str, str]) -> None:
        """Restore entries, each with its owner."""
        owner = self.backup.manifest.properties["owner"]
        powerful = self.superusers | ({DATABASE_OWNER} if owner in self.superusers else frozenset())
        divided = listing.parts(self._without_schemas(owned), powerful, owner)
        names = self._roles(owner, {*owned.values(), owner} - {""} - powerful)
        self._load(divided.schemas, names)
        self._let_in(divided, names)
        self._load(divided.before, names)
        self._give(names)
        self._ask(filler.let_insert(names[listing.LOADER], powerful))
        self._ask("".join(filler.let_refer(name) for name in names.values()))
        self._load((*divided.rows, *divided.after), names)
        self._load([part for part in divided.views if part.who != listing.LOADER], names)
        self._give(names)
        self._refresh([part for part in divided.views if part.who == listing.LOADER], names, powerful)
        self._ask("".join(filler.take_rights(name) for name in names.values()))
        self._ask("".join(properties.drop_role(name) for name in names.values()))
        self._load(divided.last, names)

    def _without_schemas(self, owned: Mapping[str, str]) -> dict[str, str]:
        """Make the extensions and their schemas, each its owner's; return the other entries."""
        extensions = self.backup.manifest.properties["extensions"]
        self._ask(properties.create_extensions(extensions))
        there = properties.extension_schemas(extensions)
        made = {listing.schema(entry): of for entry, of in owned.items() if listing.schema(entry) in there}
        self._ask("".join(properties.own_schema(name, of) for name, of in made.items()))
        return {entry: of for entry, of in owned.items() if listing.schema(entry) not in there}

    def _roles(self, owner: str, others: Collection[str]) -> dict[str, str]:
        """Make the roles that load; return them by whose part it is."""
        self._ask(properties.own(self.target.name, owner))
        names = {of: filler.name(self.target.name, number) for number, of in enumerate(sorted(others))}
        lines = [filler.own(name, owner if of == DATABASE_OWNER else of) for of, name in names.items()]
        lines.append(filler.own(filler.name(self.target.name, len(names)), *names.values()))
        names[listing.TOGETHER] = filler.name(self.target.name, len(names))
        names[listing.LOADER] = filler.name(self.target.name, len(names))
        lines.append(filler.loader(names[listing.LOADER]))
        self._ask("".join([*lines, *(filler.open_to(self.target.name, name) for name in {*names.values()})]))
        return names

    def _load(self, parts: Iterable[listing.Part], names: Mapping[str, str]) -> None:
        for part in parts:
            user = names.get(part.who, self.server.admin)
            with listed(self.backup.directory.parent, self.target, part.entries) as path:
                argv = dump.pg_restore(
                    user, self.target.name, self.archive.inner, jobs=self.jobs, entries=path,
                    ownerless=part.who not in (listing.ADMINISTRATOR, listing.TOGETHER),
                )  # fmt: skip
                read(self.server, self.archive, self.target, argv)

    def _let_in(self, divided: listing.Parts, names: Mapping[str, str]) -> None:
        """Let each role make what it makes, in those schemas that its entries name."""
        known = json.loads(self._ask(filler.SCHEMAS))
        wanted: dict[str, set[str]] = {}
        makers = [part for part in (*divided.before, *divided.after) if part.who in names]
        for part in makers:
            there = {name for name in known if any(f" {name} " in entry for entry in part.entries)}
            wanted.setdefault(names[part.who], set()).update(there)
        self._ask("".join(filler.let_in(name, sorted(schemas)) for name, schemas in wanted.items()))

    def _give(self, names: Mapping[str, str]) -> None:
        """Give what the roles have made to its owners; what the others have made besides goes with them."""
        nobodys = (listing.LOADER, listing.TOGETHER)
        self._ask("".join(filler.give(name, of) for of, name in names.items() if of not in nobodys))

    def _refresh(self, parts: Iterable[listing.Part], names: Mapping[str, str], owners: Collection[str]) -> None:
        wanted = [entry for part in parts for entry in part.entries]
        views = json.loads(self._ask(filler.views(owners))) if wanted else []
        known = {" ".join([listing.REFRESH, *view]): view for view in views}
        for entry in wanted:
            name = entry.split(" ", 3)[3]
            if name not in known:
                raise DbServerError(f"{self.target.application} was not restored: no view for {name}", "report it")
            schema, view, of = known[name]
            self._ask(filler.refresh(schema, view, of, names[listing.LOADER]))

    def _ask(self, statements: str) -> str:
        return ask(self.server, statements, self.target.name, COUNT_SECONDS)


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


def analyze(server: Server, target: Target, jobs: int) -> None:
    """Gather the statistics that a dump does not hold."""
    argv = dump.analyze(server.admin, target.name, jobs)
    with execute.held(dump.guarded(server.container, target.session, argv)) as program:
        refuse_failed(target, program.wait())


def read(server: Server, archive: Archive, target: Target, argv: Sequence[str]) -> None:
    """Run pg_restore on an archive. Raises DbServerError where it fails."""
    done = archive.read(server.container, target.session, argv)
    refuse_failed(target, done, "" if done.succeeded else _unqualified(server, target, done.output))


def refuse_failed(target: Target, done: Finished, more: str = "") -> None:
    """Raise DbServerError where a program that fills a database failed; `more` is what else to say of it."""
    if not done.succeeded:
        why = f"{cause(done.output)}{more}"
        raise DbServerError(f"{target.application} was not restored: {why}", "the live database is as it was")


def _unqualified(server: Server, target: Target, output: str) -> str:
    """Return which function relies on a search_path, and what it has to say; nothing where none does."""
    found = complaint.unqualified(output)
    if not found:
        return ""
    asked = server.attempt(properties.qualified(found.name), target.name)
    names = json.loads(asked.stdout) if asked.succeeded else []
    spelled = " or ".join(names) or f"SCHEMA.{found.name}"
    return f", in function {found.function}: a dump is restored without a search_path, so it has to say {spelled}"


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
