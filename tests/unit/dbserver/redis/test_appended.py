"""The append-only file: what its manifest names, since when it bears times, what cutting it has found."""

import pytest

from dbserver.errors import DbServerError
from dbserver.redis import appended
from dbserver.redis.appended import Cut, Files

HEAD = """[offset 0] Checking RDB file /dev/stdin
[offset 26] AUX FIELD redis-ver = '8.0.2'
[offset 52] AUX FIELD ctime = '1795711640'
"""
SEVEN = "file appendonly.aof.2.base.rdb seq 2 type b\nfile appendonly.aof.2.incr.aof seq 2 type i\n"
EIGHT = (
    "file appendonly.aof.1.base.rdb seq 1 type h\n"
    "file appendonly.aof.2.base.rdb seq 2 type b\n"
    "file appendonly.aof.2.incr.aof seq 2 type i startoffset 3\n"
    "file appendonly.aof.3.incr.aof seq 3 type i startoffset 90\n"
)
BASE, SECOND, THIRD = "appendonly.aof.2.base.rdb", "appendonly.aof.2.incr.aof", "appendonly.aof.3.incr.aof"
CHECKED = "Start checking Old-Style AOF\n"


@pytest.mark.parametrize(("manifest", "increments"), [(SEVEN, (SECOND,)), (EIGHT, (SECOND, THIRD))])
def test_a_manifest_of_each_version_names_the_base_and_the_increments(manifest: str, increments: tuple[str]) -> None:
    assert appended.files(f"{manifest}\0{HEAD}") == Files(manifest, BASE, increments, 1795711640)


def test_a_base_that_is_no_snapshot_does_not_say_when_it_was_begun() -> None:
    assert appended.files(f"{SEVEN}\0[offset 0] Wrong signature trying to load DB from file").begun is None


def test_a_base_that_redis_6_has_written_does_not_say_until_when_it_goes() -> None:
    manifest = "file appendonly.aof seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n"
    assert appended.files(f"{manifest}\0{HEAD}") == Files(
        manifest, "appendonly.aof", ("appendonly.aof.1.incr.aof",), None
    )


def test_a_file_that_has_no_base_yet_is_an_error() -> None:
    with pytest.raises(DbServerError, match="no append-only file yet"):
        appended.files(f"file appendonly.aof.1.incr.aof seq 1 type i\n\0{HEAD}")


@pytest.mark.parametrize(("kept", "lines"), [((), [1]), ((SECOND,), [1, 2]), ((SECOND, THIRD), [1, 2, 3])])
def test_a_manifest_is_kept_to_the_base_and_the_wanted_increments(kept: tuple[str, ...], lines: list[int]) -> None:
    found = appended.files(f"{EIGHT}\0{HEAD}").kept(kept)
    assert found.splitlines() == [EIGHT.splitlines()[number] for number in lines]


@pytest.mark.parametrize(
    ("printed", "cut"),
    [
        ("Successfully truncated AOF f to timestamp 17", Cut.CUT),
        ("AOF f has nothing before timestamp 1, aborting...", Cut.AFTER),
        ("Truncate nothing in AOF f to timestamp 17\nAOF f is valid", Cut.BEFORE),
        ("AOF f is empty", Cut.BEFORE),
        ("0x 6a: Expected to read 3 bytes\nAOF f is not valid. Use the --fix option to try fixing it.", None),
        ("Invalid timestamp annotation", None),
        ("Cannot open file f: No such file or directory, aborting...", None),
        ("", None),
    ],
)
def test_what_redis_check_aof_says_is_known_or_it_is_damage(printed: str, cut: Cut | None) -> None:
    assert appended.judged(CHECKED + printed) is cut


@pytest.mark.parametrize(
    ("printed", "second"),
    [
        ("AOF probe has nothing before timestamp 1, aborting...\n#TS:1795711641\r\n*2\r\n$6\r\nSEL", 0),
        ("AOF probe is empty\n", 0),
        ("Successfully truncated AOF probe to timestamp 1\n#TS:1795711643\r\n*3\r\n$3\r\nset\r\n", 1795711643),
        ("Truncate nothing in AOF probe to timestamp 1\nAOF probe is valid\n", None),
        ("AOF probe is not valid. Use the --fix option to try fixing it.\n$3\r\n#TS:5\r\n", None),
    ],
)
def test_commands_without_a_time_are_told_from_those_with_one(printed: str, second: int | None) -> None:
    assert appended.first(CHECKED + printed) == second


def test_the_throwaway_is_on_no_network_and_only_reads_the_running_server_s_data() -> None:
    argv = appended.create("db-redis", "dbadmin", "sha256:1", "/data/config/redis", "/data/redis", 1024)
    assert argv[argv.index("--network") + 1] == "none"
    assert [argv[at + 1] for at, word in enumerate(argv) if word == "--volume"] == [
        "/data/config/redis:/usr/local/etc/redis:ro", "/data/redis:/live:ro",
    ]  # fmt: skip
    assert argv[argv.index("--memory") + 1] == "1024"
    assert "user default off" in appended.START
