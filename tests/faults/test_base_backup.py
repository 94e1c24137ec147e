"""A base backup that is interrupted in the middle, by the end of the archive or of the server: nothing half remains."""

import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import psutil
import pytest

from dbserver import moment as moments
from tests.support.archived import archive, archived, archiver, line
from tests.support.commands import run
from tests.support.stack import Stack

FAILED = 1
BALLAST = "$PGDATA/ballast"
BALLAST_MB = 300


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A server with so much data that its copy takes a while, and an archive."""
    stack = archived(Stack(tmp_path_factory.mktemp("archive")))
    fill = f"head -c {BALLAST_MB}M /dev/urandom >{BALLAST}"
    run("docker", "exec", "--user", "postgres", stack.postgres, "sh", "-c", fill).ok()
    yield stack
    stack.remove()


def copied(stack: Stack) -> int:
    """Return the bytes of what a base backup has so far; files come and go."""
    return sum(path.stat().st_size for path in [*(line(stack) / ".new").rglob("ballast*")])


def frozen(stack: Stack) -> list[psutil.Process]:
    """Wait until a base backup is in the middle, stop its processes there, and return them."""
    deadline = time.monotonic() + 120
    while not copied(stack):
        assert time.monotonic() < deadline, "no base backup begins"
        time.sleep(0.01)
    children = psutil.Process(stack.main_pid(archiver(stack))).children(recursive=True)
    stopped = [child for child in children if child.name() == "pg_basebackup"]
    for process in stopped:
        process.suspend()
    assert stopped
    assert 0 < copied(stack) < BALLAST_MB * 1024 * 1024, "it is in the middle"
    assert not (line(stack) / ".new" / "backup_manifest").exists()
    return stopped


def proved(stack: Stack) -> list[str]:
    """Return the base backups that the archive names; each is a whole one by PostgreSQL's own check."""
    named = [path.name for path in sorted((line(stack) / "base").iterdir())]
    assert len(named) == len(archive(stack)["base_backups"])
    for name in named:
        inner = f"/archive/{line(stack).name}/base/{name}"
        run("docker", "exec", archiver(stack), "pg_verifybackup", "-q", inner).ok()
    return named


def comes_back(stack: Stack, number: int) -> None:
    """Write a row and restore to just after it. What is restored stays: while a copy is stopped no database goes."""
    stack.sql(f"INSERT INTO written VALUES ({number})", "shop")
    when = moments.written(datetime.now(UTC))
    stack.script("dbserver", "restore", "shop", "--at", when, "--into", f"past_{number}").ok()
    assert stack.sql(f"SELECT n FROM written WHERE n = {number}", f"past_{number}") == str(number)


@pytest.mark.full
def test_the_end_of_the_archive_in_the_middle_leaves_nothing_half_and_the_next_one_is_made(shop: Stack) -> None:
    known, window = proved(shop), archive(shop)["windows"][0]["start"]
    run("docker", "exec", archiver(shop), "touch", "/archive/.wanted").ok()
    frozen(shop)
    assert proved(shop) == known, "what is not whole is not named"
    comes_back(shop, 1)
    shop.kill(archiver(shop))
    shop.until(lambda: len(list((line(shop) / "base").iterdir())) > len(known), 180, what="the next base backup")
    *before, _ = proved(shop)
    assert before == known
    assert not (line(shop) / ".new").exists()
    assert [each["start"] for each in archive(shop)["windows"]] == [window], "without a hole"
    comes_back(shop, 2)


@pytest.mark.full
def test_the_end_of_the_server_in_the_middle_is_told_and_the_next_one_is_made(shop: Stack) -> None:
    known, window = proved(shop), archive(shop)["windows"][0]["start"]
    asked = shop.popen(str(shop.project / "scripts" / "dbserver"), "archive", "--base-backup")
    stopped = frozen(shop)
    shop.kill(shop.postgres)
    for process in stopped:
        process.send_signal(signal.SIGCONT)
    said, _ = asked.communicate(timeout=300)
    assert (asked.returncode, "has made no base backup" in said) == (FAILED, True), said
    shop.until(lambda: not shop.sql_fails(), 60)
    shop.until(lambda: archive(shop)["well"], 60, what="an archive that gets the log")
    assert proved(shop) == known
    assert not (line(shop) / ".new").exists()
    shop.script("dbserver", "archive", "--base-backup").ok()
    *before, _ = proved(shop)
    assert before == known
    assert [each["start"] for each in archive(shop)["windows"]] == [window], "without a hole"
    comes_back(shop, 3)
