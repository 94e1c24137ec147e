"""SQL that the stack and its operations send. Pure: text in, text out."""

import re
from collections.abc import Mapping, Sequence

FILE_BYTES = 10_000_000
LIST_SETTINGS = ("search_path", "temp_tablespaces", "session_preload_libraries", "local_preload_libraries")


def identifier(name: str) -> str:
    """Return a name as SQL takes it."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """Return a string constant, safe whatever standard_conforming_strings says."""
    if "\x00" in value:
        raise ValueError("PostgreSQL text cannot hold a NUL character")
    quoted = "'" + value.replace("'", "''") + "'"
    return " E" + quoted.replace("\\", "\\\\") if "\\" in value else quoted


def connect(database: str) -> str:
    r"""Return psql's \connect to a database, whatever its name: psql takes `a=b` for what to connect by.

    The name is quoted for libpq, that for psql, which takes double quotes out unless they are doubled within others,
    and whose words end with a line.
    """
    known = "dbname='" + database.replace("\\", "\\\\").replace("'", "\\'") + "'"
    quoted = known.replace("\\", "\\\\").replace("'", "''").replace('"', '"' * 4)
    quoted = quoted.replace("\n", "\\n").replace("\r", "\\r")
    return f"\\connect -reuse-previous=on '{quoted}'"


def parameter(name: str) -> str:
    """Return a setting's name as SQL takes it."""
    return ".".join(identifier(part) for part in name.split("."))


def setting_value(name: str, value: str) -> str:
    """Return a setting's value as SQL takes it.

    A list is several constants: one constant with a comma in it would be one name.
    """
    return ", ".join(literal(part) for part in (elements(value) if name in LIST_SETTINGS else [value]))


def elements(value: str) -> list[str]:
    """Return the names of a list as SQL reads them: quoted ones as they are, others in lower case."""
    parts = [part.strip() for part in re.findall(r'\s*"(?:[^"]|"")*"\s*|[^,]+', value) or [""]]
    return [part[1:-1].replace('""', '"') if part[:1] == part[-1:] == '"' else part.lower() for part in parts]


def answer() -> str:
    """Return the readiness query: one JSON object that says what runs."""
    return (
        "SELECT json_build_object('version', current_setting('server_version'),"
        " 'major', current_setting('server_version_num')::int / 10000,"
        " 'started', pg_postmaster_start_time(), 'connections', (SELECT count(*) FROM pg_stat_activity),"
        " 'max_connections', current_setting('max_connections')::int);\n"
    )


def state(role: str, settings: Sequence[str], files: Mapping[str, str]) -> str:
    """Return the query for all that decides what is to be done, as one JSON object.

    `verifier` is null where the role is missing; `database` is whether the
    role's own database exists; `overridden` are the settings that ALTER SYSTEM
    has set, which would win over the declared file; `pending` is whether any
    setting waits for a restart. `settings` are name -> value, source file and
    whether a restart is pending; `files` are name -> content in base64, null
    where there is none, of these name -> path.
    """
    listed = ", ".join(literal(name.lower()) for name in settings)
    # Of what this session begins with, pg_settings tells its own: the files say what it is for others.
    found = (
        "(SELECT s.name, pending_restart AS pending, coalesce(f.sourcefile, s.sourcefile) AS file, CASE source"
        " WHEN 'client' THEN coalesce(f.setting, boot_val) ELSE current_setting(s.name) END AS value FROM pg_settings s"
        " LEFT JOIN pg_file_settings f ON source = 'client' AND f.applied AND lower(f.name) = lower(s.name)"
        f" WHERE lower(s.name) IN ({listed})) found"
    )
    overridden = "file LIKE '%postgresql.auto.conf'"
    contents = ", ".join(f"{literal(name)}, {_content(path)}" for name, path in files.items())
    return (
        f"SELECT json_build_object('version', current_setting('server_version'),"
        f" 'verifier', (SELECT coalesce(rolpassword, '') FROM pg_authid WHERE rolname ="
        f" {literal(role)}), 'database', EXISTS (SELECT FROM pg_database WHERE datname = {literal(role)}),"
        f" 'overridden', (SELECT coalesce(json_agg(name), '[]') FROM {found} WHERE {overridden}),"
        f" 'pending', EXISTS (SELECT FROM pg_settings WHERE pending_restart),"
        f" 'settings', (SELECT coalesce(json_object_agg(lower(name), json_build_object("
        f"'value', value, 'file', file, 'pending', pending)), '{{}}') FROM {found}),"
        f" 'files', json_build_object({contents}));\n"
    )


def _content(path: str) -> str:
    # As text it would have to be valid in the database's encoding: a file edited by hand would be an error, not mended.
    return f"encode(pg_read_binary_file({literal(path)}, 0, {FILE_BYTES}, true), 'base64')"


