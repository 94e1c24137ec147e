"""PostgreSQL from inside: everything that doctor judges by, in one query, and one in each database."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from dbserver import contract, execute
from dbserver.diagnosis.facts import Collation, Database, Inside, Postgres, Prepared, Role, Session
from dbserver.errors import CommandError
from dbserver.postgres import collations, commands, settings
from dbserver.postgres.server import Server
from dbserver.postgres.sql import literal

EXAMINE_SECONDS = 15
OWN_FILE = literal(contract.config_path(contract.POSTGRES))


def _rows(fields: Mapping[str, str], source: str) -> str:
    """Return the expression for a list of objects."""
    pairs = ", ".join(f"'{name}', {value}" for name, value in fields.items())
    return f"(SELECT coalesce(json_agg(json_build_object({pairs})), '[]') FROM {source})"


def _names(column: str, source: str) -> str:
    return f"(SELECT coalesce(json_agg(DISTINCT {column}), '[]') FROM {source})"


def _seconds(since: str) -> str:
    return f"greatest(coalesce(extract(epoch FROM clock_timestamp() - {since}), 0), 0)"


CLIENTS = "a.backend_type = 'client backend'"
# Of a statement its first word alone: what follows may hold anybody's data, and passwords.
COMMAND = "upper(coalesce(substring(a.query FROM '^\\s*([A-Za-z]+)'), ''))"
WAITING = "a.wait_event_type = 'Lock'"
SESSIONS = _rows(
    {
        "pid": "a.pid",
        "role": "coalesce(a.usename, '')",
        "database": "coalesce(a.datname, '')",
        "application": "coalesce(a.application_name, '')",
        "address": "coalesce(host(a.client_addr), '')",
        "state": "coalesce(a.state, '')",
        "state_seconds": _seconds("a.state_change"),
        "transaction_seconds": _seconds("a.xact_start"),
        "blockers": f"CASE WHEN {WAITING} THEN to_json(pg_blocking_pids(a.pid)) ELSE '[]'::json END",
        "command": COMMAND,
    },
    f"pg_stat_activity a WHERE {CLIENTS} AND a.pid <> pg_backend_pid() AND (a.xact_start IS NOT NULL OR {WAITING})",
)
ROLES = _rows(
    {
        "name": "r.rolname",
        "connections": f"(SELECT count(*) FROM pg_stat_activity a WHERE a.usesysid = r.oid AND {CLIENTS})",
        "limit": "CASE WHEN r.rolsuper THEN -1 ELSE r.rolconnlimit END",
        "expired": "coalesce(r.rolvaliduntil < now(), false)",
    },
    "pg_roles r WHERE r.rolcanlogin",
)
DATABASES = _rows(
    {
        "name": "d.datname",
        "open": "d.datallowconn",
        "limit": "d.datconnlimit",
        "age": "age(d.datfrozenxid)",
        "checksum_failures": "coalesce(s.checksum_failures, 0)",
    },
    "pg_database d LEFT JOIN pg_stat_database s ON s.datid = d.oid",
)
PREPARED = _rows(
    {"gid": "p.gid", "database": "p.database", "owner": "p.owner", "seconds": _seconds("p.prepared")},
    "pg_prepared_xacts p",
)
OVERRIDDEN = (
    "pg_file_settings f WHERE f.sourcefile LIKE '%postgresql.auto.conf' AND EXISTS"
    f" (SELECT FROM pg_file_settings o WHERE o.sourcefile = {OWN_FILE} AND lower(o.name) = lower(f.name))"
)
FAULTS = (
    "pg_file_settings f LEFT JOIN pg_settings s ON s.name = f.name WHERE f.error IS NOT NULL"
    " AND NOT (s.context IS NOT DISTINCT FROM 'postmaster' AND f.error = 'setting could not be applied')"
)
KEPT = "pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END,"
SLOTS = _rows(
    {"name": "slot_name", "kept": f"coalesce({KEPT} restart_lsn), 0)::bigint"},
    "pg_replication_slots WHERE NOT active",
)
ARCHIVING = (
    "(SELECT CASE WHEN last_failed_time > coalesce(last_archived_time, '-infinity') THEN failed_count ELSE 0 END"
    " FROM pg_stat_archiver)"
)
# All processes but the first are made anew after one was killed; at an ordinary start this one is there at once.
CRASHED = (
    f"(SELECT {_seconds('a.backend_start')} FROM pg_stat_activity a WHERE a.backend_type = 'checkpointer'"
    " AND a.backend_start > pg_postmaster_start_time() + interval '3s')"
)
# Of user's indexes, whose numbers begin there, those in an order of text: the database's own, or another collation's.
FIRST_OWN = 16384
DATABASES_OWN = 100
INDEXES = (
    "(SELECT coalesce(jsonb_agg(i.indexrelid::regclass::text), '[]') FROM pg_index i"
    f" WHERE i.indexrelid >= {FIRST_OWN} AND {{collation}} = ANY (i.indcollation))"
)
NOW = "coalesce(pg_collation_actual_version(c.oid), 'none')"
USED = f"SELECT unnest(i.indcollation) FROM pg_index i WHERE i.indexrelid >= {FIRST_OWN}"
INSIDE = (
    "SELECT jsonb_build_object('extensions',"
    " (SELECT coalesce(jsonb_agg(jsonb_build_array(extname, extversion)), '[]') FROM pg_extension),"
    f" 'indexes', {INDEXES.format(collation=DATABASES_OWN)},"
    " 'collations', (SELECT coalesce(jsonb_agg(jsonb_build_object('name', format('%I.%I', n.nspname, c.collname),"
    f" 'recorded', c.collversion, 'actual', {NOW}, 'indexes', {INDEXES.format(collation='c.oid')})), '[]')"
    " FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace"
    f" WHERE c.oid IN ({USED}) AND c.collversion <> {NOW}))"
)
AVAILABLE = "(SELECT coalesce(json_object_agg(name, default_version), '{}') FROM pg_available_extensions)"
VALUES = {
    "version": "current_setting('server_version')",
    "now": "extract(epoch FROM clock_timestamp())",
    "checkpoint": "(SELECT extract(epoch FROM checkpoint_time) FROM pg_control_checkpoint())",
    "standby": "pg_is_in_recovery()",
    # Of what this session begins with, pg_settings would tell its own.
    "read_only": "(SELECT coalesce(bool_or(setting::bool), false) FROM pg_file_settings"
    " WHERE applied AND name = 'default_transaction_read_only')",
    "max_connections": "current_setting('max_connections')::int",
    "reserved": "current_setting('superuser_reserved_connections')::int"
    " + coalesce(current_setting('reserved_connections', true)::int, 0)",
    # Without the one that asks.
    "used": f"(SELECT count(*) - 1 FROM pg_stat_activity a WHERE {CLIENTS})",
    "roles": ROLES,
    "databases": DATABASES,
    "sessions": SESSIONS,
    "prepared": PREPARED,
    "pending": _names("name", "pg_settings WHERE pending_restart"),
    "overridden": _names("f.name", OVERRIDDEN),
    "faults": _names("coalesce(f.name || ': ', '') || f.error", FAULTS),
    "archive_failures": f"coalesce({ARCHIVING}, 0)",
    "slots": SLOTS,
    "collations": ":collations",
    "crashed_seconds": CRASHED,
    "libraries": "current_setting('shared_preload_libraries')",
    "available": AVAILABLE,
}
EXAMINE = (
    f"SET statement_timeout = '10s';\n{collations.FIND}"
    f"SELECT json_build_object({', '.join(f'{literal(name)}, {value}' for name, value in VALUES.items())});\n"
)


def examine(container: str, admin: str) -> tuple[Postgres | None, str]:
    """Return the server from inside, or what it said instead."""
    argv = commands.psql(container, admin, "postgres")
    asked = time.time()
    try:
        done = execute.run(argv, stdin=EXAMINE, timeout=EXAMINE_SECONDS, check=False)
    except CommandError as fault:
        return None, fault.output
    if not done.succeeded:
        return None, done.output or "nothing"
    found = parse(done.stdout, asked, time.time())
    # Who is in template1 keeps others from making databases.
    known = [each.name for each in found.databases if each.open and each.name != "template1"]
    return replace(found, inside=_inside(Server(container, admin).in_each(known, INSIDE))), ""


def _inside(told: Mapping[str, Any]) -> tuple[Inside, ...]:
    return tuple(
        Inside(
            name,
            tuple((extension, version) for extension, version in each["extensions"]),
            tuple(each["indexes"]),
            tuple(Collation(**{**row, "indexes": tuple(row["indexes"])}) for row in each["collations"]),
        )
        for name, each in told.items()
    )


def parse(printed: str, asked: float, answered: float) -> Postgres:
    """Return the Postgres that the query printed; the times are this machine's before and after it."""
    found: dict[str, Any] = json.loads(printed)
    lists: dict[str, Sequence[Any]] = {
        "roles": [Role(**row) for row in found["roles"]],
        "databases": [Database(**row) for row in found["databases"]],
        "sessions": [Session(**{**row, "blockers": tuple(row["blockers"])}) for row in found["sessions"]],
        "prepared": [Prepared(**row) for row in found["prepared"]],
        "slots": [(row["name"], row["kept"]) for row in found["slots"]],
        "collations": [(row["name"], row["recorded"], row["actual"]) for row in found["collations"]],
        "libraries": settings.libraries(found["libraries"]),
    }
    lists |= {name: found[name] for name in ("pending", "overridden", "faults")}
    return Postgres(asked=asked, answered=answered, **{**found, **{name: tuple(rows) for name, rows in lists.items()}})
