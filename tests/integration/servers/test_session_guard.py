"""The administrator's sessions find nothing of an application's, and nothing that its owner stores ends them."""

import json
import subprocess
from collections.abc import Iterator

import pytest

from tests.support import traps
from tests.support.commands import run
from tests.support.lending import Lent
from tests.support.shop import as_role
from tests.support.stack import Stack

SHOP = {"name": "shop", "poolSize": 10, "extensions": ["pg_trgm"]}


@pytest.fixture(scope="module")
def trapped(lent: Lent) -> Lent:
    """A stack whose first application has shadowed everything in its own database, and its neighbour."""
    lent.admit(SHOP, {"name": "neighbour", "poolSize": 2})
    known = set(
        lent.sql("SELECT DISTINCT proname FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace").split()
    )
    as_role(lent, "SET client_min_messages = error;\n" + traps.traps("shop", known))
    return lent


@pytest.fixture(autouse=True)
def _no_superuser(trapped: Lent) -> Iterator[None]:
    yield
    assert superuser(trapped) == "f"


def superuser(stack: Stack) -> str:
    return stack.sql("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = 'shop'", "postgres")


def test_the_traps_are_live_for_a_session_without_the_guard(trapped: Lent) -> None:
    question = "SELECT count(*) FROM pg_roles WHERE oid = 'shop'::regrole;\n"
    run("docker", "exec", "-i", trapped.postgres, "psql", "-XAtq", "-U", "dbadmin", "-d", "shop", stdin=question)
    assert superuser(trapped) == "t"
    trapped.sql("ALTER ROLE shop NOSUPERUSER", "postgres")


VERBS = [
    "start --refresh", "list", "info shop", "status", "connections", "doctor", "backup --all",
    "prune --all --dry-run --keep-last 1",
]  # fmt: skip
# What these do is in others of them too.
LONG = ["preview", "drift", "drill shop", "backup shop", "checkpoint shop --colour green --revision 1"]


@pytest.mark.parametrize("verb", [*VERBS, *(pytest.param(verb, marks=pytest.mark.full) for verb in LONG)])
def test_no_verb_springs_a_trap(trapped: Lent, verb: str) -> None:
    done = trapped.script("dbserver", *verb.split())
    assert "Traceback" not in done.text
    assert done.code in (0, 3), done.text


@pytest.mark.full
def test_a_restore_and_its_way_back_spring_none(trapped: Lent) -> None:
    trapped.start().ok()
    trapped.script("dbserver", "backup", "shop").ok()
    trapped.script("dbserver", "restore", "shop", "latest", "--confirm", "shop").ok()
    trapped.script("dbserver", "rollback", "shop", "--confirm", "shop").ok()
    trapped.assert_clean()


MEANS = [
    "statement_timeout = 1", "lock_timeout = 1", "idle_in_transaction_session_timeout = 1", "idle_session_timeout = 1",
    "transaction_timeout = 1", "role = shop", "local_preload_libraries = 'none_such'", "search_path = public",
    "default_transaction_read_only = on", "quote_all_identifiers = on", "client_encoding = 'LATIN1'",
    "DateStyle = 'SQL, DMY'", "standard_conforming_strings = off", "transform_null_equals = on",
]  # fmt: skip


def test_nothing_that_the_owner_stores_for_his_database_stops_an_update_or_a_verb(trapped: Lent) -> None:
    for setting in MEANS:
        trapped.sql(f"ALTER DATABASE shop SET {setting}", "postgres")
    try:
        assert trapped.change(SHOP) == []
        info = json.loads(trapped.script("dbserver", "info", "shop", "--format", "json").ok().out)
        assert info["extensions"] == ["pg_trgm"]
        trapped.script("dbserver", "backup", "shop").ok()
    finally:
        trapped.sql("ALTER DATABASE shop RESET ALL", "postgres")


def test_a_lock_that_an_application_holds_is_its_own_fault_alone(trapped: Lent) -> None:
    # The role's row is locked by the open transaction of its own change: an update that alters the role waits for it.
    argv = ["docker", "exec", "-i", trapped.postgres, "psql", "-XAtq", "-U", "shop", "-d", "shop"]
    holding = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holding.stdin
    assert holding.stdout
    holding.stdin.write("BEGIN; ALTER ROLE shop PASSWORD 'held';\n\\echo held\n")
    holding.stdin.flush()
    assert holding.stdout.readline() == "held\n"
    try:
        (drift,) = trapped.change({**SHOP, "poolSize": 9})
        assert "lock timeout" in drift
        assert trapped.change({"name": "neighbour", "poolSize": 3}) == []
        holding.communicate("ROLLBACK;\n", timeout=60)
        limit = "SELECT rolconnlimit FROM pg_roles WHERE rolname = '{}'"
        assert [trapped.sql(limit.format(name)) for name in ("shop", "neighbour")] == ["20", "6"]
        assert trapped.change({**SHOP, "poolSize": 9}) == []
        assert trapped.sql(limit.format("shop")) == "18"
    finally:
        holding.kill()


def test_a_database_that_its_owner_made_a_template_and_emptied_is_still_his(trapped: Lent) -> None:
    trapped.admit({"name": "third", "poolSize": 1})
    trapped.sql("ALTER DATABASE third IS_TEMPLATE true")
    trapped.sql("DROP SCHEMA public CASCADE", "third")
    assert trapped.change({"name": "third", "poolSize": 1}) == []
    others = [entry for entry in trapped.config["applications"] if entry["name"] != "third"]
    trapped.configure(applications=others)
    trapped.script("dbserver", "drop", "third", "--confirm", "third").ok()
    assert trapped.sql("SELECT count(*) FROM pg_database WHERE datname = 'third'") == "0"
