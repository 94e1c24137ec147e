"""What list and info tell of the applications on the server."""

import json
from collections.abc import Iterator

import pytest

from tests.support.lending import Lent
from tests.support.stack import Stack

ENTRIES = ({"name": "searching", "extensions": ["pg_trgm"]}, {"name": "plain"}, {"name": "closed"})


@pytest.fixture(scope="module")
def busy(lent: Lent) -> Iterator[Lent]:
    """A running stack with applications, one of which has closed its database."""
    lent.admit(*ENTRIES)
    lent.sql("ALTER DATABASE closed ALLOW_CONNECTIONS false")
    yield lent
    lent.sql("ALTER DATABASE closed ALLOW_CONNECTIONS true")


def test_each_application_is_told_with_the_extensions_of_its_database(busy: Stack) -> None:
    listed = json.loads(busy.script("dbserver", "list", "--format", "json").ok().out)["applications"]
    assert {each["name"]: each["extensions"] for each in listed if each["name"] != "owning"} == {
        "searching": ["pg_trgm"], "plain": [], "closed": None,
    }  # fmt: skip
    for each in listed:
        alone = json.loads(busy.script("dbserver", "info", each["name"], "--format", "json").ok().out)
        assert {**alone, "schema": ""} == {**each, "schema": ""}


def test_keys_and_their_memory_are_those_of_the_application_s_prefixes_in_every_database(busy: Lent) -> None:
    for database, key in (("0", "plain:a"), ("0", "plain:b"), ("3", "plain:c"), ("0", "plainly"), ("0", "searching:a")):
        busy.redis_admin("-n", database, "SET", key, "x" * 1000)
    table = busy.script("dbserver", "list").ok().out
    (row,) = (line.split() for line in table.splitlines() if line.startswith("plain "))
    assert (row[row.index("of") + 2], row[-1]) == ("3", "kB")
    found = json.loads(busy.script("dbserver", "info", "plain", "--format", "json").ok().out)
    assert found["redis_keys"] == 3
    assert 3000 < found["redis_bytes"] < 6000
    busy.redis_admin("DEL", "plainly")


def test_a_trusted_extension_belongs_to_the_role_and_another_to_the_administrator(busy: Lent) -> None:
    busy.admit({"name": "owning", "extensions": ["pg_trgm", "pageinspect"]})
    owners = (
        "SELECT string_agg(format('%s of %s', extname, extowner::regrole), ', ' ORDER BY extname) FROM pg_extension"
    )
    assert busy.sql(f"{owners} WHERE extname <> 'plpgsql'", "owning") == "pageinspect of dbadmin, pg_trgm of owning"
    altering = ["psql", "owning", "--", "-c"]
    busy.script("dbserver", *altering, "ALTER EXTENSION pg_trgm UPDATE").ok()
    assert busy.script("dbserver", *altering, "ALTER EXTENSION pageinspect UPDATE").code == 1
