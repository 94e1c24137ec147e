"""A function that relies on a search_path is known from what pg_restore says."""

import pytest

from dbserver.postgres import complaint
from dbserver.postgres.complaint import Unqualified

COPY = """\
pg_restore: error: COPY failed for table "offer": ERROR:  relation "limits" does not exist
LINE 1: price <= (SELECT max(most) FROM limits)
QUERY:  price <= (SELECT max(most) FROM limits)
CONTEXT:  PL/pgSQL function public.allowed(numeric) line 1 at RETURN
COPY offer, line 1: "1"
"""
INLINED = """\
pg_restore: error: could not execute query: ERROR:  function rate(integer) does not exist
LINE 2:  SELECT rate($1)
HINT:  No function matches the given name and argument types.
QUERY:  SELECT rate($1)
CONTEXT:  SQL function "gross" during inlining
Command was: CREATE INDEX
"""


@pytest.mark.parametrize(
    ("output", "found"),
    [
        (COPY, Unqualified("public.allowed(numeric)", "limits")),
        (INLINED, Unqualified("gross", "rate")),
        (COPY.replace("CONTEXT", "LATER"), None),
        (COPY.replace('"limits"', '"shop.limits"'), None),
        (COPY.replace("does not exist", "is locked"), None),
        ("", None),
    ],
)
def test_the_function_and_the_name_without_a_schema_are_told(output: str, found: Unqualified | None) -> None:
    assert complaint.unqualified(output) == found
