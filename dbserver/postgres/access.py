"""SQL that gives an application its role and its database, and that finds what differs. Pure.

One script an application: a start of psql costs more than everything in it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dbserver.applications import Application
from dbserver.postgres import registry
from dbserver.postgres.sql import (
    LIST_SETTINGS,
    connect,
    create_extension,
    elements,
    identifier,
    literal,
    no_template,
    parameter,
    setting_value,
)

ATTRIBUTES = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS INHERIT"
QUIET = "SET log_statement = 'none'; SET log_min_duration_statement = -1; SET log_min_error_statement = 'panic';\n"

# Printed once the role is done: from there on it has its password, whatever fails later.
GRANTED = "role granted"
# A stored setting, its name in lower case: PostgreSQL keeps its own spelling.
SETTING = "lower(split_part(s, '=', 1)) || substr(s, strpos(s, '='))"

# What a database grants to others than its owner, as one text: "grants CONNECT to monitor".
GRANTED_TO = (
    "(SELECT 'grants ' || string_agg(what, ' and ' ORDER BY what COLLATE \"C\") FROM (SELECT"
    " string_agg(DISTINCT privilege_type, ', ') || ' to ' || CASE grantee WHEN 0 THEN 'everybody'"
    " ELSE pg_get_userbyid(grantee) END AS what FROM aclexplode(datacl) WHERE grantee <> datdba GROUP BY grantee) w)"
)
PUBLIC_SCHEMA = "FROM pg_namespace WHERE nspname = 'public'"
INSTALLED = "(SELECT array_agg(extname::text) FROM pg_extension)"


@dataclass(frozen=True)
class Access:
    """What an application's role and database shall be.

    Without a verifier the role's password stays as it is in the server, and a
    role that has one already is taken over only where that is `keep_password`.
    """

    application: Application
    extensions: Sequence[str]
    settings: Mapping[str, str]
    verifier: str = ""
    keep_password: bool = False
    new_password: bool = False


def close_shared_databases(admin: str) -> str:
    """Return the statements that shut everybody but the administrator out of the server's own databases."""
    names = sorted({"postgres", "template1", admin})
    return "".join(f"REVOKE ALL ON DATABASE {identifier(name)} FROM PUBLIC;\n" for name in names)


def grant(access: Access) -> str:
    """Return the script for psql, started in the administrator's database."""
    application = access.application
    role, database = identifier(application.role), identifier(application.database)
    return "".join(
        [
            QUIET,
            "BEGIN;\n",
            _adopt_or_refuse(access),
            f"ALTER ROLE {role} {ATTRIBUTES} CONNECTION LIMIT {application.connections}{_password(access)};\n",
            _leave_other_roles(application.role),
            _settings(application.role, access.settings),
            f"COMMIT;\n\\echo {GRANTED}\n",
            _create_database(application),
            f"ALTER DATABASE {database} ALLOW_CONNECTIONS true CONNECTION LIMIT -1;\n",
            f"ALTER DATABASE {database} OWNER TO {role};\n",
            f"REVOKE ALL ON DATABASE {database} FROM PUBLIC;\n",
            _revoke_foreign_grants(application),
            registry.enter(application),
            f"{connect(application.database)}\n",
            QUIET,
            own_public(application.role),
            *(_extension(name, application.role) for name in access.extensions),
        ]
    )


