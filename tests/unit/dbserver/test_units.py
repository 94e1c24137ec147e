"""Amounts as people write them and read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbserver import units


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("512m", 512 * 1024**2), ("2g", 2 * 1024**3), ("1.5 GiB", 1536 * 1024**2), ("64K", 65536), ("1t", 1024**4),
        ("100", 100), (100, 100), (" 1 kb ", 1024),
    ],
)  # fmt: skip
def test_an_amount_of_memory_is_read(written: object, amount: int) -> None:
    assert units.parse_bytes(written) == amount


@pytest.mark.parametrize("written", ["", "m", "-1m", "1x", "1e3", "1m2", "9" * 13, "1..2g", None])
def test_what_is_no_amount_of_memory_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="should be an amount of memory such as 512m or 2g"):
        units.parse_bytes(written)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("90", 90), ("60s", 60), ("5m", 300), ("5 min", 300), ("2h", 7200), ("1d", 86400), ("1.5M", 90), ("0", 0)],
)
def test_a_duration_is_read(written: str, seconds: float) -> None:
    assert units.parse_seconds(written) == seconds


@pytest.mark.parametrize("written", ["", "s", "-1s", "1w", "1h30m", "1e3", "9" * 10, "inf", "nan"])
def test_what_is_no_duration_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="should be a duration such as 60s, 5m or 2h"):
        units.parse_seconds(written)


@given(st.integers(0, 10**9 - 1), st.sampled_from(sorted(units.SECONDS)))
def test_every_whole_duration_is_read_as_its_number_of_units(number: int, unit: str) -> None:
    assert units.parse_seconds(f"{number}{unit}") == number * units.SECONDS[unit]


@given(st.text())
def test_any_text_is_an_amount_of_at_least_nothing_or_a_fault(text: str) -> None:
    for parse in (units.parse_bytes, units.parse_seconds):
        try:
            assert parse(text) >= 0
        except ValueError as fault:
            assert str(fault).startswith("should be ")  # noqa: PT017  either is right


@pytest.mark.parametrize(
    ("amount", "shown"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 kB"), (1536 * 1024, "1.5 MB"), (5 * 1024**4, "5120.0 GB")],
)
def test_bytes_are_shown_in_their_largest_unit(amount: int, shown: str) -> None:
    assert units.size(amount) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0004, "0 ms"), (0.214, "214 ms"), (1, "1.0 s"), (9.94, "9.9 s"), (42.4, "42 s"), (60, "1 min 0 s"),
        (3599, "59 min 59 s"), (3600, "1 h 0 min"), (86399, "23 h 59 min"), (90000, "1 d 1 h"),
    ],
)  # fmt: skip
def test_a_duration_is_shown_in_its_two_largest_units(seconds: float, shown: str) -> None:
    assert units.duration(seconds) == shown
