"""Which time a history is of."""

from datetime import timedelta

import pytest

from dbserver.actions import history
from dbserver.archive.contents import Window
from dbserver.errors import UsageError
from tests.unit.dbserver.archive.test_contents import NOON, at

OLD, NEW = Window("old", at(0), at(100)), Window("new", at(200), at(300))


def test_without_a_word_it_is_the_last_hour_before_the_end() -> None:
    assert history._asked(None, None, NOON) == (NOON - timedelta(hours=1), NOON)
    assert history._asked(None, "-2h", NOON) == (NOON - timedelta(hours=3), NOON - timedelta(hours=2))
    assert history._asked("-2h", None, NOON) == (NOON - timedelta(hours=2), NOON)


@pytest.mark.parametrize(("since", "until"), [("-1h", "-2h"), ("-1h", "-1h"), ("2026-11-26 13:00Z", None)])
def test_a_time_that_ends_before_it_begins_is_refused(since: str, until: str | None) -> None:
    with pytest.raises(UsageError, match="is not before"):
        history._asked(since, until, NOON)


def test_the_newest_times_without_a_hole_that_reach_into_it_are_taken() -> None:
    assert history._within([OLD, NEW], at(50), at(250)) == NEW
    assert history._within([OLD, NEW], at(50), at(199)) == OLD
    # The last second of an archive that is away is in it.
    assert history._within([OLD, NEW], at(300.9), at(400)) == NEW


def test_a_time_in_a_hole_or_outside_is_refused_with_what_is_reached() -> None:
    with pytest.raises(UsageError, match="nothing from 2026-11-26 12:02:00Z to") as fault:
        history._within([OLD, NEW], at(120), at(150))
    assert fault.value.hint.startswith("it reaches from 2026-11-26 12:00:00Z to")
    with pytest.raises(UsageError) as fault:
        history._within([], at(0), at(1))
    assert "no base backup yet" in fault.value.hint
