"""What goes wrong during a backup: nothing that looks like one is left, nobody works for it, the exit code is true."""

import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import disk, interrupted
from tests.support.commands import Ran
from tests.support.shop import backed_up, backups
from tests.support.stack import Stack

BULK = (
    "DROP TABLE IF EXISTS bulk; CREATE TABLE bulk AS"
    " SELECT n, md5(random()::text) || md5(random()::text) AS text FROM generate_series(1, 600000) n"
)


@contextmanager
def migration(stack: Stack, table: str = "item") -> Iterator["subprocess.Popen[str]"]:
    """A session that holds a table's strongest lock, as a migration does."""
    argv = ["docker", "exec", "-i", stack.postgres, "psql", "-XAtq", "-U", "dbadmin", "-d", "shop"]
    session = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert session.stdin
    assert session.stdout
    session.stdin.write(f"BEGIN; LOCK TABLE {table};\n\\echo locked\n")
    session.stdin.flush()
    assert session.stdout.readline() == "locked\n"
    try:
        yield session
    finally:
        session.stdin.close()
        session.wait(60)


def still_there(session: "subprocess.Popen[str]") -> bool:
    assert session.stdin
    assert session.stdout
    session.stdin.write("SELECT 'here';\n")
    session.stdin.flush()
    return session.stdout.readline() == "here\n"


def refused(stack: Stack, cause: str, *flags: str, application: str = "shop") -> Ran:
    """A backup that fails: its exit code says so, in one line why, and nothing is left of it."""
    before = interrupted.made(stack)
    done = stack.script("backup-database.sh", application, *flags)
    assert done.code == 1, done.text
    assert cause in next(line for line in done.err.splitlines() if line.startswith("error: ")), done.text
    assert interrupted.made(stack) == before
    assert interrupted.left_in_the_directory(stack) == []
    interrupted.assert_quiet(stack)
    return done


@contextmanager
def frozen_dump(stack: Stack) -> Iterator["subprocess.Popen[str]"]:
    """A backup whose pg_dump and both its workers stand still in the midst of their work."""
    stack.sql(BULK, "shop_two")
    script = str(stack.project / "scripts" / "dbserver")
    with interrupted.slow(stack):
        process = stack.popen(script, "backup", "shop-two", "--jobs", "2")
        while len(working := interrupted.programs(stack, "pg_dump")) < 3:
            assert process.poll() is None, process.communicate()
        for each in working:
            each.send_signal(signal.SIGSTOP)
    yield process
    stack.until(lambda: not stack.sql_fails(), what="the server")
    stack.sql("DROP TABLE bulk", "shop_two")


def test_fault_1_a_pg_dump_that_is_killed_is_a_backup_that_failed(shop: Stack) -> None:
    before = interrupted.made(shop)
    with frozen_dump(shop) as process:
        leader = min(interrupted.programs(shop, "pg_dump"), key=lambda each: each.create_time())
        leader.kill()
        for each in interrupted.programs(shop, "pg_dump"):
            each.send_signal(signal.SIGCONT)
        printed, _ = process.communicate(timeout=120)
        assert process.returncode == 1, printed
        assert "error: shop-two was not backed up" in printed
    assert interrupted.made(shop) == before
    assert interrupted.left_in_the_directory(shop) == []
    interrupted.assert_quiet(shop)


def test_fault_5_a_full_disk_is_a_backup_that_failed(shop: Stack) -> None:
    shop.sql(BULK, "shop_two")
    with disk.filled(backups(shop), left=2048 * disk.KIB):
        before = interrupted.made(shop)
        done = shop.script("backup-database.sh", "shop-two")
        assert done.code == 1, done.text
        assert "No space left on device" in done.err
        assert interrupted.made(shop) == before
    assert interrupted.left_in_the_directory(shop) == []
    backed_up(shop, "shop-two")
    shop.sql("DROP TABLE bulk", "shop_two")


def test_fault_5_a_disk_that_is_full_when_the_manifest_is_written_holds_no_backup(shop: Stack) -> None:
    before = interrupted.made(shop)
    with interrupted.stopped(shop, "manifest.json.new", "backup", "shop") as process:
        disk.fill(backups(shop) / "filler", left=0)
    printed, _ = process.communicate(timeout=60)
    (backups(shop) / "filler").unlink()
    assert process.returncode == 1, printed
    assert "No space left on device" in printed
    assert "Traceback" not in printed
    assert "unexpected" not in printed
    assert interrupted.made(shop) == before
    assert interrupted.left_in_the_directory(shop) == []


def test_a_disk_that_has_become_read_only_is_a_backup_that_failed(shop: Stack) -> None:
    with disk.read_only(backups(shop)):
        done = refused(shop, "Read-only file system")
    assert "unexpected" not in done.err


