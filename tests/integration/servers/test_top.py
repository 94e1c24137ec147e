"""top: the heaviest statements of each application, and nothing of an application's that is run for it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.commands import run
from tests.support.lending import Lent
from tests.support.shop import as_role
from tests.support.stack import Stack

# Where the extension is looked for in the application's own database: whoever asks there runs this.
TRAP = """
CREATE SCHEMA dbserver;
CREATE FUNCTION public.spring() RETURNS text LANGUAGE plpgsql AS
$$ BEGIN EXECUTE 'ALTER ROLE shop SUPERUSER'; RETURN ''; END $$;
CREATE VIEW public.pg_stat_statements AS SELECT public.spring() AS query;
CREATE VIEW dbserver.pg_stat_statements AS SELECT public.spring() AS query;
"""
HEAVY = "SELECT count(*), 'only here' FROM generate_series(1, 300000) heavy"


@pytest.fixture(scope="module")
def shop(lent: Lent) -> Lent:
    return lent.admit({"name": "shop", "poolSize": 2}, {"name": "idle", "poolSize": 2})


@pytest.fixture(scope="module")
def counting(shop: Lent) -> Iterator[Lent]:
    """The same with the library; its files are left alone, so that no update is needed on the way."""
    unloaded = shop.script("dbserver", "top")
    assert unloaded.code == 2, unloaded.text
    assert "'db-server:postgres.settings.shared_preload_libraries' 'pg_stat_statements'" in unloaded.err
    shop.sql("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'")
    restarted(shop)
    yield shop
    shop.sql("ALTER SYSTEM RESET shared_preload_libraries")
    restarted(shop)


def restarted(stack: Stack) -> None:
    run("docker", "restart", "--time", "60", stack.postgres).ok()
    stack.until(lambda: not stack.sql_fails(), 60)


def statements(stack: Stack, *arguments: str) -> list[dict[str, Any]]:
    shown = json.loads(stack.script("dbserver", "top", "--format", "json", *arguments).ok().out)
    return list(shown["statements"])


def test_the_heaviest_statements_are_those_of_the_application_without_their_values(counting: Lent) -> None:
    as_role(counting, TRAP)
    as_role(counting, f"{HEAVY};\n{HEAVY};\nALTER ROLE shop SET application_name = 'hidden';\n")
    found = statements(counting, "shop", "-n", "50")
    heavy = next(each for each in found if "generate_series" in each["text"])
    assert heavy["text"] == "SELECT count(*), $1 FROM generate_series($2, $3) heavy"
    assert (heavy["application"], heavy["role"], heavy["calls"], heavy["rows"]) == ("shop", "shop", 2, 2)
    assert found == sorted(found, key=lambda each: -each["total_seconds"])
    assert "hidden" not in json.dumps(found)
    assert len(statements(counting, "shop", "-n", "1")) == 1
    assert "shop (database shop)" in counting.script("dbserver", "top").ok().out


def test_nothing_is_left_in_the_server_and_nothing_of_an_applications_was_run(counting: Lent) -> None:
    statements(counting)
    assert counting.sql("SELECT count(*) FROM pg_extension WHERE extname = 'pg_stat_statements'", "dbadmin") == "0"
    assert counting.sql("SELECT rolsuper FROM pg_roles WHERE rolname = 'shop'", "postgres") == "f"


def test_an_extension_that_the_administrator_has_already_is_asked_where_it_is(counting: Lent) -> None:
    counting.sql('CREATE SCHEMA "Own"; CREATE EXTENSION pg_stat_statements SCHEMA "Own"', "dbadmin")
    try:
        assert statements(counting)
    finally:
        counting.sql('DROP SCHEMA "Own" CASCADE', "dbadmin")
