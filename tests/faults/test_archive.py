"""What happens to the continuous archive: kills, an absence that is too long, damage, an end."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from dbserver import moment as moments
from dbserver.archive.contents import PARTIAL
from tests.support.archived import archive, archived, archiver, line
from tests.support.commands import run
from tests.support.moments import Writer
from tests.support.stack import Stack

pytestmark = pytest.mark.full  # a minute and a half: segments are damaged, the archive killed

# As little as the server takes, so that an absence is soon too long.
SMALL = {"max_slot_wal_keep_size": "32MB", "min_wal_size": "32MB", "max_wal_size": "64MB"}
SEGMENT = "SELECT pg_logical_emit_message(false, 'test', repeat('x', 17 * 1024 * 1024)) FROM generate_series(1, {})"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("archive"))
    yield archived(stack, postgres={"settings": SMALL})
    stack.remove()


def well(stack: Stack) -> None:
    stack.until(lambda: archive(stack)["well"], 60, what="an archive that gets the log")


def at(stack: Stack, moment: datetime) -> set[int]:
    stack.script("dbserver", "restore", "shop", "--at", moments.written(moment), "--into", "past").ok()
    found = stack.sql("SELECT n FROM written", "past").split()
    stack.sql("DROP DATABASE past")
    return {int(number) for number in found}


@pytest.mark.full
def test_kills_of_the_archive_and_of_the_server_lose_nothing_acknowledged(shop: Stack) -> None:
    with Writer(shop) as writer:
        shop.until(lambda: len(writer.writes) > 30)
        shop.kill(archiver(shop))
        shop.until(lambda: len(writer.writes) > 100)
        well(shop)
        shop.kill(shop.postgres)
    shop.until(lambda: not shop.sql_fails(), 60)
    well(shop)
    last = datetime.now(UTC)
    writer.judge(last, at(shop, last))
    writer.judge(writer.between(0.5), at(shop, writer.between(0.5)))


def test_what_a_killed_archive_has_left_goes_at_its_next_start(shop: Stack) -> None:
    left = [line(shop) / name for name in (".new", ".whole", ".gone-abcdef")]
    make = "for name; do mkdir -p $name && echo half >$name/part; done"
    inner = [f"/archive/{path.relative_to(shop.data / 'archive')}" for path in left]
    run("docker", "exec", archiver(shop), "sh", "-c", make, "sh", *inner).ok()
    shop.kill(archiver(shop))
    well(shop)
    shop.until(lambda: not any(path.exists() for path in left), 30)
    assert archive(shop)["windows"]
    assert shop.script("dbserver", "restore", "shop", "--at", "-1s", "--into", "past").ok(), "the second of that name"
    shop.sql("DROP DATABASE past")


@pytest.mark.full
def test_an_absence_that_is_too_long_does_not_fill_the_disk_and_the_archive_begins_anew_by_itself(shop: Stack) -> None:
    before = archive(shop)
    run("docker", "stop", archiver(shop)).ok()
    lost = datetime.now(UTC)
    shop.sql(SEGMENT.format(8) + "; CHECKPOINT; " + SEGMENT.format(4) + "; CHECKPOINT")
    away = archive(shop)
    assert "is exited" in away["fault"]
    assert away["kept"] == "lost"
    held = run("du", "-sm", str(shop.data / "postgres" / "pg_wal")).out.split()[0]
    assert int(held) < 160, "MB of log that the server keeps"
    assert shop.script("dbserver", "status").code == 3
    doctor = json.loads(shop.script("dbserver", "doctor", "--format", "json").out)
    assert "archive-down" in [each["cause"] for each in doctor["findings"]]
    shop.start().ok()
    shop.until(lambda: len(archive(shop)["windows"]) > len(before["windows"]), 90, what="a new base backup")
    well(shop)
    ended = shop.script("dbserver", "restore", "shop", "--at", moments.written(lost), "--confirm", "shop")
    assert (ended.code, "and from" in ended.err) == (2, True), ended.text
    well(shop)
    at(shop, datetime.now(UTC))


def test_a_missing_segment_is_a_hole_and_no_second_of_it_is_promised(shop: Stack) -> None:
    shop.sql("SELECT pg_switch_wal()")
    shop.sql(SEGMENT.format(3))
    shop.until(lambda: len(list((line(shop) / "wal").glob("0*"))) > 4)
    gone = datetime.now(UTC)
    log = sorted(path for path in (line(shop) / "wal").glob("0*") if path.suffix != PARTIAL)
    log[-2].unlink()
    ended = shop.script("dbserver", "restore", "shop", "--at", moments.written(gone), "--confirm", "shop")
    assert (ended.code, "is not in the archive" in ended.err) == (2, True), ended.text


def test_a_damaged_segment_ends_the_restore_and_never_gives_an_older_second_for_it(shop: Stack) -> None:
    run("docker", "rm", "-f", "-v", archiver(shop)).ok()
    shop.sql("SELECT pg_drop_replication_slot('db_server_archive')")
    shop.start().ok()
    shop.until(lambda: archive(shop)["well"] and archive(shop)["windows"], 60)
    since = line(shop)
    shop.until(lambda: list((since / "base").iterdir()), 60, what="the base backup of the new line")
    shop.sql(SEGMENT.format(4))
    wanted = datetime.now(UTC)
    shop.sql("INSERT INTO written VALUES (-1)", "shop")
    well(shop)
    log = sorted(path for path in (since / "wal").glob("0*") if path.suffix != PARTIAL)
    with log[-2].open("r+b") as file:
        file.write(b"\0" * 65536)
    ended = shop.script("dbserver", "restore", "shop", "--at", moments.written(wanted), "--confirm", "shop")
    assert ended.code == 1, ended.text
    assert "the archive is damaged after segment" in ended.err
    assert shop.sql("SELECT n FROM written WHERE n = -1", "shop") == "-1"
    assert not (shop.data / "postgres.moment").exists()


@pytest.mark.full
def test_where_it_is_declared_no_more_the_server_keeps_no_log_for_it(shop: Stack) -> None:
    shop.configure(archive={"enabled": False})
    shop.start().ok()
    assert shop.sql("SELECT count(*) FROM pg_replication_slots") == "0"
    assert run("docker", "container", "inspect", archiver(shop)).code != 0
    assert line(shop).is_dir(), "what is in it stays"
    assert shop.script("dbserver", "archive").code == 2
