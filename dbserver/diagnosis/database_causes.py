"""Causes inside single databases of PostgreSQL: their orders of text, their extensions. Pure."""

import shlex
from collections.abc import Iterator, Sequence

from dbserver.diagnosis.cause import EVIDENCE_LINES, FAULT, PSQL, SET, START, WARNING, Cause, Seen, in_double_quotes
from dbserver.diagnosis.facts import Facts, Inside, Postgres
from dbserver.diagnosis.postgres_causes import inside
from dbserver.postgres.settings import PRELOAD, without_library
from dbserver.postgres.sql import identifier

# More of them are made again with all of their database.
INDEXES_AT_MOST = 20


def _database_moved(_: Facts, found: Postgres) -> Iterator[Seen]:
    indexes = {each.name: each.indexes for each in found.inside}
    for name, recorded, actual in found.collations:
        own = indexes.get(name, ())
        what = f"the indexes of database {name} were made under collation version {recorded}, the image has {actual}"
        yield Seen(what, _named(own), {**_again(name, own), "database": in_double_quotes(identifier(name))})


def _column_moved(_: Facts, found: Postgres) -> Iterator[Seen]:
    for database in found.inside:
        for each in database.collations:
            made = f"were made under version {each.recorded} of {each.name}, the image has {each.actual}"
            what = f"indexes of database {database.name} {made}"
            values = {**_again(database.name, each.indexes), "collation": in_double_quotes(each.name)}
            yield Seen(what, _named(each.indexes), values)


def _named(indexes: Sequence[str]) -> list[str]:
    shown = [f"index {name}" for name in indexes[: EVIDENCE_LINES - 1]]
    more = len(indexes) - len(shown)
    return [*shown, f"and {more} more"] if more else shown


def _again(database: str, indexes: Sequence[str]) -> dict[str, str]:
    """Return what of a database is made again: these indexes, or all where they are unknown or many."""
    # A name that cannot be shown as it is cannot be in a command either.
    chosen = indexes if len(indexes) <= INDEXES_AT_MOST and all(map(str.isprintable, indexes)) else ()
    flags = "".join(f' --index "{in_double_quotes(name)}"' for name in chosen)
    return {"name": in_double_quotes(database), "indexes": flags}


def _library(_: Facts, found: Postgres) -> Iterator[Seen]:
    lacking = {name: _with(found.inside, name) for name in without_library(_installed(found), found.libraries)}
    if lacking and PRELOAD not in found.pending:
        what = "extensions whose library is not loaded (shared_preload_libraries) fail at their first use"
        lines = [f"{name} in database {', '.join(databases)}" for name, databases in lacking.items()]
        libraries = ",".join([*found.libraries, *lacking])
        yield Seen(f"{what}: {', '.join(lacking)}", lines, {"libraries": shlex.quote(libraries)})


def _installed(found: Postgres) -> set[str]:
    return {name for each in found.inside for name, _ in each.extensions}


def _with(known: Sequence[Inside], extension: str) -> list[str]:
    return [each.name for each in known if extension in dict(each.extensions)]


def _older(_: Facts, found: Postgres) -> Iterator[Seen]:
    for each in found.inside:
        for extension, version in each.extensions:
            brought = found.available.get(extension, version)
            if brought != version:
                what = f"extension {extension} of database {each.name} is version {version}, the image brings {brought}"
                values = {"name": in_double_quotes(each.name), "extension": in_double_quotes(identifier(extension))}
                yield Seen(what, (), values)


IN_DATABASE = PSQL.replace("-d postgres", '-d "{name}"')

CAUSES = (
    Cause("collation-version", "", "postgres", WARNING,
          "The image's base system brought other collations: indexes on text may miss rows, and unique ones may take"
          " doubles, until they are made again. Nobody can write to a table meanwhile.",
          'docker exec {container} reindexdb -U {admin} --dbname "{name}"{indexes}'
          f' && {PSQL} "ALTER DATABASE {{database}} REFRESH COLLATION VERSION"', inside(_database_moved)),
    Cause("collation-version-of-columns", "", "postgres", WARNING,
          "The image's base system brought another version of an order that columns name themselves (`COLLATE`): their"
          " indexes are to be made again, as above.",
          'docker exec {container} reindexdb -U {admin} --dbname "{name}"{indexes}'
          f' && {IN_DATABASE} "ALTER COLLATION {{collation}} REFRESH VERSION"', inside(_column_moved)),
    Cause("library-not-loaded", "", "postgres", FAULT,
          "An extension needs its library from the server's start on: the setting `shared_preload_libraries`. Until"
          " then each of its uses fails. The update restarts PostgreSQL.",
          f"{SET} 'db-server:postgres.settings.shared_preload_libraries' {{libraries}} && {START}", inside(_library)),
    Cause("extension-older", "", "postgres", WARNING,
          "The image brings another version of an extension than the database has: nothing changes it unasked.",
          f'{IN_DATABASE} "ALTER EXTENSION {{extension}} UPDATE"', inside(_older)),
)  # fmt: skip
