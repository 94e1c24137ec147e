"""The archive's copies: which are made, which go, and that every promised second comes back from what is left."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbserver.archive.contents import Base, Line, Segment
from dbserver.offsite import archived
from dbserver.offsite.archived import FULL, INCREMENTAL, LOG, Piece

NAME = "20261123t000000z-7577000000000000001"
BEGIN = datetime(2026, 11, 23, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def segment(number: int) -> str:
    return f"00000001{number // 256:08X}{number % 256:08X}"


def base(day: float, number: int, *, incremental: bool = True, whole: bool = False) -> Base:
    at = BEGIN + DAY * day
    return Base(at.strftime("%Y%m%dt%H%M%Sz") + "+" * whole, at, incremental and not whole, segment(number), 0)


def log(*numbers: int, packed: bool = True) -> tuple[Segment, ...]:
    return tuple(Segment(segment(n) + ".gz" * packed, 1000, BEGIN + HOUR * n) for n in numbers)


def line(bases: tuple[Base, ...], segments: tuple[Segment, ...]) -> Line:
    return Line(NAME, bases, segments, streaming=True)


def piece(kind: str, day: float, first: int, last: int | None = None) -> Piece:
    return Piece(NAME, BEGIN + DAY * day, kind, segment(first), segment(first if last is None else last))


def missing(known: Line, there: list[Piece], begun: list[Piece] | None = None, day: float = 3) -> list[Piece]:
    return archived.missing(known, there, begun or [], DAY * 7, BEGIN + DAY * day)


def test_a_name_says_what_a_copy_holds() -> None:
    for kind in (FULL, INCREMENTAL, LOG):
        assert archived.parse(piece(kind, 1, 2, 700).id) == piece(kind, 1, 2, 700)


@pytest.mark.parametrize("name", ["shop_2026-11-23T00-00-00Z", "archive.log.x_2026-11-23T00-00-00Z", "archive", ""])
def test_other_names_are_none_of_the_archive_s(name: str) -> None:
    assert archived.parse(name) is None


def test_whole_segments_go_first_in_pieces_that_an_interruption_may_cost() -> None:
    known = line((base(0, 1, incremental=False),), (*log(*range(1, 71)), Segment(segment(71) + ".partial", 1, BEGIN)))
    found = missing(known, [])
    assert [(each.kind, each.first, each.last) for each in found] == [
        (LOG, segment(1), segment(64)), (LOG, segment(65), segment(70)), (FULL, segment(1), segment(1))
    ]  # fmt: skip


def test_what_was_begun_goes_on_under_its_name_although_there_is_more_now() -> None:
    known = line((), log(1, 2, 3, 4, 5))
    begun = [piece(LOG, 0, 1, 3)]
    assert [(each.first, each.last) for each in missing(known, [], begun)] == [
        (segment(1), segment(3)), (segment(4), segment(5))
    ]  # fmt: skip


def test_nothing_is_copied_twice() -> None:
    known = line((base(0, 1, incremental=False), base(1, 24)), log(*range(1, 30)))
    assert missing(known, missing(known, [])) == []


def test_a_base_backup_that_was_made_whole_is_copied_again_only_when_the_last_whole_one_is_old() -> None:
    there = [piece(FULL, 0, 1), piece(INCREMENTAL, 1, 24), piece(INCREMENTAL, 8, 192)]
    assert missing(line((base(1, 24, whole=True), base(8, 192)), ()), there, day=6) == []
    assert missing(line((base(1, 24, whole=True), base(8, 192)), ()), there, day=8) == [piece(FULL, 1, 24)]


def test_a_base_backup_whose_copy_never_was_is_copied_whole() -> None:
    assert missing(line((base(5, 120, whole=True),), ()), [piece(FULL, 0, 1)]) == [piece(FULL, 5, 120)]


def test_what_an_incremental_one_needs_stays() -> None:
    there = [piece(FULL, 0, 1), piece(LOG, 1, 1, 24), piece(INCREMENTAL, 1, 24), piece(LOG, 2, 25, 60)]
    assert archived.expired(there, DAY / 2, BEGIN + DAY * 2) == set()


def test_what_is_older_than_the_last_whole_one_that_is_old_enough_goes() -> None:
    old = [piece(FULL, 0, 1), piece(LOG, 1, 1, 23), piece(INCREMENTAL, 1, 24)]
    there = [*old, piece(LOG, 2, 24, 60), piece(FULL, 2, 48), piece(INCREMENTAL, 3, 72)]
    assert archived.expired(there, DAY, BEGIN + DAY * 3) == set(old)
    assert archived.expired(there, DAY * 1.1, BEGIN + DAY * 3) == set()


def test_a_line_goes_once_all_of_it_is_old_but_never_the_newest() -> None:
    old = [piece(FULL, 0, 1), piece(LOG, 1, 1, 24)]
    newer = replace(piece(FULL, 3, 100), line=NAME.replace("23t", "26t"))
    assert archived.expired([*old, newer], DAY, BEGIN + DAY * 3) == set(old)
    assert archived.expired([*old, newer], DAY * 2, BEGIN + DAY * 3) == set()
    assert archived.expired(old, DAY / 24, BEGIN + DAY * 90) == set()


def test_a_clock_that_was_set_by_years_lets_nothing_go() -> None:
    there = [piece(FULL, 0, 1), piece(LOG, 1, 1, 24), piece(FULL, 2, 48), piece(LOG, 3, 25, 72)]
    assert archived.expired(there, DAY * 2, BEGIN + DAY * 3) == set()
    assert archived.expired(there, DAY * 2, BEGIN + DAY * 3000) == set()


def test_what_was_begun_goes_when_all_that_is_kept_is_newer() -> None:
    begun = [piece(LOG, 0, 1, 3), piece(FULL, 5, 120)]
    assert archived.forsaken(begun, [piece(FULL, 2, 48)]) == {begun[0]}
    assert archived.forsaken(begun, []) == set(), "nothing says that it is old"


def test_a_hole_in_the_log_ends_a_window() -> None:
    there = [piece(FULL, 0, 1), piece(LOG, 1, 1, 24), piece(LOG, 3, 50, 72), piece(FULL, 2.5, 60)]
    assert [(each.start, each.end) for each in archived.windows(there)] == [
        (BEGIN, BEGIN + DAY), (BEGIN + DAY * 2.5, BEGIN + DAY * 3)
    ]  # fmt: skip
    assert archived.needed(there, BEGIN + DAY * 2) is None


def test_an_incremental_one_without_those_that_it_needs_brings_nothing_back() -> None:
    assert archived.needed([piece(INCREMENTAL, 1, 24), piece(LOG, 2, 24, 48)], None) is None


def test_a_moment_takes_the_base_backups_before_it_and_the_log_past_it() -> None:
    there = [
        piece(FULL, 0, 1),
        piece(INCREMENTAL, 1, 24),
        *(piece(LOG, n / 2, n * 12 - 11, n * 12) for n in range(1, 9)),
    ]
    found = archived.needed(there, BEGIN + DAY * 1.2)
    assert found is not None
    assert [each.at for each in found.bases] == [BEGIN, BEGIN + DAY]
    assert [each.at for each in found.log] == [BEGIN + DAY * n / 2 for n in (2, 3, 4)]
    last = archived.needed(there, None)
    assert last is not None
    assert (last.window.end, len(last.log)) == (BEGIN + DAY * 4, 7)


# What happens at a place in a day: how many pushes, whether it is pruned.
DAYS = st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=40)


@given(days=DAYS, keep=st.integers(1, 9), here=st.integers(2, 7), incremental=st.booleans())
def test_every_promised_second_comes_back_after_any_pushes_and_prunes(
    *, days: list[tuple[int, bool]], keep: int, here: int, incremental: bool
) -> None:
    """The keeper makes a base backup and 24 segments a day and keeps `here` days; that long no push may be missing."""
    there: list[Piece] = []
    bases: list[Base] = []
    pushed = BEGIN
    for day, (pushes, prunes) in enumerate(days):
        bases = kept_here([*bases, base(day, day * 24 + 1, incremental=incremental and bool(bases))], day - here)
        held, now = log(*range(round((bases[0].at - BEGIN) / HOUR) + 1, day * 24 + 25)), BEGIN + DAY * (day + 1)
        for _ in range(max(pushes, day % here == here - 1)):
            there += archived.missing(line(tuple(bases), held), there, [], DAY * keep, now)
            pushed = now
        if prunes:
            gone = archived.expired(there, DAY * keep, now)
            there = [each for each in there if each not in gone]
        wanted = max(now - DAY * keep, BEGIN)
        while wanted <= pushed and there:
            assert archived.needed(there, wanted), f"{wanted} does not come back from {there}"
            wanted += HOUR * 7


def kept_here(bases: list[Base], day: int) -> list[Base]:
    """Return what the keeper leaves: from the newest base backup of that day or before on, which it makes whole."""
    older = [number for number, each in enumerate(bases) if each.at <= BEGIN + DAY * day]
    if not older or older[-1] == 0:
        return bases
    first = bases[older[-1]]
    whole = replace(first, name=f"{first.name}+", incremental=False) if first.incremental else first
    return [whole, *bases[older[-1] + 1 :]]
