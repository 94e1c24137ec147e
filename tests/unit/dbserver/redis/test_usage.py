"""What Redis says about its use."""

from dataclasses import replace

import pytest

from dbserver.redis import usage
from dbserver.results.status import RedisUse
from tests.unit.fakes import FIGURES, REDIS_SAYS

USE = RedisUse(3, 10000, 1_000_000, 100_000_000, 3, 0.75, "snapshot", "", 12)


def parsed(printed: str) -> RedisUse:
    found = usage.parse(printed)
    assert found is not None
    return found[1]


def test_it_is_asked_as_the_administrator_whose_password_stays_in_the_container() -> None:
    argv = usage.ask("c", "dbadmin")
    assert argv[:4] == ["docker", "exec", "-i", "c"]
    assert "'disk %S %b %a %c %d' /data " in argv[6]
    assert argv[8:10] == ["sh", "-c"]
    assert argv[10].startswith("for file in /data/temp-*.rdb /data/temp-rewriteaof-*.aof; do ")
    assert argv[12:] == [
        "sh", "-c", 'REDISCLI_AUTH=$(cat /usr/local/etc/redis/admin-password) exec redis-cli --user "$0" -e "$@"',
        "dbadmin",
    ]  # fmt: skip


def test_files_that_a_killed_save_may_have_left_are_no_part_of_the_reply() -> None:
    assert not usage.left_over(REDIS_SAYS)
    assert usage.left_over(f"left over: /data/temp-17.rdb\n{REDIS_SAYS}")
    assert usage.parse(f"left over: /data/temp-17.rdb\n{REDIS_SAYS}") == ("8.2.1", USE)
    assert usage.refusal("left over: /data/temp-17.rdb\nLOADING it\n") == "LOADING it"


def test_a_reply_is_version_and_use() -> None:
    assert usage.parse(REDIS_SAYS) == ("8.2.1", USE)


@pytest.mark.parametrize(
    ("line", "other", "use"),
    [
        ("3600 1 300 100 60 10000", "", replace(USE, persistence="none")),
        ("aof_enabled:0", "aof_enabled:1", replace(USE, persistence="append-only")),
        (
            "rdb_last_bgsave_status:ok", "rdb_last_bgsave_status:err",
            replace(USE, persistence_fault="the last snapshot could not be written"),
        ),
        (
            "aof_last_write_status:ok", "aof_last_write_status:err",
            replace(USE, persistence_fault="the last write to the append-only file failed"),
        ),
        ("maxmemory:100000000", "maxmemory:0", replace(USE, max_memory=0)),
        ("keyspace_hits:3", "keyspace_hits:0", replace(USE, hit_ratio=0.0)),
    ],
)  # fmt: skip
def test_each_field_is_what_redis_says(line: str, other: str, use: RedisUse) -> None:
    assert parsed(REDIS_SAYS.replace(line, other)) == use


def test_without_a_look_up_there_is_no_ratio() -> None:
    none_yet = REDIS_SAYS.replace("keyspace_hits:3", "keyspace_hits:0").replace("misses:1", "misses:0")
    assert parsed(none_yet).hit_ratio is None


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("LOADING Redis is loading the dataset in memory", "LOADING Redis is loading the dataset in memory"),
        ("NOAUTH Authentication required.", "NOAUTH Authentication required."),
        ("", ""),
    ],
)
def test_another_reply_than_pong_is_no_answer_and_the_reason(said: str, why: str) -> None:
    printed = REDIS_SAYS.replace("PONG", said)
    assert usage.parse(printed) is None
    assert usage.refusal(printed) == why


def test_figures_alone_are_no_answer() -> None:
    assert usage.parse(FIGURES) is None
    assert usage.refusal(FIGURES) == ""
