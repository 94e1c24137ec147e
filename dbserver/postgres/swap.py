"""One database takes another's name in one transaction; the one before is kept. Pure.

The register of databases that stand beside the applications' own says which
were made here: nothing else is ever dropped.
"""

from collections.abc import Collection

from dbserver.postgres import filler
from dbserver.postgres.sql import identifier, literal, no_template

RESTORING, KEPT, BESIDE = "restoring", "kept", "beside"
NAME_BYTES = 63

REGISTRY = """\
CREATE SCHEMA IF NOT EXISTS dbserver;
CREATE TABLE IF NOT EXISTS dbserver.database (
    name text PRIMARY KEY, application text NOT NULL, purpose text NOT NULL, backup text NOT NULL DEFAULT '',
    since timestamptz NOT NULL DEFAULT now());
COMMENT ON TABLE dbserver.database IS 'databases beside those of the applications: restored ones, and those kept';
"""


def beside(database: str, purpose: str, stamp: str) -> str:
    """Return a name for a database beside another, at most as long as PostgreSQL takes it."""
    ending = f"__{purpose}_{stamp}"
    return database.encode()[: NAME_BYTES - len(ending)].decode(errors="ignore") + ending


def register(name: str, application: str, purpose: str, backup: str) -> str:
    """Return the statement that notes a database before it is made."""
    values = ", ".join(literal(value) for value in (name, application, purpose, backup))
    return f"INSERT INTO dbserver.database (name, application, purpose, backup) VALUES ({values});\n"


def registered(application: str = "") -> str:
    """Return the query for the noted databases, of one application or of all, with their sizes."""
    of = f" WHERE r.application = {literal(application)}" if application else ""
    return (
        "SELECT coalesce(json_agg(json_build_object('name', r.name, 'application', r.application, 'purpose', r.purpose,"
        " 'backup', r.backup, 'since', extract(epoch FROM r.since), 'size', pg_database_size(d.oid))"
        f" ORDER BY r.since), '[]') FROM dbserver.database r LEFT JOIN pg_database d ON d.datname = r.name{of};\n"
    )


def forget(name: str) -> str:
    """Return the script for psql that drops a noted database, and the roles that filled it."""
    return (
        f"{no_template(name)}DROP DATABASE IF EXISTS {identifier(name)} WITH (FORCE);\n"
        f"DROP ROLE IF EXISTS {identifier(name)};\n{filler.drop_all(name)}"
        f"DELETE FROM dbserver.database WHERE name = {literal(name)};\n"
    )


def swap(live: str, incoming: str, kept: str, *, exists: bool) -> str:
    """Return the transaction after which `incoming` has the name `live`, and what had it is kept.

    The first rename locks the database out for new connections and waits up to
    5 s for those that are there; somebody has to end them meanwhile.
    """
    aside = f"ALTER DATABASE {identifier(live)} RENAME TO {identifier(kept)};\n" if exists else ""
    row = f"name = {literal(kept)}, purpose = '{KEPT}', since = now()"
    after = f"UPDATE dbserver.database SET {row}" if exists else "DELETE FROM dbserver.database"
    return (
        f"BEGIN;\n{aside}ALTER DATABASE {identifier(incoming)} RENAME TO {identifier(live)};\n"
        f"{after} WHERE name = {literal(incoming)};\nCOMMIT;\n"
    )


def settle(incoming: str, name: str) -> str:
    """Return the transaction after which a restored database has a name of its own, and is noted so.

    One of that name which somebody has dropped may be noted still.
    """
    row = f"name = {literal(name)}, purpose = '{BESIDE}', since = now()"
    return (
        f"BEGIN;\nALTER DATABASE {identifier(incoming)} RENAME TO {identifier(name)};\n"
        f"DELETE FROM dbserver.database WHERE name = {literal(name)};\n"
        f"UPDATE dbserver.database SET {row} WHERE name = {literal(incoming)};\nCOMMIT;\n"
    )


def end_sessions(databases: Collection[str]) -> str:
    """Return the statement that ends every session in these databases."""
    names = ", ".join(literal(name) for name in databases)
    return f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname IN ({names});\n"


def obstacles(database: str) -> str:
    """Return the query for what would be lost with, or stands in the way of, a renamed database: a list of texts."""
    name = literal(database)
    return (
        "SELECT coalesce(json_agg(text), '[]') FROM ("
        f"SELECT format('prepared transaction %L', gid) AS text FROM pg_prepared_xacts WHERE database = {name}"
        f" UNION ALL SELECT format('logical replication slot %s', slot_name) FROM pg_replication_slots"
        f" WHERE database = {name}"
        " UNION ALL SELECT format('subscription %s', s.subname) FROM pg_subscription s"
        f" JOIN pg_database d ON d.oid = s.subdbid WHERE d.datname = {name}) o;\n"
    )


def exists(database: str) -> str:
    """Return the query for whether a database exists: t or f."""
    return f"SELECT EXISTS (SELECT FROM pg_database WHERE datname = {literal(database)});\n"
