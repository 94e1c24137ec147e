"""Statements as text for people. Pure."""

from itertools import groupby

from dbserver.cleaning import clean
from dbserver.cli.render.connections import columns
from dbserver.results.statements import Statement, Top

COLUMNS = ("TIME", "SHARE", "CALLS", "MEAN", "ROWS", "ROLE", "STATEMENT")


def top(found: Top) -> str:
    """Return a table for each application, and last those of databases that are none's."""
    ordered = sorted(found.statements, key=lambda each: (not each.application, each.application, each.database))
    lines = [f"counted since {found.since[:19]}"] if found.since else []
    for (application, database), rows in groupby(ordered, key=lambda each: (each.application, each.database)):
        title = f"{application} (database {database})" if application else f"database {database}"
        lines += ["", title, *columns([COLUMNS, *map(_row, rows)])]
    lines += [] if found.statements else ["no statement was counted"]
    lines += ["", f"{found.left_out} statements had no room: pg_stat_statements.max"] if found.left_out else []
    return "\n".join(lines).strip("\n")


def _row(each: Statement) -> tuple[str, ...]:
    mean = f"{each.mean_seconds * 1000:.1f} ms"
    figures = (f"{each.total_seconds:.1f} s", f"{each.share:.0%}", str(each.calls), mean, str(each.rows))
    return (*figures, each.role, clean(each.text))
