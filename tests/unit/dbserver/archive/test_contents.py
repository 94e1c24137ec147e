"""Which seconds come back, from what is in the archive."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from dbserver.archive import contents
from dbserver.archive.contents import Base, Line, Segment, Window

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
BYTES = contents.DEFAULT_SEGMENT_BYTES
PRINTED = """\
streaming 20261126t120000z-77
line 20261125t120000z-77
base 20261125t120010z full 000000010000000000000003 740
log 000000010000000000000003.gz 4096 1795608000
line 20261126t120000z-77
base 20261126t120010z+ full 000000010000000000000005 750 1024
base 20261126t120030z incremental 000000010000000000000006 760 16
jump 1795694410 1795694415
log 000000010000000000000005 16777216 1795694420
log 000000010000000000000006.partial 16777216 1795694440.250000
log 00000002.history 41 1795694440
"""


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def segment(number: int, seconds: float, suffix: str = "", timeline: int = 1) -> Segment:
    return Segment(f"{timeline:08X}{number // 256:08X}{number % 256:08X}{suffix}", BYTES, at(seconds))


def base(seconds: float, start: int, *, incremental: bool = False, following: int = 1) -> Base:
    name = f"{at(seconds):{contents.STAMP}}"
    return Base(name, at(seconds), incremental, segment(start, 0).name, following)


def line(
    bases: list[Base], log: list[Segment], *jumps: tuple[float, float], name: str = "line", streaming: bool = True
) -> Line:
    return Line(name, tuple(bases), tuple(log), streaming, tuple((at(since), at(until)) for since, until in jumps))


def test_what_was_printed_is_read() -> None:
    old, new = contents.parse(PRINTED)
    assert (old.name, old.streaming, new.streaming) == ("20261125t120000z-77", False, True)
    assert [(each.incremental, each.following, each.size) for each in new.bases] == [
        (False, 750, 1024 * 1024),
        (True, 760, 16 * 1024),
    ]
    assert new.bases[0].at == NOON + timedelta(seconds=10)
    assert old.bases[0].size is None
    assert (old.jumps, new.jumps) == ((), ((at(10), at(15)),))
    assert [each.name[-8:] for each in new.segments] == ["00000005", ".partial", ".history"]
    assert (new.segments[1].at - new.segments[2].at).total_seconds() == 0.25, "the end of a log is not cut to a second"


def test_an_empty_archive_reaches_nowhere() -> None:
    assert contents.windows(contents.parse("streaming \n"), NOON) == ()


def test_a_window_begins_with_a_complete_base_backup_and_ends_with_the_last_write() -> None:
    found = contents.windows([line([base(10, 5)], [segment(5, 20), segment(6, 40, ".partial")])], None)
    assert found == (Window("line", at(10), at(40)),)


def test_where_the_archive_has_all_that_was_written_the_window_ends_now() -> None:
    (found,) = contents.windows([line([base(10, 5)], [segment(5, 20), segment(6, 40, ".partial")])], at(500))
    assert found.end == at(500)


def test_the_server_s_clock_says_what_now_is() -> None:
    """A file that was written to before the clock went back has a time that is still to come."""
    (found,) = contents.windows([line([base(10, 5)], [segment(5, 20), segment(6, 7200, ".partial")])], at(30))
    assert found.end == at(30)


def test_a_missing_segment_ends_the_window_until_the_next_base_backup() -> None:
    log = [segment(5, 20, ".gz"), segment(7, 60), segment(8, 80, ".partial")]
    found = contents.windows([line([base(10, 5), base(70, 7)], log)], at(500))
    assert found == (Window("line", at(10), at(20)), Window("line", at(70), at(500)))


def test_a_base_backup_alone_reaches_its_own_end() -> None:
    assert contents.windows([line([base(10, 5)], [])], None) == (Window("line", at(10), at(10)),)


def test_the_number_of_a_segment_goes_on_over_the_end_of_a_log_file() -> None:
    (found,) = contents.windows([line([base(10, 255)], [segment(255, 20), segment(256, 40)])], None)
    assert found.end == at(40)


def test_the_log_goes_on_where_the_timeline_changes() -> None:
    log = [
        segment(5, 20),
        segment(6, 30, ".partial"),
        segment(6, 40, timeline=2),
        segment(7, 60, ".partial", timeline=2),
    ]
    (found,) = contents.windows([line([base(10, 5)], log)], None)
    assert found.end == at(60)


def test_segments_of_another_size_are_counted_by_it() -> None:
    large = 64 * 1024 * 1024
    names = ("00000001000000000000003F", "000000010000000100000000")
    log = [Segment(name, large, at(20 * (number + 1))) for number, name in enumerate(names)]
    start = Base("b", at(10), incremental=False, start=names[0], following=1)
    assert contents.windows([line([start], log)], None)[0].end == at(40)


def test_the_times_that_the_clock_left_out_are_not_promised() -> None:
    log = [segment(5, 20), segment(6, 1000, ".partial")]
    found = contents.windows([line([base(10, 5)], log, (30, 900), (950, 960))], None)
    assert found == tuple(Window("line", at(start), at(end)) for start, end in ((10, 30), (900, 950), (960, 1000)))


def test_a_jump_beyond_the_times_that_come_back_changes_nothing() -> None:
    log = [segment(5, 20), segment(6, 40, ".partial")]
    (found,) = contents.windows([line([base(10, 5)], log, (1, 5), (40, 90), (95, 99))], None)
    assert found == Window("line", at(10), at(40))


def test_a_jump_that_nothing_was_written_after_ends_the_window() -> None:
    (found,) = contents.windows([line([base(10, 5)], [segment(5, 60)], (30, 900))], None)
    assert found == Window("line", at(10), at(30))


def test_a_time_that_a_wrong_clock_has_shown_is_not_taken_for_the_right_one() -> None:
    """A clock that goes on by a year and back again: the line of the year to come left out what follows now."""
    wrong = line([base(10, 5)], [segment(5, 9000)], (100, 8000), name="1", streaming=False)
    right = line([base(150, 6)], [segment(6, 160, ".partial")], name="2")
    found = contents.windows([wrong, right], at(200))
    assert [each.line for each in found if each.holds(at(90))] == ["1"]
    assert [each.line for each in found if each.holds(at(140))] == [], "before the base backup of the right one"
    assert [each.line for each in found if each.holds(at(170))] == ["2"]
    assert [each.line for each in found if each.holds(at(8500))] == ["1"]


def test_an_incremental_base_backup_needs_those_before_it_down_to_a_full_one() -> None:
    known = [base(0, 1), base(10, 2), base(20, 3, incremental=True), base(30, 4, incremental=True)]
    assert contents.begin_at(line(known, []), at(29)) == (known[1], known[2])
    assert contents.begin_at(line(known, []), at(30)) == tuple(known[1:])
    assert contents.begin_at(line(known, []), at(5)) == (known[0],)
    assert contents.begin_at(line(known, []), at(-5)) == ()


def test_a_transaction_begins_with_a_base_backup_that_it_is_not_in() -> None:
    known = [base(0, 1, following=700), base(10, 2, following=800)]
    assert contents.begin_before(line(known, []), 799) == (known[0],)
    assert contents.begin_before(line(known, []), 800) == (known[1],)
    assert contents.begin_before(line(known, []), 699) == ()


@given(st.sets(st.integers(1, 40)), st.sets(st.integers(1, 40), min_size=1), st.integers(0, 400))
def test_every_second_of_a_window_has_a_base_backup_and_all_the_log_after_it(
    log: set[int], starts: set[int], seconds: int
) -> None:
    """A base backup is complete when its first segment is; a segment is full after ten seconds more."""
    known = line([base(10 * start, start) for start in sorted(starts)], [segment(n, 10 * n + 10) for n in sorted(log)])
    found = contents.windows([known], None)
    if any(window.holds(at(seconds)) for window in found):
        begin = contents.begin_at(known, at(seconds))[-1]
        first = int(begin.start[-8:], 16)
        needed = [number for number in range(first, 41) if 10 * number < seconds]
        assert {*needed} <= log or at(seconds) == begin.at
    assert all(one.end < other.start for one, other in pairwise(found))
