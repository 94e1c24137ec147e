"""The status on one screen, literally."""

import re
from dataclasses import replace
from typing import Any

import pytest

from dbserver.cli.render import status as render_status
from dbserver.results.status import (
    DatabaseSize,
    KeptDatabase,
    LastBackup,
    PostgresUse,
    RedisUse,
    ServerStatus,
    Status,
    Validity,
)
from tests.unit.dbserver.cli.render.test_servers import MISSING
from tests.unit.dbserver.cli.render.test_servers import server as brief

MIB = 1024**2
GIB = 1024**3
DATABASES = (DatabaseSize("shop", 1200 * MIB), DatabaseSize("crypto_ai_agent", 75 * MIB // 10))
HOST: dict[str, Any] = {
    "uptime_seconds": 273_600.0, "restarts": 0, "oom_kills": 0, "disk_free_bytes": 45 * GIB,
    "disk_total_bytes": 60 * GIB, "inodes_free": 3_900_000,
}  # fmt: skip


def postgres(use: PostgresUse | None = None, **changes: Any) -> ServerStatus:
    values: dict[str, Any] = {
        **HOST, "memory_used_bytes": 212 * MIB, "memory_limit_bytes": GIB,
        "postgres": use or PostgresUse(4, 100, 1234, 0.9921, DATABASES),
    }  # fmt: skip
    return replace(brief(), **{**values, **changes})


def redis(use: RedisUse | None = None, **changes: Any) -> ServerStatus:
    values: dict[str, Any] = {
        **HOST, "server": "redis", "container": "db-server-redis", "version": "8.2.1", "answers": "PONG",
        "address": "db-server-redis:6379", "published": "127.0.0.1:6379", "image": "redis:8",
        "data": "/data/db-server/redis", "memory_used_bytes": 60 * MIB, "memory_limit_bytes": 256 * MIB,
        "restarts": 1, "oom_kills": 2,
        "redis": use or RedisUse(3, 10000, 48 * MIB, 192 * MIB, 7, 0.75, "snapshot", "", 12),
    }  # fmt: skip
    return replace(brief(), **{**values, **changes})


def shown(*servers: ServerStatus) -> str:
    return render_status.text(Status("dev", servers))


@pytest.mark.parametrize(
    ("days_left", "words"),
    [(200, "TLS         certificate until 2027-06-14"), (-1, "certificate expired on 2027-06-14: ./scripts/start.sh")],
)
def test_a_certificate_is_shown_until_when_it_is_valid(days_left: int, words: str) -> None:
    found = shown(postgres(certificate=Validity("2027-06-14T12:00:00+00:00", days_left)))
    assert words in found
    assert ("SICK" in found) is (days_left < 0)
    assert "TLS" not in shown(postgres())


BOTH = """\
ok   db-server-postgres 17.5
       state       running (healthy), up 3 d 4 h, 0 restarts, 0 OOM kills
       connections 4 of 100
       cache hits  99.2 %
       databases   shop                1.2 GB
                   crypto_ai_agent     7.5 MB
       memory      212.0 MB of 1.0 GB
       disk left   45.0 GB of 60.0 GB, 3,900,000 inodes
       network     db-server-postgres:5432
       host        127.0.0.1:5432
       data        /data/db-server/postgres
       image       postgres:17
ok   db-server-redis 8.2.1
       state       running (healthy), up 3 d 4 h, 1 restart, 2 OOM kills
       clients     3 of 10000
       key hits    75.0 %
       data memory 48.0 MB of 192.0 MB, 7 keys evicted
       persistence snapshot, 12 changes since the last one
       memory      60.0 MB of 256.0 MB
       disk left   45.0 GB of 60.0 GB, 3,900,000 inodes
       network     db-server-redis:6379
       host        127.0.0.1:6379
       data        /data/db-server/redis
       image       redis:8
       stack dev"""

GONE = """\
DOWN db-server-redis
       state missing
       why   gone
       stack dev"""

FAULTY = RedisUse(0, 10000, 48 * MIB, 0, 0, None, "append-only", "the last snapshot could not be written", 1)
SICK = """\
SICK db-server-redis 8.2.1
       state       running (unhealthy)
       clients     0 of 10000
       data memory 48.0 MB, no limit, 0 keys evicted
       persistence append-only
                   the last snapshot could not be written
       network     db-server-redis:6379
       host        127.0.0.1:6379
       data        /data/db-server/redis
       image       redis:8
       differs     command: a, declared is b
                   volumes: c, declared is d
       stack dev"""


def test_two_servers_that_are_well_show_what_they_use() -> None:
    assert shown(postgres(), redis()) == BOTH


def test_a_server_that_is_missing_says_so() -> None:
    assert shown(MISSING) == GONE


def test_what_is_unknown_is_left_out_and_what_is_wrong_is_named() -> None:
    unknown = dict.fromkeys([*HOST, "memory_used_bytes"])
    differences = ("command: a, declared is b", "volumes: c, declared is d")
    assert shown(redis(FAULTY, health="unhealthy", differences=differences, **unknown)) == SICK


def test_a_name_with_brackets_is_shown_as_it_is() -> None:
    text = shown(postgres(PostgresUse(4, 100, 1, None, (DatabaseSize("a[red]b:smile:", MIB),)), data="/d[/]"))
    assert "databases   a[red]b:smile:     1.0 MB\n" in text
    assert "data        /d[/]\n" in text


def test_a_container_whose_server_answers_nothing_shows_its_memory_and_disk() -> None:
    text = shown(postgres(answers="", fault="no answer within 10 s", postgres=None))
    assert text.startswith("DOWN db-server-postgres 17.5\n")
    assert "       why       no answer within 10 s\n" in text
    assert "       memory    212.0 MB of 1.0 GB\n" in text
    assert "       disk left 45.0 GB of 60.0 GB" in text


def test_two_hundred_databases_are_the_largest_ones_and_the_rest_in_one_line() -> None:
    many = tuple(DatabaseSize(f"shop_{number:03}", (300 - number) * MIB) for number in range(200))
    text = shown(postgres(PostgresUse(4, 100, 1234, None, many)), redis())
    assert "shop_005   295.0 MB\n                   and 194 more, 37.4 GB\n" in text
    assert "shop_006" not in text


def test_databases_that_restores_replaced_are_the_newest_ones_and_the_rest_in_one_line() -> None:
    many = tuple(KeptDatabase(f"shop__old_{n}", "shop", f"2026-11-26T13:0{n}:00+00:00", MIB) for n in range(8))
    text = shown(postgres(PostgresUse(4, 100, 1234, None, (), many)), redis())
    assert "kept        shop__old_2  1.0 MB, replaced 2026-11-26T13:02\n" in text
    assert "shop__old_7  1.0 MB, replaced 2026-11-26T13:07\n                   and 2 older, 2.0 MB\n" in text


def test_with_everything_wrong_it_is_still_one_screen() -> None:
    many = tuple(DatabaseSize(f"shop_{number:03}", MIB) for number in range(200))
    differences = tuple(f"{number}: x, declared is y" for number in range(9))
    text = shown(
        postgres(PostgresUse(4, 100, 1234, 0.5, many), differences=differences, fault="f", health="unhealthy"),
        redis(FAULTY, differences=differences, fault="f", health="unhealthy"),
    )
    assert text.count("and 6 more: --format json") == 2
    assert len(text.splitlines()) <= 40


def test_elsewhere_than_on_a_terminal_there_are_no_colours_and_no_line_is_broken() -> None:
    text = shown(postgres(data="/d" * 200), MISSING)
    assert "\x1b" not in text
    assert "/d" * 200 in text


@pytest.fixture
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.mark.usefixtures("_terminal")
def test_on_a_terminal_there_are_colours_and_no_line_is_wider() -> None:
    text = render_status.text(Status("dev", (postgres(), MISSING)), width=40)
    assert "\x1b[1;32mok" in text
    assert "\x1b[1;31mDOWN" in text
    plain = re.sub(r"\x1b\[[\d;]*m", "", text)
    assert max(len(line) for line in plain.splitlines()) <= 40


@pytest.mark.usefixtures("_terminal")
@pytest.mark.parametrize(
    "changes",
    [
        {"postgres": PostgresUse(90, 100, 1, None)}, {"restarts": 1}, {"oom_kills": 1}, {"disk_free_bytes": GIB},
        {"memory_used_bytes": 950 * MIB}, {"differences": ("x",)},
    ],
)  # fmt: skip
def test_what_deserves_a_look_is_yellow(changes: dict[str, Any]) -> None:
    assert "\x1b[33m" not in render_status.text(Status("dev", (postgres(),)), width=100)
    assert "\x1b[33m" in render_status.text(Status("dev", (postgres(**changes),)), width=100)


@pytest.mark.usefixtures("_terminal")
def test_nobody_gets_colours_who_does_not_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in render_status.text(Status("dev", (postgres(),)), width=100)


def test_other_data_than_the_stacks_is_one_line_of_a_server_that_is_sick() -> None:
    lines = render_status.text(Status("dev", (postgres(data_fault="/data holds the data of another"),))).splitlines()
    assert lines[0].startswith("SICK")
    assert [line.split()[:2] for line in lines if "another" in line] == [["data", "/data"]]
    assert "another" not in render_status.text(Status("dev", (postgres(),)))


def test_what_deserves_a_look_and_why_a_server_crashes_is_shown() -> None:
    found = shown(postgres(answers="", fault="restarting", log=("one [x]", "two"), advice=("do this", "do that")))
    lines = [line.split(maxsplit=1) for line in found.splitlines()]
    assert ["log", "one [x]"] in lines
    assert ["two"] in lines
    assert ["look", "do this"] in lines
    assert ["do", "that"] in lines


def test_a_newest_backup_that_was_found_damaged_is_shown_in_red_with_the_command_that_tells_more() -> None:
    found = Status("dev", (), (LastBackup("shop", "shop_now", 60, MIB, damaged=True),))
    line = "shop: 1 min 0 s ago, 1.0 MB, DAMAGED: ./scripts/dbserver verify shop_now"
    assert line in render_status.text(found)
    assert "\x1b[31m, DAMAGED" in render_status.text(found, width=120)
