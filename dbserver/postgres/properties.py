"""What a dump of one database leaves out: owner, ACL, limit, comment, settings, locale, the roles it needs. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from dbserver.postgres import objects
from dbserver.postgres.sql import identifier, literal, parameter, setting_value

# Of versions: columns that one lacks are null here.
ROW = "to_jsonb(d)"
ATTRIBUTES = {"login": "LOGIN", "createdb": "CREATEDB", "createrole": "CREATEROLE", "inherit": "INHERIT"}
PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin"}
STORED = "SELECT coalesce((SELECT to_json(s.setconfig) FROM pg_db_role_setting s"


def read(database: str) -> str:
    """Return the query, run in the database itself, for its properties and its roles: one JSON object."""
    name = literal(database)
    own = f"{STORED} WHERE s.setdatabase = d.oid AND s.setrole = 0), '[]')"
    of_roles = (
        "SELECT coalesce(json_agg(json_build_object('role', r.rolname, 'settings', s.setconfig) ORDER BY r.rolname),"
        " '[]') FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole WHERE s.setdatabase = d.oid"
    )
    acl = (
        "SELECT json_agg(json_build_object('grantee', CASE WHEN a.grantee = 0 THEN '' ELSE pg_get_userbyid(a.grantee)"
        " END, 'privilege', a.privilege_type, 'grantable', a.is_grantable)) FROM aclexplode(d.datacl) a"
        # The default one, given back, is no longer null.
        " WHERE NOT (d.datacl @> acldefault('d', d.datdba) AND d.datacl <@ acldefault('d', d.datdba))"
    )
    schema = "(SELECT n.nspname FROM pg_namespace n WHERE n.oid = e.extnamespace)"
    extensions = (
        "SELECT coalesce(json_agg(json_build_object('name', e.extname, 'version', e.extversion, 'schema', "
        f"{schema}) ORDER BY e.extname), '[]') FROM pg_extension e WHERE e.extname <> 'plpgsql'"
    )
    return (
        "SELECT json_build_object('properties', json_build_object("
        "'owner', pg_get_userbyid(d.datdba), 'encoding', pg_encoding_to_char(d.encoding),"
        f" 'collate', d.datcollate, 'ctype', d.datctype, 'provider', {ROW} ->> 'datlocprovider',"
        f" 'locale', coalesce({ROW} ->> 'datlocale', {ROW} ->> 'daticulocale'),"
        " 'limit', d.datconnlimit, 'comment', shobj_description(d.oid, 'pg_database'),"
        f" 'acl', ({acl}), 'settings', ({own}), 'role_settings', ({of_roles}), 'extensions', ({extensions}),"
        f" 'objects', {objects.COUNTS}),"
        f" 'roles', ({_roles()}), 'size', pg_database_size(d.oid)) FROM pg_database d WHERE d.datname = {name};\n"
    )


def _roles() -> str:
    """Return the query for the roles that the database `d` names, with what they are; without passwords."""
    members = (
        "SELECT d.datdba AS role UNION SELECT a.grantee FROM aclexplode(d.datacl) a WHERE a.grantee <> 0"
        " UNION SELECT s.setrole FROM pg_db_role_setting s WHERE s.setdatabase = d.oid AND s.setrole <> 0"
        " UNION SELECT x.refobjid FROM pg_shdepend x WHERE x.dbid = d.oid AND x.refclassid = 'pg_authid'::regclass"
    )
    return (
        "SELECT coalesce(json_agg(json_build_object('name', r.rolname, 'login', r.rolcanlogin, 'super', r.rolsuper,"
        " 'createdb', r.rolcreatedb, 'createrole', r.rolcreaterole, 'inherit', r.rolinherit,"
        f" 'limit', r.rolconnlimit, 'settings', ({STORED} WHERE s.setdatabase = 0 AND s.setrole = r.oid), '[]')))"
        f" ORDER BY r.rolname), '[]') FROM ({members}) m JOIN pg_roles r ON r.oid = m.role"
    )


def create_database(name: str, properties: Mapping[str, Any]) -> str:
    """Return the statements that make an empty database of the same encoding and locale, closed to everybody else.

    What is half restored has its tables' grants already: others would read behind a fence that is not there yet.
    """
    options = [f"ENCODING {literal(properties['encoding'])}"]
    options += [f"LC_COLLATE {literal(properties['collate'])}", f"LC_CTYPE {literal(properties['ctype'])}"]
    provider = PROVIDERS.get(properties.get("provider") or "", "")
    if provider:
        options.append(f"LOCALE_PROVIDER {provider}")
    if provider in ("icu", "builtin") and properties.get("locale"):
        options.append(f"{provider.upper()}_LOCALE {literal(properties['locale'])}")
    made = f"CREATE DATABASE {identifier(name)} TEMPLATE template0 {' '.join(options)};\n"
    return f"{made}REVOKE ALL ON DATABASE {identifier(name)} FROM PUBLIC;\n"


def create_roles(roles: Sequence[Mapping[str, Any]], existing: Collection[str]) -> str:
    """Return the statements for roles that are missing: without a password, never superusers."""
    return "".join("".join(_role(role)) for role in roles if role["name"] not in existing and not role["super"])


def put_back(name: str, properties: Mapping[str, Any], roles: Collection[str]) -> str:
    """Return the statements that give a database its properties; `roles` are those that exist."""
    return "".join(_statements(identifier(name), properties, {*roles, ""}))


def _role(role: Mapping[str, Any]) -> Iterator[str]:
    name = identifier(role["name"])
    attributes = " ".join(word if role[key] else f"NO{word}" for key, word in ATTRIBUTES.items())
    yield f"CREATE ROLE {name} NOSUPERUSER {attributes} CONNECTION LIMIT {int(role['limit'])};\n"
    yield from (f"ALTER ROLE {name} SET {text};\n" for text in _settings(role["settings"]))


def _statements(database: str, properties: Mapping[str, Any], roles: Collection[str]) -> Iterator[str]:
    if properties["owner"] in roles:
        yield f"ALTER DATABASE {database} OWNER TO {identifier(properties['owner'])};\n"
    yield f"ALTER DATABASE {database} CONNECTION LIMIT {int(properties['limit'])};\n"
    comment = properties["comment"]
    yield f"COMMENT ON DATABASE {database} IS {literal(comment) if comment else 'NULL'};\n"
    yield from _acl(database, properties, roles)
    yield from (f"ALTER DATABASE {database} SET {text};\n" for text in _settings(properties["settings"]))
    for entry in properties["role_settings"]:
        if entry["role"] in roles:
            start = f"ALTER ROLE {identifier(entry['role'])} IN DATABASE {database} SET"
            yield from (f"{start} {text};\n" for text in _settings(entry["settings"]))


def _acl(database: str, properties: Mapping[str, Any], roles: Collection[str]) -> Iterator[str]:
    """Without an ACL the default one: everybody may connect."""
    if properties["acl"] is None:
        yield f"GRANT CONNECT, TEMPORARY ON DATABASE {database} TO PUBLIC;\n"
        return
    for holder in ("PUBLIC", *([identifier(properties["owner"])] if properties["owner"] in roles else [])):
        yield f"REVOKE ALL ON DATABASE {database} FROM {holder};\n"
    for grant in properties["acl"]:
        if grant["grantee"] in roles:
            holder = identifier(grant["grantee"]) if grant["grantee"] else "PUBLIC"
            option = " WITH GRANT OPTION" if grant["grantable"] else ""
            yield f"GRANT {grant['privilege']} ON DATABASE {database} TO {holder}{option};\n"


def _settings(stored: Sequence[str]) -> Iterator[str]:
    for text in stored:
        name, _, value = text.partition("=")
        yield f"{parameter(name)} TO {setting_value(name, value)}"


ROLES = "SELECT coalesce(json_agg(rolname), '[]') FROM pg_roles;\n"


def own(database: str, owner: str) -> str:
    """Return the statement that gives a database to its owner before it is filled."""
    return f"ALTER DATABASE {identifier(database)} OWNER TO {identifier(owner)};\n"


def own_schema(name: str, owner: str) -> str:
    """Return the statement, for the database itself, that gives a schema to its owner."""
    return f"ALTER SCHEMA {identifier(name)} OWNER TO {identifier(owner)};\n"


def drop_role(name: str) -> str:
    """Return the statement that drops a role that filled a database."""
    return f"DROP ROLE {identifier(name)};\n"


def extension_schemas(extensions: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the schemas that have to be made for these extensions; a dump makes them too."""
    return sorted({entry["schema"] for entry in extensions} - {"public", "pg_catalog"})


