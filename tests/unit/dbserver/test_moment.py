"""Moments as people write them: the zone is theirs to say, and never guessed."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbserver.errors import UsageError
from dbserver.moment import EXAMPLE, parse, written
from dbserver.units import SECONDS

NOW = datetime(2026, 11, 23, 14, 5, 7, tzinfo=timezone(timedelta(hours=1)))
zones = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=zones)  # noqa: DTZ001  the zone is drawn


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-23 14:05:07+01", "2026-11-23T13:05:07+00:00"),
        ("2026-11-23 14:05:07 +01:00", "2026-11-23T13:05:07+00:00"),
        ("2026-11-23T14:05:07-0330", "2026-11-23T17:35:07+00:00"),
        ("2026-11-23T13:05:07Z", "2026-11-23T13:05:07+00:00"),
        ("2026-11-23 13:05 UTC", "2026-11-23T13:05:00+00:00"),
        (" 2026-11-23 13:05:07.5z\n", "2026-11-23T13:05:07.500000+00:00"),
        ("2026-11-23 00:30:00+01", "2026-11-22T23:30:00+00:00"),
        ("-10min", "2026-11-23T12:55:07+00:00"),
        ("-90s", "2026-11-23T13:03:37+00:00"),
        ("-1.5h", "2026-11-23T11:35:07+00:00"),
        ("-2 d", "2026-11-21T13:05:07+00:00"),
    ],
)
def test_a_moment_is_read_in_the_zone_that_it_names(text: str, moment: str) -> None:
    assert parse(text, NOW).isoformat() == moment


@pytest.mark.parametrize("text", ["2026-11-23 14:05:07", "2026-11-23T14:05", "2026-11-23 14:05:07.25"])
def test_a_time_without_a_zone_is_refused_with_itself_in_two_zones(text: str) -> None:
    with pytest.raises(UsageError, match="has no time zone") as refused:
        parse(text, NOW)
    assert f"'{text}Z'" in refused.value.hint
    assert f"'{text}+01:00'" in refused.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "latest", "10min", "+10min", "-10", "-10 fortnights", "-1.2.3h", "--10min", "-999999999d",
        "2026-11-23", "14:05:07+01", "2026-02-30 14:05:07+01", "2026-11-23 24:05:07+01", "2026-11-23 14:05:07+25",
        "2026-11-23 14:05:07 CET", "2026-11-23 14:05:07+01 ; rm", "23.11.2026 14:05:07+01", "2026-W48-1 14:05+01",
        "0001-01-01 00:00:00+01", "9999-12-31 23:59:59-01", "\u0662\u0660\u0662\u0666-11-23 14:05:07Z", "-\u0661h",
    ],
)  # fmt: skip
def test_what_is_no_moment_is_refused_with_examples(text: str) -> None:
    with pytest.raises(UsageError, match="is no moment") as refused:
        parse(text, NOW)
    assert EXAMPLE in refused.value.hint


@given(moments, zones)
def test_every_moment_is_read_as_it_was_written_in_whatever_zone(moment: datetime, zone: timezone) -> None:
    read = parse(moment.astimezone(zone).isoformat(), NOW)
    assert read == moment
    assert read.tzinfo is UTC
    assert parse(written(moment), NOW) == moment


@given(st.integers(0, 10_000), st.sampled_from([unit for unit in SECONDS if unit]), moments)
def test_so_long_ago_is_counted_from_now(amount: int, unit: str, now: datetime) -> None:
    read = parse(f"-{amount}{unit}", now)
    assert now - read == timedelta(seconds=amount * SECONDS[unit])
    assert read.tzinfo is UTC


@given(moments)
def test_no_moment_is_read_without_its_zone(moment: datetime) -> None:
    with pytest.raises(UsageError, match="has no time zone"):
        parse(moment.replace(tzinfo=None).isoformat(" "), NOW)


@given(st.text(max_size=40))
def test_whatever_else_is_written_is_an_error_of_usage(text: str) -> None:
    with suppress(UsageError):
        assert parse(text, NOW).tzinfo is UTC
