"""What goes wrong with a restore: the live database stays the whole old one, open to everybody, and it is said."""

import json
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.support import damage, disk, interrupted
from tests.support.commands import Ran
from tests.support.shop import as_role, backed_up, backups, forget_kept, manifest, restored, rows
from tests.support.stack import Stack

ALL = ["1000", "3"]
CHECKED = """
CREATE TABLE limits (most numeric);
INSERT INTO limits VALUES (100);
CREATE FUNCTION allowed(price numeric) RETURNS boolean LANGUAGE plpgsql AS
 'BEGIN RETURN price <= (SELECT max(most) FROM limits); END';
CREATE TABLE offer (price numeric CHECK (allowed(price)));
INSERT INTO offer VALUES (1), (2);
"""


@pytest.fixture(scope="module")
def backup(shop: Stack) -> str:
    """A good backup of the shop."""
    return backed_up(shop)


@pytest.fixture(autouse=True)
def _as_it_was(shop: Stack) -> Iterator[None]:
    """Whatever a test does, the shop is whole after it, and nothing is left of what failed."""
    yield
    assert rows(shop) == ALL
    assert interrupted.left_in_the_server(shop) == []
    assert interrupted.left_in_the_directory(shop) == []


def oid(stack: Stack) -> str:
    return stack.sql("SELECT oid FROM pg_database WHERE datname = 'shop'")


def refused(stack: Stack, backup: str, code: int, cause: str) -> Ran:
    """A restore that does not happen: the live database is the very same one."""
    before = oid(stack)
    done = stack.script("restore-database.sh", "shop", backup, "--confirm", "shop")
    assert (done.code, cause in done.err) == (code, True), done.text
    assert "unexpected" not in done.err
    assert oid(stack) == before
    assert rows(stack) == ALL
    return done


@pytest.mark.parametrize("kind", damage.DAMAGES)
def test_a_damaged_backup_is_neither_verified_nor_restored(shop: Stack, backup: str, kind: str) -> None:
    directory = damage.rewritten(shop, backup, "shop_2026-01-01T00-00-00Z")
    damage.DAMAGES[kind](directory)
    try:
        refused(shop, directory.name, 1, "cannot be read" if "cannot be read" in kind else "is damaged")
        verified = shop.script("dbserver", "verify", directory.name)
        assert verified.code == 1, verified.text
    finally:
        shutil.rmtree(directory)


def test_rows_that_are_not_those_of_the_manifest_are_a_restore_that_failed(shop: Stack, backup: str) -> None:
    directory = damage.rewritten(shop, backup, "shop_2026-01-02T00-00-00Z", rows=(("public", "item", 1001),))
    refused(shop, directory.name, 1, "public.item: 1000 instead of 1001")
    shutil.rmtree(directory)


def test_objects_that_are_not_those_of_the_manifest_are_a_restore_that_failed(shop: Stack, backup: str) -> None:
    known = manifest(shop, backup)["properties"]
    more = {**known, "objects": {**known["objects"], "triggers": known["objects"].get("triggers", 0) + 1}}
    directory = damage.rewritten(shop, backup, "shop_2026-01-02T00-00-00Z", properties=more)
    refused(shop, directory.name, 1, f"triggers instead of {more['objects']['triggers']}")
    shutil.rmtree(directory)


def test_faults_6_7_and_21_a_check_that_needs_a_search_path_does_not_cost_the_live_database(shop: Stack) -> None:
    as_role(shop, CHECKED)
    made = backed_up(shop)
    said = (
        "in function public.allowed(numeric): a dump is restored without a search_path, so it has to say public.limits"
    )
    refused(shop, made, 1, f'relation "limits" does not exist, {said}')
    as_role(shop, "DROP TABLE offer; DROP FUNCTION allowed; DROP TABLE limits")


@pytest.mark.full
def test_fault_10_the_latest_is_that_of_the_application(shop: Stack) -> None:
    own = backed_up(shop)
    backed_up(shop, "shop-two")
    assert restored(shop, "latest")["backup"] == own


def test_fault_10_another_application_s_backup_is_not_taken(shop: Stack) -> None:
    other = backed_up(shop, "shop-two")
    refused(shop, other, 2, "is a backup of shop-two")
    refused(shop, str(backups(shop) / other), 2, "is a backup of shop-two")


def test_fault_13_a_backup_of_a_newer_server_is_refused(shop: Stack, backup: str) -> None:
    directory = damage.rewritten(shop, backup, "shop_2026-01-03T00-00-00Z", server_major=99)
    refused(shop, directory.name, 5, "is of PostgreSQL 99")
    shutil.rmtree(directory)


