"""Backups on a real server: what is in them, what comes back, what clients notice."""

import json
import time

import pytest

from bench.clients import Where, reconnecting
from tests.support.lending import Lent
from tests.support.shop import ENTRIES, SHOP, as_role, backed_up, backups, manifest, restored, rows
from tests.support.stack import Stack


@pytest.fixture(scope="module")
def shop(lent: Lent) -> Stack:
    """Two applications; the first one's database holds something of everything."""
    as_role(lent.admit(*ENTRIES), SHOP)
    return lent


def test_a_backup_says_of_what_it_is_and_is_its_users_alone(shop: Stack) -> None:
    made = backed_up(shop, "shop", "--colour", "green", "--revision", "abc123", "--note", "before 'it'")
    found = manifest(shop, made)
    assert (found["application"], found["colour"], found["revision"], found["note"]) == (
        "shop", "green", "abc123", "before 'it'",
    )  # fmt: skip
    assert ["public", "item", 1000] in found["rows"]
    assert ["pg_catalog", "pg_largeobject_metadata", 1] in found["rows"]
    directory = backups(shop) / made
    assert {path.stat().st_mode & 0o777 for path in (directory, directory / "data")} == {0o700}
    assert {path.stat().st_mode & 0o777 for path in directory.rglob("*") if path.is_file()} == {0o600}
    assert made in shop.script("dbserver", "backups", "shop").ok().out


@pytest.mark.full
def test_two_backups_of_one_second_are_two(shop: Stack) -> None:
    assert len({backed_up(shop) for _ in range(2)}) == 2


def test_a_restore_brings_back_the_rows_and_everything_that_a_dump_leaves_out(shop: Stack) -> None:
    shop.sql("ALTER DATABASE shop SET work_mem = '5MB'")
    shop.sql("ALTER ROLE shop IN DATABASE shop SET search_path = public, pg_catalog")
    shop.sql("COMMENT ON DATABASE shop IS 'the shop''s'; ALTER DATABASE shop CONNECTION LIMIT 17")
    before = properties(shop)
    made = backed_up(shop)
    as_role(shop, "DELETE FROM item WHERE id > 10; SELECT lo_unlink(4711); DROP PUBLICATION changes")
    told = restored(shop, made)
    assert rows(shop) == ["1000", "3"]
    assert properties(shop) == before
    assert as_role(shop, "SELECT convert_from(lo_get(4711), 'UTF8')") == "a large object"
    assert as_role(shop, "SELECT nextval('item_id_seq')") == "1006"
    assert as_role(shop, "SELECT pubname FROM pg_publication") == "changes"
    assert as_role(shop, "SELECT obj_description('item'::regclass)") == "what is sold"
    assert as_role(shop, "SELECT extname FROM pg_extension WHERE extname = 'pg_trgm'") == "pg_trgm"
    assert as_role(shop, "SELECT count(*) FROM pg_default_acl") == "1"
    assert {"table": "public.item", "live": 10, "backup": 1000} in told["losses"]
    shop.sql("ALTER DATABASE shop CONNECTION LIMIT -1")


def properties(stack: Stack) -> str:
    return stack.sql(
        "SELECT d.datname, pg_get_userbyid(datdba), datconnlimit, datacl, shobj_description(d.oid, 'pg_database'),"
        " encoding, datcollate, (SELECT array_agg((setrole::regrole, setconfig)::text ORDER BY setrole)"
        " FROM pg_db_role_setting WHERE setdatabase = d.oid) FROM pg_database d WHERE datname = 'shop'"
    )


def test_a_rollback_brings_back_what_was_replaced(shop: Stack) -> None:
    made = backed_up(shop)
    as_role(shop, "INSERT INTO item (name, price) VALUES ('written since', 1)")
    kept = restored(shop, made)["kept"]
    assert as_role(shop, "SELECT count(*) FROM item WHERE name = 'written since'") == "0"
    assert f"{kept}  " in shop.script("status.sh").ok().out.partition("kept ")[2]
    shop.script("dbserver", "rollback", "shop", "--confirm", "shop").ok()
    assert as_role(shop, "SELECT count(*) FROM item WHERE name = 'written since'") == "1"
    as_role(shop, "DELETE FROM item WHERE name = 'written since'")


