"""What an upgrade asks of a whole server, and what it brings into the new one. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dbserver.postgres import access
from dbserver.postgres.properties import unavailable
from dbserver.postgres.sql import identifier

# Roles compared by what both versions know of them; what belongs to the server itself is its own.
ROLES = (
    "SET timezone = 'UTC';\nSELECT json_build_object("
    "'roles', (SELECT json_object_agg(rolname, to_jsonb(a) - 'oid' - 'rolname') FROM pg_authid a"
    " WHERE rolname !~ '^pg_'),"
    " 'members', (SELECT coalesce(json_object_agg(format('%s in %s', member::regrole, roleid::regrole),"
    " to_jsonb(m) - 'oid' - 'member' - 'roleid' - 'grantor'), '{}') FROM pg_auth_members m JOIN pg_authid a"
    " ON a.oid = m.member WHERE rolname !~ '^pg_'),"
    " 'settings', (SELECT coalesce(json_object_agg(setrole::regrole, to_json(setconfig)), '{}')"
    " FROM pg_db_role_setting WHERE setdatabase = 0));\n"
)
# Every database, those that restores have put beside too; not what a restore that is gone left half-done.
DATABASES = (
    "SELECT coalesce(json_agg(json_build_object('database', d.datname, 'application', a.name,"
    " 'size', pg_database_size(d.oid), 'beside', EXISTS (SELECT FROM dbserver.database r WHERE r.name = d.datname))"
    " ORDER BY a.name, d.datname), '[]')"
    " FROM pg_database d LEFT JOIN dbserver.application a ON a.database = d.datname"
    " WHERE d.datname NOT IN ('template0', 'template1')"
    " AND NOT EXISTS (SELECT FROM dbserver.database r WHERE r.name = d.datname AND r.purpose = 'restoring');\n"
)
# What no backup holds, so that it would be lost.
OBSTACLES = (
    "SELECT coalesce(json_agg(text), '[]') FROM ("
    "SELECT format('prepared transaction %L in %s', gid, database) AS text FROM pg_prepared_xacts"
    " UNION ALL SELECT format('replication slot %s', slot_name) FROM pg_replication_slots WHERE NOT temporary"
    " UNION ALL SELECT format('subscription %s', subname) FROM pg_subscription"
    " UNION ALL SELECT format('tablespace %s', spcname) FROM pg_tablespace WHERE spcname !~ '^pg_'"
    " UNION ALL SELECT format('database %s is a template or takes no connections', datname) FROM pg_database"
    " WHERE datname NOT IN ('template0', 'template1') AND (datistemplate OR NOT datallowconn)) o;\n"
)
# Lower oids are those of initdb.
OWN_OBJECTS = (
    "SELECT (SELECT count(*) FROM pg_class WHERE oid >= 16384) + (SELECT count(*) FROM pg_proc WHERE oid >= 16384);\n"
)


def globals_of(text: str, admin: str) -> str:
    """Return the script that makes the roles: without the administrator's own making, which a new server has done."""
    made = {f"CREATE ROLE {admin};", f"CREATE ROLE {identifier(admin)};"}
    lines = text.split("\n")
    first = next((number for number, line in enumerate(lines) if line.strip() in made), None)
    return access.QUIET + "\n".join(line for number, line in enumerate(lines) if number != first)


def take_name(incoming: str, name: str) -> str:
    """Return the statements, run in template1, after which a restored database has its name; an empty one had it.

    In that one our own sessions wait, of a server that nobody else knows yet.
    """
    return (
        f"DROP DATABASE IF EXISTS {identifier(name)} WITH (FORCE);\n"
        f"ALTER DATABASE {identifier(incoming)} RENAME TO {identifier(name)};\n"
    )


def missing(names: Sequence[str]) -> str:
    """Return the query for those of these extensions that the server cannot install."""
    return unavailable(names) if names else "SELECT '[]';\n"


def roles_differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return what of the roles is not as it was, by names alone: what differs may be a password."""
    return [
        f"{kind[:-1]} {name}"
        for kind in ("roles", "members", "settings")
        for name in sorted({*before[kind], *after[kind]})
        if _known(before[kind].get(name), after[kind].get(name))
        != _known(after[kind].get(name), before[kind].get(name))
    ]


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return which properties of a database are not as they were, and which extensions have another version."""
    compared = [name for name in before if name != "extensions" and (before[name] is not None or name != "provider")]
    wrong = [name for name in compared if _sorted(before[name]) != _sorted(after.get(name))]
    versions = {each["name"]: each["version"] for each in after["extensions"]}
    wrong += [f"extension {each['name']}" for each in before["extensions"] if each["name"] not in versions]
    return wrong, list(_newer(before["extensions"], versions))


def _newer(before: Sequence[Mapping[str, Any]], versions: Mapping[str, str]) -> Iterator[str]:
    for each in before:
        if versions.get(each["name"], each["version"]) != each["version"]:
            yield f"extension {each['name']} {each['version']} is {versions[each['name']]} there"


def _known(one: Any, other: Any) -> Any:
    """Return what both versions know: of attributes those that the other has too."""
    if isinstance(one, dict) and isinstance(other, dict):
        return {name: value for name, value in one.items() if name in other}
    return one


def _sorted(value: Any) -> Any:
    return sorted(value, key=str) if isinstance(value, list) else value