def test_fault_15_a_role_that_is_gone_comes_back_with_its_grants(shop: Stack) -> None:
    shop.sql("CREATE ROLE reader CONNECTION LIMIT 3; GRANT CONNECT ON DATABASE shop TO reader")
    as_role(shop, "GRANT SELECT ON item TO reader")
    made = backed_up(shop)
    shop.sql("DROP OWNED BY reader; REVOKE CONNECT ON DATABASE shop FROM reader", "shop")
    forget_kept(shop)
    shop.sql("DROP ROLE reader")
    restored(shop, made)
    assert as_role(shop, "SELECT has_table_privilege('reader', 'item', 'SELECT')") == "t"
    assert as_role(shop, "SELECT has_database_privilege('reader', 'shop', 'CONNECT')") == "t"
    assert as_role(shop, "SELECT rolconnlimit, rolcanlogin FROM pg_roles WHERE rolname = 'reader'") == "3|f"
    assert as_role(shop, "SELECT tableowner FROM pg_tables WHERE tablename = 'item'") == "shop"


@pytest.mark.full
def test_fault_16_clients_in_the_midst_of_transactions_are_no_obstacle(shop: Stack, backup: str) -> None:
    argv = ["docker", "exec", "-i", shop.postgres, "psql", "-XAtq", "-U", "shop", "-d", "shop"]
    clients = [subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    for client in clients:
        assert client.stdin
        assert client.stdout
        client.stdin.write("BEGIN; LOCK TABLE item IN ROW EXCLUSIVE MODE;\n\\echo in\n")
        client.stdin.flush()
        assert client.stdout.readline() == "in\n"
    restored(shop, backup)
    for client in clients:
        client.communicate("SELECT 'still here';\n", timeout=60)
        assert client.returncode != 0


@pytest.mark.full
def test_a_live_table_that_cannot_be_read_is_what_a_restore_is_for(shop: Stack, backup: str) -> None:
    as_role(shop, "CREATE TABLE damaged AS SELECT 1 AS n")
    path = as_role(shop, "SELECT pg_relation_filepath('damaged')")
    shop.sql("CHECKPOINT")
    (shop.data / "postgres" / path).unlink()
    told = shop.script("restore-database.sh", "shop", backup, "--confirm", "shop", "--format", "json").ok()
    assert "the live rows cannot be counted: " in told.err
    assert "could not open file" in json.loads(told.out)["unknown"]
    forget_kept(shop)


@pytest.mark.full
def test_a_live_table_that_somebody_holds_locked_is_no_obstacle(shop: Stack, backup: str) -> None:
    argv = ["docker", "exec", "-i", shop.postgres, "psql", "-XAtq", "-U", "shop", "-d", "shop"]
    client = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert client.stdin
    assert client.stdout
    client.stdin.write("BEGIN; LOCK TABLE item;\n\\echo in\n")
    client.stdin.flush()
    assert client.stdout.readline() == "in\n"
    done = shop.script("restore-database.sh", "shop", backup, "--confirm", "shop", "--format", "json").ok()
    client.communicate(timeout=60)
    assert "lock timeout" in done.err
    assert json.loads(done.out)["unknown"] == ""


def test_fault_16_a_prepared_transaction_is_named_and_refused(shop: Stack, backup: str) -> None:
    as_role(shop, "BEGIN; DELETE FROM item; PREPARE TRANSACTION 'half-done'")
    refused(shop, backup, 5, "prepared transaction 'half-done'")
    as_role(shop, "ROLLBACK PREPARED 'half-done'")


@pytest.mark.full
def test_a_rollback_that_a_prepared_transaction_stands_in_the_way_of_cuts_nobody_off(shop: Stack, backup: str) -> None:
    restored(shop, backup)
    as_role(shop, "BEGIN; DELETE FROM item; PREPARE TRANSACTION 'half-done'")
    argv = ["docker", "exec", "-i", shop.postgres, "psql", "-XAtq", "-U", "shop", "-d", "shop"]
    client = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert client.stdin
    assert client.stdout
    client.stdin.write("\\echo in\n")
    client.stdin.flush()
    assert client.stdout.readline() == "in\n"
    before = oid(shop)
    done = shop.script("dbserver", "rollback", "shop", "--confirm", "shop")
    assert (done.code, "prepared transaction 'half-done'" in done.err) == (5, True), done.text
    assert oid(shop) == before
    told, _ = client.communicate("SELECT 'still here';\n", timeout=60)
    assert (client.returncode, told) == (0, "still here\n")
    as_role(shop, "ROLLBACK PREPARED 'half-done'")


def test_fault_23_a_logical_slot_is_named_and_refused(shop: Stack, backup: str) -> None:
    shop.sql("SELECT pg_create_logical_replication_slot('feed', 'pgoutput')", "shop")
    refused(shop, backup, 5, "logical replication slot feed")
    shop.sql("SELECT pg_drop_replication_slot('feed')", "shop")


@pytest.mark.full
def test_a_subscription_is_named_and_refused_and_of_a_backup_not_brought_back(shop: Stack) -> None:
    shop.sql("CREATE SUBSCRIPTION feed CONNECTION 'dbname=shop' PUBLICATION p WITH (connect = false)", "shop")
    made = backed_up(shop)
    refused(shop, made, 5, "subscription feed")
    shop.script("dbserver", "drill", "shop").ok()
    shop.sql("ALTER SUBSCRIPTION feed SET (slot_name = NONE); DROP SUBSCRIPTION feed", "shop")
    restored(shop, made)
    assert shop.sql("SELECT count(*) FROM pg_subscription") == "0"


def test_fault_24_an_extension_that_the_server_lacks_is_named_and_refused(shop: Stack, backup: str) -> None:
    known = manifest(shop, backup)["properties"]
    missing = [*known["extensions"], {"name": "postgis", "version": "3.5", "schema": "public"}]
    properties = {**known, "extensions": missing}
    directory = damage.rewritten(shop, backup, "shop_2026-01-04T00-00-00Z", properties=properties)
    refused(shop, directory.name, 5, "postgis")
    shutil.rmtree(directory)


def test_too_little_disk_for_both_databases_is_refused(shop: Stack, backup: str) -> None:
    with disk.filled(shop.data, left=4096 * disk.KIB):
        refused(shop, backup, 5, "too little disk for both databases")


def test_fault_5_a_disk_that_fills_up_during_a_restore_costs_nothing(shop: Stack, backup: str) -> None:
    with interrupted.stopped(shop, "--exit-on-error", "restore", "shop", backup, "--confirm", "shop") as process:
        disk.fill(shop.data / "filler", left=0)
    printed, _ = process.communicate(timeout=240)
    (shop.data / "filler").unlink()
    assert process.returncode == 1, printed
    assert "unexpected" not in printed
    shop.until(lambda: not shop.sql_fails(), what="the server")
    assert rows(shop) == ALL
    restored(shop, backup)


def test_fault_17_a_command_that_dies_in_the_swap_locks_nobody_out(shop: Stack, backup: str) -> None:
    # The rename waits for a client that nobody ends any more: the command is gone before it could.
    before = oid(shop)
    argv = ["docker", "exec", "-i", shop.postgres, "psql", "-XAtq", "-U", "shop", "-d", "shop"]
    client = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    done = interrupted.killed(shop, "pg_terminate_backend(pid)", "restore", "shop",
                              backup, "--confirm", "shop")  # fmt: skip
    assert done.code < 0, done.text
    # What the command had sent goes on in the server until it gives up; without that client it would still succeed.
    shop.until(lambda: len(interrupted.programs(shop, "psql")) == 1, 30, what="the end of what the command left")
    client.communicate("", timeout=60)
    shop.until(lambda: not interrupted.sessions(shop), 20, what="the end of our sessions")
    assert rows(shop) == ALL
    assert shop.sql("SELECT datallowconn, datconnlimit <> -2 FROM pg_database WHERE datname = 'shop'") == "t|t"
    assert oid(shop) == before
    restored(shop, backup)


@pytest.mark.full
def test_two_restores_at_once_are_one_and_a_refused_one(shop: Stack, backup: str) -> None:
    arguments = ("restore", "shop", backup, "--confirm", "shop")
    with interrupted.stopped(shop, "--exit-on-error", *arguments) as process:
        refused(shop, backup, 4, f"(pid {process.pid}) is at work")
    printed, _ = process.communicate(timeout=120)
    assert process.returncode == 0, printed


def test_a_backup_during_a_restore_is_refused_and_one_of_another_application_is_made(shop: Stack, backup: str) -> None:
    arguments = ("restore", "shop", backup, "--confirm", "shop")
    with interrupted.stopped(shop, "--exit-on-error", *arguments) as process:
        before = interrupted.made(shop)
        done = shop.script("backup-database.sh", "shop")
        assert (done.code, f"(pid {process.pid}) is at work" in done.err) == (4, True), done.text
        assert interrupted.made(shop) == before
        backed_up(shop, "shop-two")
    printed, _ = process.communicate(timeout=120)
    assert process.returncode == 0, printed


def test_a_server_that_is_killed_during_a_restore_has_the_whole_old_database(shop: Stack, backup: str) -> None:
    before = oid(shop)
    with interrupted.stopped(shop, "--exit-on-error", "restore", "shop", backup, "--confirm", "shop") as process:
        shop.kill(shop.postgres)
    printed, _ = process.communicate(timeout=120)
    assert process.returncode in {1, 3}, printed
    assert "unexpected" not in printed
    shop.until(lambda: not shop.sql_fails(), what="the server again")
    assert (oid(shop), rows(shop)) == (before, ALL)
    restored(shop, backup)
