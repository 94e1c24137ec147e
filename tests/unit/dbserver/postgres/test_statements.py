"""What may be shown of a statement that pg_stat_statements keeps."""

import json

import pytest

from dbserver.postgres import statements
from dbserver.results.statements import Statement


@pytest.mark.parametrize(("kept", "shown"), [
    ("SELECT * FROM orders WHERE id = $1", "SELECT * FROM orders WHERE id = $1"),
    ('SELECT "a\'b", x1\n  FROM "T"', 'SELECT "a\'b", x1 FROM "T"'),
    ("/* traced: s3cret */ INSERT INTO t VALUES ('s3cret', 12.5, $1) -- s3cret", "INSERT INTO t VALUES (?, ?, $1)"),
    ("(SELECT 1) UNION (SELECT 'it''s s3cret')", "(SELECT ?) UNION (SELECT ?)"),
    ("SELECT \x1b[31mred", "SELECT [?"),
    ("ALTER ROLE shop PASSWORD 's3cret'", "ALTER ROLE ..."),
    ("COPY t FROM stdin", "COPY t ..."),
    ("SET app.token = 's3cret'", "SET app ..."),
    ("SELECT 'a\\' s3cret '", "SELECT ..."),
    ("SELECT E'a\\' s3cret ', 'b'", "SELECT E ..."),
    ("SELECT $tag$ s3cret $tag$", "SELECT ..."),
    ("SELECT $$ s3cret $$", "SELECT ..."),
    ("SELECT 1 /* a /* b */ s3cret */", "SELECT ..."),
    ("SELECT 'open s3cret", "SELECT ..."),
    ("/* open s3cret", "..."),
    ("", "..."),
])  # fmt: skip
def test_a_query_is_shown_without_its_values_and_anything_else_by_its_kind(kept: str, shown: str) -> None:
    assert statements.shown(kept).lower() == shown.lower()


def test_what_was_counted_belongs_to_the_application_of_its_database() -> None:
    about = {"stats_reset": "2026-11-23T14:05:07+00:00", "dealloc": 2}
    row = {"database": "crypto", "role": "c", "text": "SELECT 1", "calls": 4, "rows": 8, "seconds": 3.0, "of": 4.0}
    printed = f"{json.dumps(about)}\n{json.dumps([row, {**row, 'database': 'dbadmin', 'seconds': 1.0}])}"
    since, left_out, found = statements.parse(printed, {"crypto": "crypto-ai-agent"})
    assert (since, left_out) == ("2026-11-23T14:05:07+00:00", 2)
    assert found[0] == Statement("crypto-ai-agent", "crypto", "c", "SELECT ?", 4, 8, 3.0, 0.75, 0.75)
    assert [each.application for each in found] == ["crypto-ai-agent", ""]
