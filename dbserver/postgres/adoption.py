"""What is asked of a server that no stack has made, and what puts back what a stack changes in it. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from dbserver.postgres import properties
from dbserver.postgres.sql import identifier, literal, parameter, setting_value

ATTRIBUTES = {
    "super": "SUPERUSER", "login": "LOGIN", "inherit": "INHERIT", "createdb": "CREATEDB", "createrole": "CREATEROLE",
    "replication": "REPLICATION", "bypassrls": "BYPASSRLS",
}  # fmt: skip
QUIET = "SET log_statement = 'none'; SET log_min_duration_statement = -1; SET log_min_error_statement = 'panic';\n"

_MEMBERSHIPS = (
    "SELECT coalesce(json_agg(json_build_object('role', g.rolname, 'admin', m.admin_option) ORDER BY g.rolname), '[]')"
    " FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid"
)
_ROLES = (
    "SELECT json_agg(json_build_object('name', r.rolname, 'super', r.rolsuper, 'login', r.rolcanlogin,"
    " 'inherit', r.rolinherit, 'createdb', r.rolcreatedb, 'createrole', r.rolcreaterole,"
    " 'replication', r.rolreplication, 'bypassrls', r.rolbypassrls, 'limit', r.rolconnlimit,"
    " 'verifier', coalesce(r.rolpassword, ''), 'settings', coalesce((SELECT to_json(s.setconfig)"
    f" FROM pg_db_role_setting s WHERE s.setdatabase = 0 AND s.setrole = r.oid), '[]'), 'member_of', ({_MEMBERSHIPS}))"
    " ORDER BY r.rolname) FROM pg_authid r WHERE r.rolname !~ '^pg_'"
)
_CONNECTED = (
    "SELECT coalesce(json_agg(c), '[]') FROM (SELECT datname AS database, usename AS role,"
    " coalesce(host(client_addr), '') AS address, count(*) AS total FROM pg_stat_activity"
    " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() GROUP BY 1, 2, 3 ORDER BY 1, 2, 3) c"
)
# How clients of elsewhere are let in; what the image lets in on the loopback concerns nobody else.
_METHODS = (
    "SELECT coalesce(json_agg(DISTINCT auth_method), '[]') FROM pg_hba_file_rules WHERE type <> 'local'"
    " AND coalesce(address, '') NOT IN ('127.0.0.1', '::1') AND NOT 'replication' = ANY(database)"
)


def server(derived: Sequence[str]) -> str:
    """Return the query for all that the server says of itself, as one JSON object; `derived` are settings to tell."""
    names = ", ".join(literal(name) for name in derived)
    settings = (
        "SELECT coalesce(json_agg(json_build_object('name', name, 'value', current_setting(name), 'source', source,"
        " 'file', coalesce(sourcefile, '')) ORDER BY name), '[]') FROM pg_settings"
        f" WHERE source IN ('command line', 'configuration file') OR name IN ({names})"
    )
    return (
        f"SELECT json_build_object('version', current_setting('server_version'),"
        " 'major', current_setting('server_version_num')::int / 10000,"
        " 'data_directory', current_setting('data_directory'),"
        " 'system', (SELECT system_identifier::text FROM pg_control_system()), 'recovery', pg_is_in_recovery(),"
        " 'max_connections', current_setting('max_connections')::int,"
        " 'reserved', current_setting('superuser_reserved_connections')::int"
        " + coalesce(current_setting('reserved_connections', true), '0')::int,"
        " 'shared_buffers', pg_size_bytes(current_setting('shared_buffers')),"
        " 'standbys', (SELECT count(*) FROM pg_stat_replication WHERE client_addr IS NOT NULL),"
        " 'tablespaces', (SELECT coalesce(json_agg(spcname), '[]') FROM pg_tablespace WHERE spcname !~ '^pg_'),"
        " 'databases', (SELECT json_agg(datname ORDER BY datname) FROM pg_database WHERE NOT datistemplate"
        " AND datallowconn),"
        f" 'methods', ({_METHODS}), 'settings', ({settings}), 'roles', ({_ROLES}), 'connected', ({_CONNECTED}));\n"
    )


def schema_public() -> str:
    """Return the query, run in a database, for the owner of its schema public; empty where there is none."""
    owner = "SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'public'"
    return f"SELECT coalesce(({owner}), '');\n"


# Where the server's history is: data that were put back from an older copy are behind it.
POSITION = "SELECT pg_current_wal_lsn();\n"


def identity(position: str) -> str:
    """Return the query for what shows that it is the same server, not an older copy of it, and its roles."""
    return (
        f"SELECT json_build_object('system', (SELECT system_identifier::text FROM pg_control_system()),"
        f" 'ahead', pg_wal_lsn_diff(pg_current_wal_lsn(), {literal(position)}) >= 0, 'roles', ({_ROLES}));\n"
    )


def put_back(roles: Sequence[Mapping[str, Any]], databases: Mapping[str, Mapping[str, Any]], admin: str) -> str:
    """Return the script that gives roles and databases what they had; nothing for what is as it was.

    `databases` is name -> properties. It is run as the administrator, in no transaction: ALTER SYSTEM takes none.
    """
    names = [role["name"] for role in roles]
    lines = [QUIET, *(line for role in roles for line in _role(role, admin))]
    lines += [line for name, known in databases.items() for line in _database(name, known, names)]
    return "".join(lines)


def put_back_schema(owner: str) -> str:
    """Return the statement, for a database itself, that gives its schema public back."""
    return f"ALTER SCHEMA public OWNER TO {identifier(owner)};\n"


def put_back_overrides(settings: Mapping[str, str]) -> str:
    """Return the statements that set again what ALTER SYSTEM had set."""
    return "".join(f"ALTER SYSTEM SET {identifier(n)} = {setting_value(n, v)};\n" for n, v in settings.items())


def _role(role: Mapping[str, Any], admin: str) -> Iterator[str]:
    name = identifier(role["name"])
    # The first superuser cannot be anything else, and PostgreSQL refuses to be told.
    attributes = [] if role["name"] == admin else [w if role[key] else f"NO{w}" for key, w in ATTRIBUTES.items()]
    verifier = literal(role["verifier"]) if role["verifier"] else "NULL"
    yield f"ALTER ROLE {name} {' '.join(attributes)} CONNECTION LIMIT {int(role['limit'])} PASSWORD {verifier};\n"
    yield f"ALTER ROLE {name} RESET ALL;\n"
    for text in role["settings"]:
        key, _, value = text.partition("=")
        yield f"ALTER ROLE {name} SET {parameter(key)} = {setting_value(key, value)};\n"
    for member in role["member_of"]:
        option = " WITH ADMIN OPTION" if member["admin"] else ""
        yield f"GRANT {identifier(member['role'])} TO {name}{option};\n"


def _database(name: str, known: Mapping[str, Any], roles: Collection[str]) -> Iterator[str]:
    yield properties.put_back(name, known, roles)