def set_password(role: str, verifier: str) -> str:
    """Return the change of a role's password to a SCRAM verifier, kept out of the server's log."""
    return (
        "SET log_statement = 'none'; SET log_min_duration_statement = -1; SET log_min_error_statement = 'panic';\n"
        f"ALTER ROLE {identifier(role)} PASSWORD {literal(verifier)};\n"
    )


def create_database(name: str) -> str:
    """Return the statement that makes a database."""
    return f"CREATE DATABASE {identifier(name)};\n"


def create_extension(name: str) -> str:
    """Return the script for psql that installs an extension: in the schema it asks for itself, else in public.

    The first schema of the search path, where it would go otherwise, is that of PostgreSQL's own.
    """
    own = (
        "SELECT v.schema FROM pg_available_extension_versions v JOIN pg_available_extensions a"
        f" ON a.name = v.name AND a.default_version = v.version WHERE v.name = {literal(name)}"
    )
    return (
        f"SELECT format('CREATE EXTENSION IF NOT EXISTS %I SCHEMA %I', {literal(name)}, coalesce(({own}), 'public'))"
        " \\gexec\n"
    )


def no_template(database: str) -> str:
    """Return the script for psql after which a database is no template: an owner may make it one; none is dropped."""
    return (
        "SELECT format('ALTER DATABASE %I IS_TEMPLATE false', datname) FROM pg_database"
        f" WHERE datistemplate AND datname = {literal(database)} \\gexec\n"
    )


def file_faults(path: str) -> str:
    """Return the faults of a configuration file; what only needs a restart is none."""
    return (
        "SELECT coalesce(json_agg(json_build_object('name', f.name, 'error', f.error)), '[]')"
        " FROM pg_file_settings f LEFT JOIN pg_settings s ON s.name = f.name"
        f" WHERE f.error IS NOT NULL AND f.sourcefile = {literal(path)}"
        " AND NOT (s.context IS NOT DISTINCT FROM 'postmaster' AND f.error = 'setting could not be applied');\n"
    )


def restarting(names: Sequence[str]) -> str:
    """Return which of these settings PostgreSQL takes at a start only, and which of all wait for one."""
    listed = ", ".join(literal(name.lower()) for name in names) or "NULL"
    return (
        "SELECT coalesce(json_agg(name ORDER BY name), '[]') FROM pg_settings"
        f" WHERE pending_restart OR (context = 'postmaster' AND lower(name) IN ({listed}));\n"
    )


def contexts(names: Sequence[str]) -> str:
    """Return name -> context, of those of these settings that the server knows."""
    listed = ", ".join(literal(name.lower()) for name in names) or "NULL"
    return (
        "SELECT coalesce(json_object_agg(lower(name), context), '{}') FROM pg_settings"
        f" WHERE lower(name) IN ({listed});\n"
    )


def terminate(session: str) -> str:
    """Return the statement that ends every connection of this application_name."""
    return f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = {literal(session)};\n"


def reset_overrides(names: Sequence[str]) -> str:
    """Return the statements that undo ALTER SYSTEM for these settings: it would win over the declared file."""
    return "".join(f"ALTER SYSTEM RESET {identifier(name)};\n" for name in names)


CHECKPOINT = "CHECKPOINT;\n"
# An owner may make a database a template: it is his all the same.
NOT_BUILT_IN = "datname NOT IN ('template0', 'template1')"
DATABASES = f"SELECT datname FROM pg_database WHERE datallowconn AND {NOT_BUILT_IN} ORDER BY datname;\n"
LOAD_TIME = "SELECT pg_conf_load_time();\n"
RELOAD = "SELECT pg_reload_conf();\n"
INSTALLED = "SELECT coalesce(json_agg(extname ORDER BY extname), '[]') FROM pg_extension WHERE extname <> 'plpgsql'"
EXTENSIONS = f"{INSTALLED};\n"


def usage(databases: Sequence[str]) -> str:
    """Return database -> owner, size in bytes, client connections, for those of these that exist."""
    listed = ", ".join(literal(name) for name in databases)
    clients = (
        "SELECT count(*) FROM pg_stat_activity a WHERE a.datname = d.datname AND a.backend_type = 'client backend'"
    )
    return (
        "SELECT coalesce(json_object_agg(datname, json_build_object('owner', pg_get_userbyid(datdba),"
        f" 'size', pg_database_size(oid), 'connections', ({clients}))), '{{}}')"
        f" FROM pg_database d WHERE datname IN ({listed});\n"
    )


def in_each(databases: Sequence[str], question: str) -> str:
    """Return the script for psql that prints database -> what one expression is there, an object a line.

    psql ends at the first database that does not let it in, whatever is set.
    """
    asked = f"SELECT jsonb_build_object(current_database(), ({question}));\n"
    return "".join(f"{connect(name)}\n{asked}" for name in databases)
