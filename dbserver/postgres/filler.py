"""The roles that load a dump, none of them a superuser: what it holds runs as whoever loads it. Pure."""

import hashlib
from collections.abc import Collection

from dbserver.postgres.sql import identifier, literal

USERS = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
# Superusers, and whoever may become one.
POWERFUL = (
    "SELECT coalesce(json_agg(r.rolname), '[]') FROM pg_roles r WHERE EXISTS"
    " (SELECT FROM pg_roles s WHERE s.rolsuper AND pg_has_role(r.oid, s.oid, 'MEMBER'));\n"
)
SCHEMAS_OF = f"pg_namespace n WHERE {USERS}"
TABLES_OF = f"pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {USERS} AND c.relkind IN ('r', 'p')"
SCHEMAS = f"SELECT coalesce(json_agg(n.nspname), '[]') FROM {SCHEMAS_OF};\n"


def own(name: str, *owners: str) -> str:
    """Return the statement for a role that fills a database for its owner, or owners, and has no other right.

    It is not the owner's own login, whose connections the application uses up.
    """
    member = f" IN ROLE {', '.join(identifier(owner) for owner in owners)}" if owners else ""
    return f"CREATE ROLE {identifier(name)} LOGIN{member};\n"


def loader(name: str) -> str:
    """Return the statement for a role that is a member of nothing, and brings rows that a superuser will own."""
    return f"CREATE ROLE {identifier(name)} LOGIN BYPASSRLS;\n"


def name(database: str, number: int) -> str:
    """Return the name of a role beside the first that fills a database: known by the database's own name."""
    return f"{_prefix(database)}{number}"


def drop_all(database: str) -> str:
    """Return the script for psql that drops the roles beside the first."""
    return (
        f"SELECT format('DROP ROLE %I', rolname) FROM pg_roles WHERE rolname ~ '^{_prefix(database)}[0-9]+$' \\gexec\n"
    )


def _prefix(database: str) -> str:
    return f"dbserver_{hashlib.sha256(database.encode()).hexdigest()[:16]}_"


def let_in(name: str, schemas: Collection[str]) -> str:
    """Return the statements after which a role may make something in schemas, before their own grants are there."""
    return "".join(f"GRANT USAGE, CREATE ON SCHEMA {identifier(each)} TO {identifier(name)};\n" for each in schemas)


def let_insert(name: str, owners: Collection[str]) -> str:
    """Return the script for psql after which a role may insert into the tables of these owners, and nothing else."""
    return _granted("USAGE ON SCHEMA %I", name, SCHEMAS_OF) + _granted(
        "INSERT ON %I.%I", name, f"{TABLES_OF} AND {_of(owners)}"
    )


def let_refer(name: str) -> str:
    """Return the script for psql after which a role may make foreign keys to any table; it cannot read it by that."""
    return _granted("REFERENCES ON %I.%I", name, TABLES_OF)


def _granted(privilege: str, name: str, of: str) -> str:
    columns = ", ".join(["n.nspname", "c.relname"][: privilege.count("%I")])
    return f"SELECT format({literal(f'GRANT {privilege} TO ')} || '%I', {columns}, {literal(name)}) FROM {of} \\gexec\n"


def give(name: str, owner: str) -> str:
    """Return the statement, for the database itself, that gives what a role has made to its owner."""
    return f"REASSIGN OWNED BY {identifier(name)} TO {identifier(owner)};\n"


def take_rights(name: str) -> str:
    """Return the statement, for the database itself, that takes a role's rights there; what it owns goes."""
    return f"DROP OWNED BY {identifier(name)};\n"


def views(owners: Collection[str]) -> str:
    """Return the query for schema, name and owner of the empty materialized views of these owners."""
    return (
        "SELECT coalesce(json_agg(json_build_array(n.nspname, c.relname, pg_get_userbyid(c.relowner))), '[]')"
        f" FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        f" WHERE c.relkind = 'm' AND NOT c.relispopulated AND {_of(owners)};\n"
    )


def refresh(schema: str, view: str, owner: str, name: str) -> str:
    """Return the statements that fill a view as another role than its owner: what it calls runs as its owner."""
    named, role = f"{identifier(schema)}.{identifier(view)}", identifier(name)
    return (
        f"BEGIN;\nGRANT pg_read_all_data TO {role};\nALTER MATERIALIZED VIEW {named} OWNER TO {role};\n"
        f"REFRESH MATERIALIZED VIEW {named};\n"
        f"ALTER MATERIALIZED VIEW {named} OWNER TO {identifier(owner)};\n"
        f"REVOKE pg_read_all_data FROM {role};\nCOMMIT;\n"
    )


def _of(owners: Collection[str]) -> str:
    return f"pg_get_userbyid(c.relowner) IN ({', '.join(literal(owner) for owner in sorted(owners))})"
