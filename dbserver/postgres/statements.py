"""The statements that pg_stat_statements has counted. Pure.

Its view stands in whatever schema it was created in, of whatever database: an application may own one, with anything
under that name. So it is asked in the administrator's own database, and made there for the one question: it shows the
statements of all databases. What was made is rolled back.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from dbserver import cleaning
from dbserver.results.statements import Statement

LIBRARY = "pg_stat_statements"
LOADED = (
    "SELECT json_build_object('loaded', setting, 'pending', pending_restart) FROM pg_settings"
    " WHERE name = 'shared_preload_libraries';\n"
)
# Of the reset and of the time an older version of the extension has no column, or another: those are null here.
ASKED = r"""
BEGIN;
CREATE EXTENSION IF NOT EXISTS pg_stat_statements SCHEMA dbserver;
SELECT quote_ident(nspname) AS schema, EXISTS (SELECT FROM pg_class WHERE relnamespace = n.oid
    AND relname = 'pg_stat_statements_info') AS informed
FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'pg_stat_statements' \gset
\if :informed
SELECT to_json(i) FROM :schema.pg_stat_statements_info i;
\else
SELECT '{}';
\endif
SELECT coalesce(jsonb_agg(t ORDER BY t.seconds DESC), '[]') FROM (
    SELECT *, row_number() OVER (PARTITION BY database ORDER BY seconds DESC) AS place FROM (
        SELECT datname AS database, pg_get_userbyid(s.userid) AS role, max(s.query) AS text, sum(s.calls) AS calls,
            sum(s.rows) AS rows, sum(coalesce(to_jsonb(s) ->> 'total_exec_time', to_jsonb(s) ->> 'total_time')::float8)
            / 1000 AS seconds, sum(sum(coalesce(to_jsonb(s) ->> 'total_exec_time', to_jsonb(s) ->> 'total_time')::float8
            )) OVER () / 1000 AS of
        FROM :schema.pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid GROUP BY d.datname, s.userid, s.queryid
    ) each) t WHERE t.place <= {most};
ROLLBACK;
"""
# What is kept in PostgreSQL's normal form, its values replaced. Others stand there as they were sent, passwords too.
QUERIES = ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "WITH", "VALUES", "TABLE")
TOKENS = re.compile(
    r"""(?P<comment>/\*.*?\*/|--[^\n]*)|(?P<name>"(?:[^"]|"")*"|[^\W\d][\w$]*|\$\d+)"""
    r"""|(?P<value>'(?:[^']|'')*'|\d[\w.]*)|(?P<other>.)""",
    re.DOTALL,
)
# Outside of tokens: a quotation or a comment that ends elsewhere than it seems to, or has a mark of its own.
UNSURE = re.compile(r"""['"$]""")
VALUE = "?"


def heaviest(most: int) -> str:
    """Return the script for psql in the administrator's database: since when, then `most` rows of each database."""
    return ASKED.replace("{most}", str(most))


def parse(printed: str, applications: Mapping[str, str]) -> tuple[str, int, tuple[Statement, ...]]:
    """Return since when, how many were dropped, and the statements; `applications` is database -> application."""
    about, rows = (json.loads(line) for line in cleaning.lines(printed))
    statements = tuple(_statement(row, applications) for row in rows)
    return str(about.get("stats_reset") or ""), int(about.get("dealloc") or 0), statements


def shown(text: str) -> str:
    """Return a statement that may be shown: a query without comments and values, of anything else its kind."""
    parts = list(TOKENS.finditer(cleaning.printable(text)))
    words = " ".join("".join(_part(part) for part in parts).split())
    if words.lstrip("( ").upper().startswith(QUERIES) and not _unsure(words, parts):
        return words
    kind = re.match(r"[A-Za-z]+(?: [A-Za-z]+)?", words)
    return f"{kind[0].upper()} ..." if kind else "..."


def _part(found: re.Match[str]) -> str:
    return {"comment": " ", "value": VALUE}.get(found.lastgroup or "", found[0])


def _unsure(words: str, parts: Sequence[re.Match[str]]) -> bool:
    others = "".join(part[0] for part in parts if part.lastgroup == "other")
    escaped = any("\\" in part[0] for part in parts)
    return escaped or UNSURE.search(others) is not None or "/*" in words or "*/" in words


def _statement(row: Mapping[str, Any], applications: Mapping[str, str]) -> Statement:
    return Statement(
        application=applications.get(row["database"], ""),
        database=row["database"],
        role=row["role"],
        text=shown(row["text"] or ""),
        calls=int(row["calls"]),
        rows=int(row["rows"]),
        total_seconds=round(row["seconds"], 3),
        mean_seconds=round(row["seconds"] / max(int(row["calls"]), 1), 6),
        share=round(row["seconds"] / row["of"], 4) if row["of"] else 0.0,
    )
