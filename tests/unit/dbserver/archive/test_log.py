"""Which parts of the archived log are read for a time, and how they are asked for."""

import pytest

from dbserver.archive import log
from dbserver.archive.contents import DEFAULT_SEGMENT_BYTES as BYTES
from dbserver.archive.log import Part
from tests.unit.dbserver.archive.test_contents import at, line, segment


def names(parts: list[Part]) -> list[str]:
    return [part.name[-2:] for part in parts]


def test_what_was_last_written_before_is_not_read() -> None:
    kept = line([], [segment(5, 10, ".gz"), segment(6, 20), segment(7, 30), segment(8, 40, ".partial")])
    assert names(log.parts(kept, at(20.9))) == ["06", "07", "08"], "the file's time is in whole seconds"
    assert names(log.parts(kept, at(21))) == ["07", "08"]
    assert log.parts(kept, at(41)) == []


def test_a_part_reaches_into_the_next_segment_by_as_much_as_a_record_may() -> None:
    first, last = log.parts(line([], [segment(255, 10, ".gz"), segment(256, 20, ".partial")]), at(0))
    assert (first.following, last.following) == (segment(256, 0).name, "")
    assert (first.start, first.end) == (255 * BYTES, 256 * BYTES + log.OVERLAP_BYTES)
    assert (last.start, last.end) == (256 * BYTES, 257 * BYTES)
    assert first.asked == "0000000100000000000000FF 000000010000000100000000 0/FF000000 1/00100000\n"
    assert last.asked == "000000010000000100000000 - 1/00000000 1/01000000\n"


def test_a_hole_ends_what_is_read() -> None:
    kept = line([], [segment(5, 10), segment(6, 20), segment(8, 40), segment(9, 50)])
    assert names(log.parts(kept, at(0))) == ["05", "06"]


def test_what_the_server_has_left_by_a_new_timeline_is_not_read() -> None:
    old = [segment(5, 10), segment(6, 20), segment(7, 30), segment(8, 40, ".partial")]
    new = [segment(7, 50, timeline=2), segment(8, 60, ".partial", timeline=2)]
    read = log.parts(line([], [*old, *new]), at(0))
    assert [(part.name[7], part.name[-2:]) for part in read] == [("1", "05"), ("1", "06"), ("2", "07"), ("2", "08")]


@pytest.mark.parametrize(
    ("said", "ends"),
    [
        (
            "error in WAL record at 0/600AE08: invalid record length at 0/600AFE0: expected at least 24, got 0",
            [True, True],
        ),
        ("error in WAL record at 0/600AE08: invalid record length at 0/600AFE0: wanted 24, got 0", [True, True]),
        ("error in WAL record at 0/500AE08: invalid record length at 0/500AFE0: wanted 24, got 0", [False, False]),
        ("invalid magic number 0000 in WAL segment 000000010000000000000006, LSN 0/6002000, offset 8192", [True, True]),
        ("invalid magic number 0000 in log segment 000000010000000000000006, offset 8192", [True, True]),
        ("invalid magic number 0000 in log segment 000000010000000000000005, offset 8192", [False, False]),
        ("invalid magic number D10D in log segment 000000010000000000000006, offset 8192", [False, False]),
        ("incorrect resource manager data checksum in record at 0/6000100", [False, False]),
        ("cp: cannot stat", [False, False]),
    ],
)
def test_the_log_ends_where_there_are_zeros_in_its_last_segment_and_nowhere_else(said: str, ends: list[bool]) -> None:
    found = log.parts(line([], [segment(5, 10, timeline=2), segment(6, 20, ".partial", timeline=2)]), at(0))
    assert [part.was_read(f"pg_waldump: error: {said}", near_end=True) for part in found] == ends


def test_damage_in_the_next_segment_is_for_the_next_part_unless_a_record_may_reach_into_it() -> None:
    kept = line([], [segment(number, number) for number in range(5, 9)])
    first, second, *_ = log.parts(kept, at(0))
    beyond = "error in WAL record at 0/600FA98: incorrect resource manager data checksum in record at 0/600FAD8"
    assert (first.was_read(beyond, near_end=False), second.was_read(beyond, near_end=False)) == (True, False)
    reaching = "error in WAL record at 0/5FFFFA8: incorrect resource manager data checksum in record at 0/5FFFFE0"
    assert not first.was_read(reaching, near_end=False)


def test_a_last_segment_that_nothing_was_written_to_yet_is_an_end() -> None:
    before, last = log.parts(line([], [segment(5, 10), segment(6, 20, ".partial")]), at(0))
    said = "pg_waldump: error: could not find a valid record after 0/6000000"
    assert (before.was_read(said, near_end=True), last.was_read(said, near_end=True)) == (False, True)


def test_only_lines_of_the_wanted_databases_and_ends_of_transactions_are_printed() -> None:
    assert log.arguments("line", [5, 6]) == [
        "/archive/line/wal",
        "-e",
        "/5/",
        "-e",
        " db 5 ",
        "-e",
        "/6/",
        "-e",
        " db 6 ",
    ]
