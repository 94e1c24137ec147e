"""Which backups there are and stay, on a real server: of everything, before deployments, pruned, pinned."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dbserver import locks
from dbserver.conversation import Conversation
from dbserver.postgres import commands, swap
from tests.support.commands import Ran, run
from tests.support.lending import Lent
from tests.support.stack import Stack

SHOP, TWO = {"name": "shop", "poolSize": 2}, {"name": "shop-two", "poolSize": 2}
FILL = "CREATE TABLE IF NOT EXISTS item AS SELECT n FROM generate_series(1, 100) n"


@pytest.fixture(scope="module")
def shop(lent: Lent) -> Lent:
    """Two applications whose names begin alike."""
    as_owner(lent.admit(SHOP, TWO), FILL)
    return lent


@pytest.fixture(autouse=True)
def _no_backups(shop: Stack) -> Iterator[None]:
    yield
    for path in directory(shop).iterdir():
        run("rm", "-rf", str(path)).ok()


def directory(stack: Stack) -> Path:
    return stack.project / "backups"


def as_owner(stack: Stack, sql: str) -> str:
    options = ["-XAtq", "-v", "ON_ERROR_STOP=1", "-U", "shop", "-d", "shop"]
    return run("docker", "exec", "-i", stack.postgres, "psql", *options, stdin=sql).ok().out.strip()


def verb(stack: Stack, *arguments: str, code: int = 0) -> dict[str, Any]:
    done = stack.script("dbserver", *arguments, "--format", "json")
    assert done.code == code, done.text
    return dict(json.loads(done.out))


def backed_up(stack: Stack, application: str = "shop") -> str:
    return str(verb(stack, "backup", application)["backups"][0]["id"])


def there(stack: Stack) -> set[str]:
    return {path.name for path in directory(stack).iterdir()}


# Of everything ----------------------------------------------------------------------


@pytest.fixture
def odd(shop: Stack) -> Iterator[None]:
    """Beside the applications: a database of nobody, one that a restore has put there, a role with settings."""
    shop.sql('CREATE DATABASE "Odd/name"')
    shop.sql("CREATE DATABASE beside")
    shop.sql(swap.REGISTRY + swap.register("beside", "shop", swap.KEPT, ""), "dbadmin")
    shop.sql("CREATE ROLE visitor LOGIN PASSWORD 'pass' CONNECTION LIMIT 3; ALTER ROLE visitor SET work_mem = '5MB'")
    shop.sql('ALTER ROLE visitor IN DATABASE "Odd/name" SET search_path = a, "B c"')
    yield
    shop.sql("DELETE FROM dbserver.database WHERE name = 'beside'", "dbadmin")
    for statement in ('DROP DATABASE "Odd/name"', "DROP DATABASE beside", "DROP ROLE IF EXISTS visitor"):
        shop.sql(statement)


@pytest.mark.usefixtures("odd")
def test_everything_is_found_by_itself_and_one_that_fails_stops_none_of_the_others(shop: Stack) -> None:
    shop.sql('ALTER DATABASE "Odd/name" ALLOW_CONNECTIONS false')
    failing = verb(shop, "backup", "--all", code=1)
    assert [each["subject"] for each in failing["failed"]] == ["database.Odd%2Fname"]
    assert "not currently accepting connections" in failing["failed"][0]["cause"]
    assert failing["well"] is False
    shop.sql('ALTER DATABASE "Odd/name" ALLOW_CONNECTIONS true')
    made = {each["subject"]: each for each in verb(shop, "backup", "--all")["backups"]}
    others = {"database.dbadmin", "database.postgres", "server.globals"}
    assert set(made) == {"shop", "shop-two", "database.Odd%2Fname", *others}
    assert {each["subject"] for each in failing["backups"]} == set(made) - {"database.Odd%2Fname"}
    assert made["shop"]["rows"] == 100
    for subject in ("shop", "database.Odd%2Fname", "server.globals"):
        assert verb(shop, "verify", made[subject]["id"])["well"]


@pytest.mark.full
@pytest.mark.usefixtures("odd")
def test_roles_come_back_from_the_globals_with_password_and_settings(shop: Stack) -> None:
    state = (
        "SELECT rolpassword, rolconnlimit, (SELECT array_agg((setdatabase, setconfig)::text ORDER BY setdatabase)"
        " FROM pg_db_role_setting WHERE setrole = a.oid) FROM pg_authid a WHERE rolname = 'visitor'"
    )
    before = shop.sql(state)
    made = verb(shop, "backup", "--all")["backups"][-1]["id"]
    files = [directory(shop) / made / name for name in ("globals.sql", "settings.sql")]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    shop.sql("DROP ROLE visitor")
    argv = ["docker", "exec", "-i", shop.postgres, "psql", "-Xq", "-U", "dbadmin", "-d", "postgres"]
    for file in files:
        run(*argv, stdin=file.read_text()).ok()
    assert shop.sql(state) == before


@pytest.mark.full
def test_globals_that_are_cut_off_are_no_backup(shop: Stack) -> None:
    made = verb(shop, "backup", "--all")["backups"][-1]["id"]
    file = directory(shop) / made / "globals.sql"
    file.write_text(file.read_text()[:200])
    assert verb(shop, "verify", made, code=1)["faults"]


@pytest.mark.full
def test_a_newest_backup_that_was_found_damaged_is_told_until_another_one_is_made(shop: Stack) -> None:
    made = backed_up(shop)
    assert [each["damaged"] for each in verb(shop, "status")["backups"] if each["subject"] == "shop"] == [False]
    (directory(shop) / made / "data" / "toc.dat").write_bytes(b"")
    verb(shop, "verify", made, code=1)
    assert [each["damaged"] for each in verb(shop, "status", code=3)["backups"] if each["subject"] == "shop"] == [True]
    assert f"DAMAGED: ./scripts/dbserver verify {made}" in shop.script("status.sh").out
    again = ("backup", "shop", "--stack", shop.name)
    assert f"./scripts/dbserver {' '.join(again)}" in shop.script("dbserver", "doctor").out
    metrics = shop.script("status.sh", "--format", "prometheus").out
    assert f'dbserver_backup_damaged{{stack="{shop.name}",subject="shop"}} 1.0' in metrics
    shop.script("dbserver", *again).ok()
    assert verb(shop, "status")["well"] is True
    assert "is damaged" not in shop.script("dbserver", "doctor").out


@pytest.mark.parametrize("arguments", [(), ("shop", "--all")])
def test_an_application_and_all_of_them_exclude_each_other(shop: Stack, arguments: tuple[str, ...]) -> None:
    for name in ("backup", "prune"):
        assert shop.script("dbserver", name, *arguments).code == 2


# Before a deployment ----------------------------------------------------------------


def test_a_checkpoint_is_a_proved_backup_and_prints_its_id_alone(shop: Stack) -> None:
    done = shop.script("dbserver", "checkpoint", "shop", "--colour", "green", "--revision", "abc123").ok()
    (found,) = verb(shop, "backups", "shop")["backups"]
    assert done.out == f"{found['id']}\n"
    assert (found["colour"], found["revision"], found["verified"] != "") == ("green", "abc123", True)
    as_owner(shop, "DELETE FROM item WHERE n > 5")
    assert shop.script("dbserver", "restore", "shop", "latest", "--checkpoint", found["id"]).code == 2
    assert shop.script("dbserver", "restore", "shop").code == 2
    assert verb(shop, "restore", "shop", "--checkpoint", found["id"], "--confirm", "shop")["backup"] == found["id"]
    assert as_owner(shop, "SELECT count(*) FROM item") == "100"


# Which stay -------------------------------------------------------------------------


@pytest.mark.full
def test_what_no_rule_keeps_goes_and_nothing_of_another_application(shop: Stack) -> None:
    made, other = [backed_up(shop) for _ in range(4)], backed_up(shop, "shop-two")
    pinned = made[0]
    assert verb(shop, "pin", pinned)["pinned"]
    refused = shop.script("dbserver", "prune", "shop")
    assert (refused.code, "--keep-last 7" in refused.err) == (2, True), refused.text
    before = there(shop)
    told = verb(shop, "prune", "shop", "--keep-last", "1", "--minimum", "1", "--dry-run")
    assert there(shop) == before
    assert {each["id"]: (each["kept"], each["reason"]) for each in told["backups"]} == {
        made[3]: (True, "newest"), made[2]: (False, "no rule keeps it"),
        made[1]: (False, "no rule keeps it"), pinned: (True, "pinned"),
    }  # fmt: skip
    assert verb(shop, "prune", "shop", "--keep-last", "1", "--minimum", "1")["backups"] == told["backups"]
    assert there(shop) == {made[3], pinned, other}
    assert not verb(shop, "unpin", pinned)["pinned"]
    shown = shop.script("dbserver", "prune", "--all", "--keep-last", "1").ok().out
    assert f"kept {pinned} minimum of good ones" in [" ".join(line.split()) for line in shown.splitlines()]
    verb(shop, "prune", "--all", "--keep-last", "1", "--minimum", "1")
    assert there(shop) == {made[3], other}


def test_nothing_is_pruned_while_the_application_is_worked_on(shop: Stack) -> None:
    made = [backed_up(shop), backed_up(shop)]
    rules = ("--keep-last", "1", "--minimum", "1")
    with locks.held(f"{shop.name}.shop", "backup"):
        assert prune(shop, "shop", *rules).code == 4
        assert prune(shop, "--all", *rules).code == 1
    assert there(shop) == set(made)


def prune(stack: Stack, *arguments: str) -> Ran:
    return stack.script("dbserver", "prune", *arguments)


@pytest.mark.full
def test_databases_that_restores_replaced_go_after_a_week_and_no_others(shop: Stack) -> None:
    made = backed_up(shop)
    kept = [verb(shop, "restore", "shop", made, "--confirm", "shop")["kept"] for _ in range(2)]
    shop.sql("CREATE DATABASE shop__old_by_hand")
    shop.sql(f"UPDATE dbserver.database SET since = now() - interval '8 days' WHERE name = '{kept[0]}'", "dbadmin")
    rules = ("--keep-last", "9")
    told = verb(shop, "prune", "--all", *rules, "--dry-run")["databases"]
    assert {each["name"]: each["kept"] for each in told if each["name"] in kept} == {kept[0]: False, kept[1]: True}
    verb(shop, "prune", "shop-two", *rules)
    verb(shop, "prune", "shop-three", *rules, code=2)
    verb(shop, "prune", "shop", *rules)
    names = shop.sql("SELECT datname FROM pg_database").split()
    assert {kept[1], "shop__old_by_hand", "shop"} <= set(names)
    assert kept[0] not in names
    verb(shop, "prune", "shop", *rules, "--old-databases-days", "0")
    names = shop.sql("SELECT datname FROM pg_database").split()
    assert kept[1] not in names
    assert shop.sql("SELECT count(*) FROM dbserver.database", "dbadmin") == "0"
    shop.sql("DROP DATABASE shop__old_by_hand")


@pytest.mark.full
def test_what_restores_replaced_goes_by_itself_after_a_week_unless_somebody_is_in_it(shop: Stack) -> None:
    made = backed_up(shop)
    kept = [verb(shop, "restore", "shop", made, "--confirm", "shop")["kept"] for _ in range(2)]
    assert {each["name"]: each["kept"] for each in verb(shop, "list")["applications"]}["shop"][-2:] == kept
    assert [each["name"] for each in verb(shop, "status")["servers"][0]["postgres"]["kept"]][-2:] == kept
    old = ", ".join(f"'{name}'" for name in kept)
    shop.sql(f"UPDATE dbserver.database SET since = now() - interval '8 days' WHERE name IN ({old})", "dbadmin")
    with closing(Conversation(commands.psql(shop.postgres, "dbadmin", kept[1]))) as inside:
        assert inside.ask("SELECT 'in';\n\\echo .\n", ".", 10).stdout.split() == ["in"]
        assert verb(shop, "backup", "shop")["removed"] == [kept[0]]
        names = set(shop.sql("SELECT datname FROM pg_database").split())
        assert {"shop", "shop_two", kept[1]} <= names
        assert kept[0] not in names
    again = verb(shop, "restore", "shop", made, "--confirm", "shop")
    assert again["removed"] == [kept[1]]
    assert verb(shop, "info", "shop")["kept"][-1] == again["kept"]
    verb(shop, "prune", "shop", "--keep-last", "9", "--old-databases-days", "0")


# Before a drop ----------------------------------------------------------------------


@pytest.mark.full
def test_what_is_dropped_comes_back_from_the_backup_that_was_made_before(shop: Lent) -> None:
    made = backed_up(shop)
    verb(shop, "restore", "shop", made, "--confirm", "shop")  # the replaced database is the role's too
    shop.configure(applications=[TWO])
    told = verb(shop, "drop", "shop", "--confirm", "shop")
    assert shop.sql("SELECT count(*) FROM pg_database WHERE datname LIKE 'shop\\_\\_%'") == "0"
    assert shop.sql("SELECT count(*) FROM pg_roles WHERE rolname = 'shop'") == "0"
    assert verb(shop, "verify", told["backup"])["well"]
    shop.admit(SHOP)
    verb(shop, "restore", "shop", "latest", "--confirm", "shop")
    assert as_owner(shop, "SELECT count(*) FROM item") == "100"