def test_fault_11_a_second_backup_on_one_day_leaves_the_first_as_it_was(shop: Stack) -> None:
    first = backed_up(shop)
    before = {path: path.read_bytes() for path in (backups(shop) / first).rglob("*") if path.is_file()}
    second = backed_up(shop)
    assert first != second
    assert {path: path.read_bytes() for path in (backups(shop) / first).rglob("*") if path.is_file()} == before


def test_fault_12_the_host_s_own_pg_dump_is_never_used(shop: Stack, tmp_path: Path) -> None:
    for name in ("pg_dump", "pg_restore", "psql"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 99\n")
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = shop.script("backup-database.sh", "shop", env={**shop.env(), "PATH": path}).ok()
    backup = done.out.split(":")[0]
    shop.script("dbserver", "verify", backup, env={**shop.env(), "PATH": path}).ok()


@pytest.mark.full
def test_fault_18_a_backup_waits_ten_seconds_for_a_migration_s_lock_and_no_longer(shop: Stack) -> None:
    with migration(shop) as session:
        refused(shop, "lock")
        assert still_there(session)
    backed_up(shop)


@pytest.mark.full
@pytest.mark.parametrize("whole_group", [True, False], ids=["with everything it started", "alone"])
def test_fault_19_a_command_that_is_killed_leaves_no_dump_at_work(shop: Stack, *, whole_group: bool) -> None:
    with migration(shop) as session:
        process = shop.popen(str(shop.project / "scripts" / "dbserver"), "backup", "shop")
        shop.until(lambda: interrupted.programs(shop, "pg_dump"), 60, what="a dump")
        end = os.killpg if whole_group else os.kill
        end(process.pid, signal.SIGKILL)
        process.wait(60)
        interrupted.assert_quiet(shop)
        assert still_there(session)
    backed_up(shop)
    assert interrupted.left_in_the_directory(shop) == []


@pytest.mark.full
def test_fault_19_workers_that_write_end_with_the_command_too(shop: Stack) -> None:
    with frozen_dump(shop) as process:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(60)
        for each in interrupted.programs(shop, "pg_dump"):
            each.send_signal(signal.SIGCONT)
        interrupted.assert_quiet(shop)
    backed_up(shop, "shop-two")
    assert interrupted.left_in_the_directory(shop) == []


def test_fault_20_a_backup_made_on_a_terminal_is_whole(shop: Stack) -> None:
    terminal, inside = pty.openpty()
    before = interrupted.made(shop)
    try:
        argv = [str(shop.project / "scripts" / "backup-database.sh"), "shop"]
        process = subprocess.Popen(argv, stdin=inside, stdout=inside, stderr=inside, env=shop.env())
        assert process.wait(120) == 0
    finally:
        os.close(terminal)
        os.close(inside)
    (made,) = interrupted.made(shop) - before
    shop.script("dbserver", "verify", made).ok()


@pytest.mark.parametrize(
    "blow", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.full)], ids=lambda each: each.name
)
def test_a_backup_that_is_interrupted_cleans_up_after_itself(shop: Stack, blow: signal.Signals) -> None:
    before = interrupted.made(shop)
    with migration(shop) as session:
        process = shop.popen(str(shop.project / "scripts" / "dbserver"), "backup", "shop")
        shop.until(lambda: interrupted.programs(shop, "pg_dump"), 60, what="a dump")
        os.killpg(process.pid, blow)
        printed, _ = process.communicate(timeout=60)
        assert process.returncode == 1, printed
        interrupted.assert_quiet(shop)
        assert still_there(session)
    assert interrupted.made(shop) == before
    assert interrupted.left_in_the_directory(shop) == []


@pytest.mark.full
def test_a_backup_ends_with_the_server_that_is_killed(shop: Stack) -> None:
    before = interrupted.made(shop)
    with frozen_dump(shop) as process:
        shop.kill(shop.postgres)
        printed, _ = process.communicate(timeout=120)
        assert process.returncode == 1, printed
        assert "error: " in printed
        assert "unexpected" not in printed
        shop.until(lambda: not shop.sql_fails(), what="the server again")
    assert interrupted.made(shop) == before
    assert interrupted.left_in_the_directory(shop) == []
    backed_up(shop)


@pytest.mark.full
def test_what_another_application_s_dead_run_left_is_left_to_it(shop: Stack) -> None:
    interrupted.killed(shop, "manifest.json.new", "backup", "shop-two")
    left = interrupted.left_in_the_directory(shop)
    assert [name.startswith(".shop-two_") for name in left] == [True]
    backed_up(shop, "shop")
    assert interrupted.left_in_the_directory(shop) == left
    backed_up(shop, "shop-two")
    assert interrupted.left_in_the_directory(shop) == []