def differences(access: Access) -> str:
    """Return the query, run in the application's database, for what differs: a JSON list of texts, and the verifier."""
    application = access.application
    role, database, oid = literal(application.role), literal(application.database), _regrole(application.role)
    in_roles, in_databases = f"FROM pg_roles WHERE rolname = {role}", f"FROM pg_database WHERE datname = {database}"
    privileged = "rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls"
    stored = (
        f'coalesce((SELECT array_agg({SETTING} ORDER BY {SETTING} COLLATE "C")'
        f" FROM pg_db_role_setting, unnest(setconfig) s"
        f" WHERE setrole = {oid} AND setdatabase = 0), '{{}}')"
    )
    checks = [
        ("role has other attributes", f"SELECT NOT rolcanlogin OR NOT rolinherit OR {privileged} {in_roles}"),
        ("role has another connection limit", f"SELECT rolconnlimit <> {application.connections} {in_roles}"),
        ("role has other settings", f"SELECT {stored} <> {_setting_array(access.settings)}"),
        ("role is a member of other roles", f"SELECT EXISTS (SELECT FROM pg_auth_members WHERE member = {oid})"),
        ("database has another owner", f"SELECT pg_get_userbyid(datdba) <> {role} {in_databases}"),
        ("database has a connection limit of its own", f"SELECT datconnlimit <> -1 {in_databases}"),
        ("database is open to everybody", f"SELECT datacl IS NULL {in_databases}"),
        ("schema public has another owner", f"SELECT pg_get_userbyid(nspowner) <> {role} {PUBLIC_SCHEMA}"),
        ("an extension is missing", f"SELECT NOT {_text_array(access.extensions)} <@ {INSTALLED}"),
    ]
    rows = ", ".join(f"({literal(text)}, ({query}))" for text, query in checks)
    granted = f"SELECT {GRANTED_TO} {in_databases} AND datacl IS NOT NULL"
    verifier = f"SELECT coalesce(rolpassword, '') FROM pg_authid WHERE rolname = {role}"
    return (
        f"SELECT json_build_object('drift', (SELECT coalesce(json_agg(text), '[]') FROM"
        f" (SELECT text FROM (VALUES {rows}) c(text, differs) WHERE differs UNION ALL SELECT 'database ' || text"
        f" FROM ({granted}) g(text) WHERE text IS NOT NULL) d), 'verifier', ({verifier}));\n"
    )


def existing(application: Application, admin: str) -> str:
    """Return the script for psql, in the database postgres, for what can be told without the application's: four lines.

    Each is t or f: whether its role exists, its database, that takes connections, and the registry knows them as it is.
    """
    database = f"SELECT FROM pg_database WHERE datname = {literal(application.database)}"
    return (
        f"SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = {literal(application.role)});\n"
        f"SELECT EXISTS ({database});\nSELECT EXISTS ({database} AND datallowconn);\n"
        f"{registry.knows(application, admin)}"
    )


def foreign_grants(databases: Sequence[str]) -> str:
    """Return the query for what these databases grant to others than their owners: a JSON list of texts.

    A database that nobody has granted anything grants CONNECT to everybody, until its application is admitted.
    """
    names = _text_array(databases)
    return (
        f"SELECT coalesce(json_agg('database ' || datname || ' ' || granted ORDER BY datname), '[]') FROM (SELECT"
        f" datname, {GRANTED_TO} AS granted FROM pg_database WHERE datname = ANY ({names}) AND datacl IS NOT NULL) g"
        f" WHERE granted IS NOT NULL;\n"
    )


def verifier(application: Application) -> str:
    """Return the query for the verifier of a role that exists; one that has none is told as `none`."""
    return f"SELECT coalesce(rolpassword, 'none') FROM pg_authid WHERE rolname = {literal(application.role)};\n"


def with_passwords(roles: Sequence[str]) -> str:
    """Return the query for those of these roles that exist and have a password."""
    listed = ", ".join(map(literal, roles)) or "NULL"
    return (
        "SELECT coalesce(json_agg(rolname), '[]') FROM pg_authid"
        f" WHERE rolpassword IS NOT NULL AND rolname IN ({listed});\n"
    )


def drop(application: Application) -> str:
    """Return the statements that destroy an application's database and role."""
    return (
        f"{no_template(application.database)}DROP DATABASE IF EXISTS {identifier(application.database)};\n"
        f"DROP ROLE IF EXISTS {identifier(application.role)};\n"
        f"{registry.forget(application)}"
    )


