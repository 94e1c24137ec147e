"""What redis-cli says of a transfer, what redis-check-rdb says of a file, and the sizes that stand in it."""

import pytest

from dbserver.redis import dump

WHOLE = """\
[offset 0] Checking RDB file /dev/stdin
[offset 26] AUX FIELD redis-ver = '8.0.2'
[offset 40] AUX FIELD redis-bits = '64'
[offset 67] AUX FIELD used-mem = '789048'
[offset 164] Selecting DB ID 0
[offset 214] Selecting DB ID 3
[offset 231] Checksum OK
[offset 231] \\o/ RDB looks OK! \\o/
[info] 5 keys read
[info] 1 expires
[info] 0 already expired
[info] 2 subexpires
"""
CUT = """\
[offset 0] Checking RDB file /dev/stdin
[offset 26] AUX FIELD redis-ver = '8.0.2'
--- RDB ERROR DETECTED ---
[offset 222] Unexpected EOF reading RDB file
[additional info] While doing: read-type
[info] 5 keys read
"""


def test_a_whole_file_says_what_it_holds_and_where() -> None:
    assert dump.content(WHOLE) == dump.Content("8.0.2", 789048, 5, 2, {0: 164, 3: 214})


def test_a_file_of_an_empty_server_has_no_database() -> None:
    assert dump.content("[info] 0 keys read\n").offsets == {}


@pytest.mark.parametrize(
    ("printed", "fault"),
    [
        (CUT, "Unexpected EOF reading RDB file"),
        ("Cannot open file: No such file or directory\n", "Cannot open file: No such file or directory"),
        ("", "it cannot be read"),
    ],
)
def test_what_is_wrong_is_one_line(printed: str, fault: str) -> None:
    assert dump.fault(printed) == fault


def test_a_transfer_says_how_long_the_content_is_or_was_none() -> None:
    said = "SYNC sent to master, writing bytes of bulk transfer until EOF marker to '-'\n"
    assert dump.transferred(f"{said}Transfer finished with success after 231 bytes\n") == 231
    assert dump.transferred(f"{said}I/O Error reading RDB payload from socket\n") is None


@pytest.mark.parametrize(
    ("head", "found"),
    [
        ("fb 01 00 00 01 61", (1, 0)),
        ("fb 3f 00", (63, 0)),
        ("fb 40 40 41 00", (64, 256)),
        ("fb 7f ff 05", (16383, 5)),
        ("fb 80 00 00 40 00 00", (16384, 0)),
        ("fb 81 00 00 00 01 00 00 00 00 81 00 00 00 00 00 00 00 02", (2**32, 2)),
        ("00 01 61", None),
        ("", None),
    ],
)
def test_the_sizes_of_a_database_stand_at_its_beginning(head: str, found: tuple[int, int] | None) -> None:
    assert dump.sizes(bytes.fromhex(head)) == found


def test_the_content_is_taken_by_a_program_that_ends_with_its_input_and_knows_the_password_inside() -> None:
    argv = dump.take("c", "dbadmin")
    assert argv[:6] == ["docker", "exec", "-i", "c", "sh", "-c"]
    assert argv[-1] == "dbadmin"
    assert argv[-2].startswith("REDISCLI_AUTH=$(cat /usr/local/etc/redis/admin-password) exec timeout 3600 redis-cli")
