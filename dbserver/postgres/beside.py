"""Tables of a restored database that get into the live one beside its own. Pure."""

from collections.abc import Sequence

from dbserver.postgres.dump import dbname
from dbserver.postgres.sql import identifier, literal


def move(schema: str, tables: Sequence[tuple[str, str]]) -> str:
    """Return the statements, in the restored database, that gather tables in a schema, with their sequences."""
    lines = [f"CREATE SCHEMA {identifier(schema)};\n"]
    lines += [f"ALTER TABLE {identifier(of)}.{identifier(table)} SET SCHEMA {identifier(schema)};\n"
              for of, table in tables]  # fmt: skip
    return "".join(lines)


def guest(role: str, live: str) -> str:
    """Return the statements for a role that may make a schema in the live database, and nothing else there."""
    return (
        f"CREATE ROLE {identifier(role)} LOGIN;\n"
        f"GRANT CONNECT, CREATE ON DATABASE {identifier(live)} TO {identifier(role)};\n"
    )


def role_exists(role: str) -> str:
    """Return the query for whether a role exists: t or f."""
    return f"SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = {literal(role)});\n"


def drop_owned(role: str) -> str:
    """Return the statement that drops all of a role's, and its rights, in the database where it runs."""
    return f"DROP OWNED BY {identifier(role)} CASCADE;\n"


def dump_schema(admin: str, database: str, schema: str) -> list[str]:
    """Return the dump of a schema's tables as one stream: without indexes, keys between tables and triggers."""
    options = ["--format=custom", "--compress=0", "--section=pre-data", "--section=data", "--no-password"]
    return ["pg_dump", *options, f"--schema={identifier(schema)}", f"--username={admin}", dbname(database)]


def restore_schema(role: str, database: str) -> list[str]:
    """Return the restore of that stream: all of it or nothing."""
    options = ["--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges", "--no-password"]
    return ["pg_restore", *options, f"--username={role}", dbname(database)]