def _extension(name: str, role: str) -> str:
    """A trusted one is the role's own, which may then alter, update and drop it; others stay the administrator's."""
    trusted = (
        "EXISTS (SELECT FROM pg_available_extension_versions v JOIN pg_available_extensions a"
        f" ON a.name = v.name AND a.default_version = v.version WHERE v.name = {literal(name)}"
        " AND to_jsonb(v) ->> 'trusted' = 'true')"
    )
    become = f"\\if :trusted\nSET ROLE {identifier(role)};\n\\endif\n"
    return f"SELECT {trusted} AS trusted \\gset\n{become}{create_extension(name)}RESET ROLE;\n"


def _adopt_or_refuse(access: Access) -> str:
    role = access.application.role
    refusal = (
        f"role {role} exists with a password that this stack does not know: give it (pulumi config set --secret,"
        f" the entry's password), or keep it (keepPassword: true)"
    )
    guard = "false" if access.keep_password or access.new_password else "rolpassword IS NOT NULL"
    body = (
        f"BEGIN IF EXISTS (SELECT FROM pg_authid WHERE rolname = {literal(role)} AND {guard}) THEN"
        f" RAISE EXCEPTION USING MESSAGE = {literal(refusal)}; END IF;"
        f" IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {literal(role)}) THEN"
        f" CREATE ROLE {identifier(role)}; END IF; END"
    )
    tag = "do"
    while f"${tag}" in body:
        tag += "_"
    return f"DO ${tag}$ {body} ${tag}$;\n"


def own_public(role: str) -> str:
    """Return the script for psql that gives a role the schema public, where it has not dropped it."""
    return f"SELECT format('ALTER SCHEMA public OWNER TO %I', {literal(role)}) {PUBLIC_SCHEMA} \\gexec\n"


def _password(access: Access) -> str:
    return f" PASSWORD {literal(access.verifier)}" if access.verifier else ""


def _leave_other_roles(role: str) -> str:
    return (
        f"SELECT format('REVOKE %s FROM %s', roleid::regrole, member::regrole) FROM pg_auth_members"
        f" WHERE member = {_regrole(role)} \\gexec\n"
    )


def _regrole(role: str) -> str:
    """A role's oid; quoted, because regrole folds and parses names as SQL does."""
    return f"{literal(identifier(role))}::regrole"


def _settings(role: str, settings: Mapping[str, str]) -> str:
    sets = [f"ALTER ROLE {identifier(role)} SET {parameter(n)} = {setting_value(n, v)};\n" for n, v in settings.items()]
    return f"ALTER ROLE {identifier(role)} RESET ALL;\n" + "".join(sets)


def _create_database(application: Application) -> str:
    create = f"CREATE DATABASE {identifier(application.database)} TEMPLATE template0 ENCODING 'UTF8'"
    return (
        f"SELECT {literal(create)} WHERE NOT EXISTS"
        f" (SELECT FROM pg_database WHERE datname = {literal(application.database)}) \\gexec\n"
    )


def _revoke_foreign_grants(application: Application) -> str:
    return (
        f"SELECT format('REVOKE ALL ON DATABASE %I FROM %s', datname, grantee::regrole)"
        f" FROM pg_database, aclexplode(datacl) WHERE datname = {literal(application.database)}"
        f" AND grantee NOT IN (0, datdba) \\gexec\n"
    )


def _setting_array(settings: Mapping[str, str]) -> str:
    """Return the settings as PostgreSQL stores them: names in a list are quoted where they need it."""
    stored = [
        f"{literal(name + '=')} || " + " || ', ' || ".join(f"quote_ident({literal(e)})" for e in elements(value))
        if name in LIST_SETTINGS
        else literal(f"{name}={value}")
        for name, value in settings.items()
    ]
    known = f"unnest(ARRAY[{', '.join(stored)}]::text[]) s"
    return f"coalesce((SELECT array_agg(s ORDER BY s COLLATE \"C\") FROM {known}), '{{}}')"


def _text_array(values: Sequence[str]) -> str:
    return f"ARRAY[{', '.join(literal(value) for value in values)}]::text[]"