def test_a_drill_proves_a_backup_leaves_nothing_and_is_shown_by_status(shop: Stack) -> None:
    made = backed_up(shop)
    told = json.loads(shop.script("dbserver", "drill", "shop", "--format", "json").ok().out)
    assert (told["id"], told["well"], told["tables"]) == (made, True, 3)
    assert shop.sql("SELECT count(*) FROM pg_database WHERE datname LIKE '%drill%'") == "0"
    assert shop.sql("SELECT count(*) FROM pg_roles WHERE rolname LIKE '%drill%'") == "0"
    shown = json.loads(shop.script("status.sh", "--format", "json").ok().out)["backups"]
    assert [(each["id"], bool(each["drilled"])) for each in shown if each["subject"] == "shop"] == [(made, True)]


@pytest.mark.full
def test_a_drill_of_a_damaged_backup_says_so_and_fails(shop: Stack) -> None:
    made = backed_up(shop)
    with (backups(shop) / made / "data" / "toc.dat").open("ab") as file:
        file.write(b"x")
    for verb in (["drill", "shop"], ["verify", made]):
        done = shop.script("dbserver", *verb)
        assert (done.code, "toc.dat has" in done.text) == (1, True), done.text
    shop.script("dbserver", "verify", backed_up(shop)).ok()


@pytest.mark.full
def test_the_documented_name_takes_the_newest_backup_of_that_day(shop: Stack) -> None:
    made = backed_up(shop)
    named = f"backups/shop_{time.strftime('%Y-%m-%d')}.sql"
    done = shop.script("restore-database.sh", "shop", named, "--confirm", "shop").ok()
    assert made in done.out
    assert made in done.err


def test_a_restore_asks_for_the_name_and_changes_nothing_without_it(shop: Stack) -> None:
    made = backed_up(shop)
    before = shop.sql("SELECT oid FROM pg_database WHERE datname = 'shop'")
    tried = shop.script("restore-database.sh", "shop", made)
    assert (tried.code, "--confirm shop" in tried.err) == (5, True), tried.text
    assert shop.sql("SELECT oid FROM pg_database WHERE datname = 'shop'") == before


@pytest.mark.full
def test_another_application_s_backup_is_not_taken(shop: Stack) -> None:
    made = backed_up(shop, "shop-two")
    tried = shop.script("restore-database.sh", "shop", made, "--confirm", "shop")
    assert (tried.code, "is a backup of shop-two" in tried.err) == (2, True), tried.text


@pytest.mark.full
@pytest.mark.parametrize("count", [10, 60])
def test_clients_that_connect_again_notice_a_moment_and_lose_nothing_unknown(shop: Stack, count: int) -> None:
    as_role(shop, "CREATE TABLE IF NOT EXISTS written (n int)")
    limit = shop.sql("SELECT rolconnlimit FROM pg_roles WHERE rolname = 'shop'")
    shop.sql("ALTER ROLE shop CONNECTION LIMIT 70")
    made = backed_up(shop)
    socket = f"/proc/{shop.main_pid(shop.postgres)}/root/run/postgresql/.s.PGSQL.5432"
    with reconnecting(Where(socket, "shop", "shop"), count, "INSERT INTO written VALUES (1)") as gaps:
        told = restored(shop, made)
    kept = as_role(shop, "SELECT count(*) FROM written", told["kept"])
    live = as_role(shop, "SELECT count(*) FROM written")
    assert int(kept) > 0
    assert int(live) > 0
    assert int(kept) + int(live) >= sum(gaps.answers)
    assert {"table": "public.written", "live": int(kept), "backup": 0} in told["losses"]
    assert told["away_seconds"] > 0, told
    assert gaps.longest > 0
    as_role(shop, "DROP TABLE written")
    shop.sql(f"ALTER ROLE shop CONNECTION LIMIT {limit}")
