"""The registry: the applications that the server knows, so that operations need no state of the stack's. Pure."""

import json
from dataclasses import asdict, fields
from typing import Any

from dbserver.applications import COLOURS, Application
from dbserver.errors import DbServerError
from dbserver.postgres.sql import connect, literal

KEY = ("name", "database", "role")
TABLE = "dbserver.application"
# One that an earlier version made has a column for each attribute: they are carried over into the entry.
REGISTRY = rf"""
CREATE SCHEMA IF NOT EXISTS dbserver;
CREATE TABLE IF NOT EXISTS {TABLE} (
    name text PRIMARY KEY, database text NOT NULL, role text NOT NULL, entry jsonb NOT NULL DEFAULT '{{}}',
    declared_at timestamptz NOT NULL DEFAULT now());
COMMENT ON TABLE {TABLE} IS 'kept by the db-server stack: what its operations need without its state';
SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = '{TABLE}'::regclass AND attname = 'pool_size'
    AND NOT attisdropped) AS older \gset
\if :older
BEGIN;
ALTER TABLE {TABLE} ADD COLUMN IF NOT EXISTS entry jsonb NOT NULL DEFAULT '{{}}';
UPDATE {TABLE} a SET entry = to_jsonb(a) - '{{name,database,role,declared_at,entry}}'::text[];
ALTER TABLE {TABLE} DROP COLUMN pool_size, DROP COLUMN instances, DROP COLUMN redis_database, DROP COLUMN redis_prefix;
COMMIT;
\endif
"""
# A row of either shape as one object.
ENTRY = "to_jsonb(application) || coalesce(to_jsonb(application) -> 'entry', '{}')"
# Whether there is a registry is asked, so that nothing else is taken for a server that no stack has finished yet.
ASKED = r"""SELECT to_regclass('{table}') IS NOT NULL AS registered \gset
\if :registered
{question}
\else
SELECT '[]';
\endif
"""


def asked(question: str) -> str:
    """Return the script for psql in the administrator's database that asks the registry; `[]` where there is none."""
    return ASKED.format(table=TABLE, question=question)


# What each application's role may open, and where it has no limit yet, what the pools of both colours would.
LIMITS = asked(
    "SELECT coalesce(jsonb_agg(json_build_object('name', a.name, 'database', a.database, 'role', a.role, 'limit',"
    f" coalesce(nullif(rolconnlimit, -1), (e->>'pool_size')::int * (e->>'instances')::int * {COLOURS}))"
    f" ORDER BY a.name), '[]') FROM (SELECT application.*, {ENTRY} AS e FROM {TABLE}) a"
    " LEFT JOIN pg_roles ON rolname = a.role;"
)


def listed(admin: str) -> str:
    """Return the script for psql in the database postgres: a JSON list of entries, in the order of their names."""
    return _elsewhere(admin, f"SELECT coalesce(jsonb_agg({ENTRY} ORDER BY name), '[]') FROM {TABLE};")


def knows(application: Application, admin: str) -> str:
    """Return the script for psql in the database postgres: t where an application is entered as it is."""
    entry = f"({ENTRY}) - '{{entry,declared_at}}'::text[] = {literal(json.dumps(asdict(application)))}"
    return _elsewhere(admin, f"SELECT EXISTS (SELECT FROM {TABLE} WHERE {entry});")


def _elsewhere(admin: str, question: str) -> str:
    return (
        f"SELECT EXISTS (SELECT FROM pg_database WHERE datname = {literal(admin)}) AS finished \\gset\n"
        f"\\if :finished\n{connect(admin)}\n{asked(question)}\\else\nSELECT '[]';\n\\endif\n"
    )


def parse(printed: str) -> list[Application]:
    """Return what `listed` printed. Raises DbServerError where an entry is none."""
    known = {field.name for field in fields(Application)}
    try:
        return [
            Application(**{name: _read(value) for name, value in row.items() if name in known})
            for row in json.loads(printed)
        ]
    except TypeError as fault:
        hint = "./scripts/start.sh --refresh enters the declared ones again"
        raise DbServerError(f"the server's registry of applications has an entry that is none: {fault}", hint) from None


def _read(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def enter(application: Application) -> str:
    """Return the statements that enter an application, in place of any other with its database or its role."""
    entry = {name: value for name, value in asdict(application).items() if name not in KEY}
    name, database, role = (literal(getattr(application, column)) for column in KEY)
    return (
        f"DELETE FROM {TABLE} WHERE name <> {name} AND (database = {database} OR role = {role});\n"
        f"INSERT INTO {TABLE} (name, database, role, entry)"
        f" VALUES ({name}, {database}, {role}, {literal(json.dumps(entry))})"
        " ON CONFLICT (name) DO UPDATE SET database = excluded.database, role = excluded.role,"
        " entry = excluded.entry, declared_at = now();\n"
    )


def forget(application: Application) -> str:
    """Return the statement that takes an application out of the registry."""
    return f"DELETE FROM {TABLE} WHERE name = {literal(application.name)};\n"
