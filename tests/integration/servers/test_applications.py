"""What list and info tell of the applications on the server."""

import json
from collections.abc import Iterator

import pytest

from tests.support.lending import Lent
from tests.support.stack import Stack

ENTRIES = ({"name": "searching", "extensions": ["pg_trgm"]}, {"name": "plain"}, {"name": "closed"})


@pytest.fixture(scope="module")
def busy(lent: Lent) -> Iterator[Stack]:
    """A running stack with applications, one of which has closed its database."""
    lent.admit(*ENTRIES)
    lent.sql("ALTER DATABASE closed ALLOW_CONNECTIONS false")
    yield lent
    lent.sql("ALTER DATABASE closed ALLOW_CONNECTIONS true")


def test_each_application_is_told_with_the_extensions_of_its_database(busy: Stack) -> None:
    listed = json.loads(busy.script("dbserver", "list", "--format", "json").ok().out)["applications"]
    assert {each["name"]: each["extensions"] for each in listed} == {
        "searching": ["pg_trgm"], "plain": [], "closed": None,
    }  # fmt: skip
    for each in listed:
        alone = json.loads(busy.script("dbserver", "info", each["name"], "--format", "json").ok().out)
        assert {**alone, "schema": ""} == {**each, "schema": ""}
