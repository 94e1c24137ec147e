"""What a role owns, or has rights on, besides what goes with it: PostgreSQL drops no such role. Pure.

What it owns is for somebody to decide. Rights are not: anybody may have granted them on what is his, so they go.
"""

from collections.abc import Sequence

from dbserver.postgres.sql import identifier, literal

AT_MOST = 10
OWNED = "deptype = 'o'"


def elsewhere(role: str, going: Sequence[str]) -> str:
    """Return the query for the databases that hold something of a role's, and what it owns that belongs to none.

    `going` are the databases that are dropped with it.
    """
    names = ", ".join(literal(name) for name in going)
    gone = f"SELECT oid FROM pg_database WHERE datname IN ({names})"
    return (
        f"WITH own AS (SELECT * FROM pg_shdepend WHERE {_of(role)})"
        " SELECT json_build_object("
        "'databases', (SELECT coalesce(json_agg(datname ORDER BY datname), '[]') FROM pg_database"
        f" WHERE oid IN (SELECT dbid FROM own) AND oid NOT IN ({gone})),"
        f" 'shared', ({_described('own')} WHERE dbid = 0 AND {OWNED}"
        f" AND NOT (classid = 'pg_database'::regclass AND objid IN ({gone}))));\n"
    )


def here(role: str) -> str:
    """Return the query, run in one database, for what of it the role owns: a list of texts, not all where many."""
    return f"{_described('pg_shdepend')} WHERE {_owned_here(role)};\n"


def take_rights(role: str) -> str:
    """Return the statement, run in one database, that takes a role's rights there, and on what belongs to none.

    It fails where the role owns something there: that would go with them.
    """
    body = (
        f"BEGIN IF EXISTS (SELECT FROM pg_shdepend WHERE {_owned_here(role)}) THEN"
        f" RAISE EXCEPTION USING MESSAGE = {literal(f'role {role} owns something here')}; END IF;"
        f" DROP OWNED BY {identifier(role)}; END"
    )
    return f"DO {literal(body)};\n"


def _owned_here(role: str) -> str:
    in_this = "dbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
    return f"{_of(role)} AND {OWNED} AND {in_this}"


def _of(role: str) -> str:
    oid = f"(SELECT oid FROM pg_roles WHERE rolname = {literal(role)})"
    return f"refclassid = 'pg_authid'::regclass AND refobjid = {oid}"


def _described(rows: str) -> str:
    text = "pg_describe_object(classid, objid, objsubid)"
    return f"SELECT coalesce(json_agg(DISTINCT {text}), '[]') FROM {rows}"