def create_extensions(extensions: Sequence[Mapping[str, Any]], owner: str = "") -> str:
    """Return the statements, for the database itself, that install extensions into their schemas, the owner's."""
    of = f" AUTHORIZATION {identifier(owner)}" if owner else ""
    lines = [f"CREATE SCHEMA IF NOT EXISTS {identifier(name)}{of};\n" for name in extension_schemas(extensions)]
    for entry in extensions:
        where = "" if entry["schema"] == "pg_catalog" else f" SCHEMA {identifier(entry['schema'])}"
        lines.append(f"CREATE EXTENSION IF NOT EXISTS {identifier(entry['name'])}{where} CASCADE;\n")
    return "".join(lines)


def unavailable(extensions: Sequence[str]) -> str:
    """Return the query for those of these extensions that the server cannot install."""
    listed = ", ".join(f"({literal(name)})" for name in extensions)
    return (
        f"SELECT coalesce(json_agg(name), '[]') FROM (VALUES {listed}) w(name)"
        " WHERE NOT EXISTS (SELECT FROM pg_available_extensions a WHERE a.name = w.name);\n"
    )


# Every database with its application, and every application whose database is missing. Those beside are left out.
DATABASES = (
    "SELECT coalesce(json_agg(json_build_object('database', coalesce(d.datname, a.database), 'application', a.name)"
    " ORDER BY a.name, d.datname), '[]') FROM pg_database d FULL JOIN dbserver.application a ON a.database = d.datname"
    " WHERE coalesce(d.datname, '') NOT IN ('template0', 'template1')"
    " AND NOT EXISTS (SELECT FROM dbserver.database r WHERE r.name = d.datname);\n"
)
# What pg_dumpall leaves to each database's own dump: settings of a database, and of a role in one.
STORED_IN_DATABASES = (
    "SELECT coalesce(json_agg(json_build_object('database', d.datname, 'role', r.rolname, 'settings', s.setconfig)"
    " ORDER BY d.datname, r.rolname), '[]') FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase"
    " LEFT JOIN pg_roles r ON r.oid = s.setrole;\n"
)


def settings_in_databases(stored: Sequence[Mapping[str, Any]]) -> str:
    """Return the statements that bring back settings of databases, and of roles in them."""
    lines = []
    for entry in stored:
        database = identifier(entry["database"])
        of_role = f"ALTER ROLE {identifier(entry['role'])} IN DATABASE {database}" if entry["role"] else ""
        start = of_role or f"ALTER DATABASE {database}"
        lines += [f"{start} SET {text};\n" for text in _settings(entry["settings"])]
    return "".join(lines)


def qualified(name: str) -> str:
    """Return the query for that name with its schema, as a JSON list: there may be several, or none."""
    return f"""\
WITH wanted AS (SELECT {literal(name)} AS name), known AS (
 SELECT relnamespace AS schema FROM pg_class, wanted WHERE relname = name
 UNION SELECT pronamespace FROM pg_proc, wanted WHERE proname = name
 UNION SELECT typnamespace FROM pg_type, wanted WHERE typname = name)
SELECT coalesce(json_agg(format('%I.%I', nspname, name) ORDER BY nspname), '[]')
 FROM wanted, known JOIN pg_namespace n ON n.oid = schema;
"""
