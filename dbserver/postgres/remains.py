"""What a role owns, or has rights on, besides what goes with it: PostgreSQL drops no such role. Pure."""

from collections.abc import Sequence

from dbserver.postgres.sql import literal

AT_MOST = 10


def elsewhere(role: str, going: Sequence[str]) -> str:
    """Return the query for the databases that hold something of a role's, and what of it belongs to none.

    `going` are the databases that are dropped with it.
    """
    names = ", ".join(literal(name) for name in going)
    gone = f"SELECT oid FROM pg_database WHERE datname IN ({names})"
    return (
        f"WITH own AS (SELECT * FROM pg_shdepend WHERE {_of(role)})"
        " SELECT json_build_object("
        "'databases', (SELECT coalesce(json_agg(datname ORDER BY datname), '[]') FROM pg_database"
        f" WHERE oid IN (SELECT dbid FROM own) AND oid NOT IN ({gone})),"
        f" 'shared', ({_described('own')} WHERE dbid = 0"
        f" AND NOT (classid = 'pg_database'::regclass AND objid IN ({gone}))));\n"
    )


def here(role: str) -> str:
    """Return the query, run in one database, for what of it is the role's: a list of texts, not all where many."""
    in_this = "dbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
    return f"{_described('pg_shdepend')} WHERE {_of(role)} AND {in_this};\n"


def _of(role: str) -> str:
    oid = f"(SELECT oid FROM pg_roles WHERE rolname = {literal(role)})"
    return f"refclassid = 'pg_authid'::regclass AND refobjid = {oid}"


def _described(rows: str) -> str:
    text = "pg_describe_object(classid, objid, objsubid)"
    return f"SELECT coalesce(json_agg(DISTINCT {text}), '[]') FROM {rows}"
