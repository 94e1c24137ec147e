"""Schedules in words and in cron's fields, as cron and systemd take them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbserver.backups import schedule

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "five", "calendar"),
    [
        ("hourly", "0 * * * *", f"*-*-* {','.join(f'{hour:02}' for hour in range(24))}:00:00"),
        ("daily", "0 3 * * *", "*-*-* 03:00:00"),
        ("Daily 04:30", "30 4 * * *", "*-*-* 04:30:00"),
        ("weekly", "0 3 * * 0", "Sun *-*-* 03:00:00"),
        ("weekly friday 23:05", "5 23 * * 5", "Fri *-*-* 23:05:00"),
        ("weekly mon", "0 3 * * 1", "Mon *-*-* 03:00:00"),
        ("monthly 1:00", "0 1 1 * *", "*-*-01 01:00:00"),
        ("15 2 * * *", "15 2 * * *", "*-*-* 02:15:00"),
        ("0 3 * * 7", "0 3 * * 7", "Sun *-*-* 03:00:00"),
        ("0 0 1,15 1-2 *", "0 0 1,15 1-2 *", "*-01,02-01,15 00:00:00"),
    ],
)
def test_words_and_fields_are_understood(text: str, five: str, calendar: str) -> None:
    assert schedule.fields(text) == five
    assert schedule.calendar(five) == calendar


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sometimes",
        "daily 25:00",
        "daily 03:00 04:00",
        "weekly someday",
        "61 * * * *",
        "* * * *",
        "0 3 1 * 1",
        "0 3 * * 1#2",
    ],
)
def test_what_is_no_schedule_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(ValueError, match=r"schedule|make it one of them"):
        schedule.fields(text)


def test_a_run_that_did_not_happen_is_missed_after_some_patience() -> None:
    installed = NOW - timedelta(days=3)
    expected = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
    assert schedule.missed("0 3 * * *", installed, NOW - timedelta(days=1), NOW) == expected
    assert schedule.missed("0 3 * * *", installed, expected, NOW) is None
    assert schedule.missed("0 3 * * *", installed, None, NOW) == expected
    assert schedule.missed("0 3 * * *", NOW - timedelta(hours=1), None, NOW) is None, "it was installed afterwards"
    assert schedule.missed("30 11 * * *", installed, NOW - timedelta(days=1), NOW) is None, "it may be waiting"


@given(st.lists(st.text(st.characters(exclude_characters="\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")), max_size=5))
def test_other_lines_of_a_crontab_stay_as_they_are(lines: list[str]) -> None:
    table = "".join(f"{line}\n" for line in lines if not line.endswith("# db-server dev"))
    with_ours = schedule.in_crontab(table, "dev", "0 3 * * * backup")
    assert with_ours == table + "0 3 * * * backup # db-server dev\n"
    assert schedule.in_crontab(with_ours, "dev", "1 1 * * * other").count("# db-server dev") == 1
    assert schedule.in_crontab(with_ours, "dev", "") == table


def test_another_stack_s_line_is_not_ours() -> None:
    theirs = "0 3 * * * backup # db-server prod\n"
    assert schedule.in_crontab(theirs, "dev", "") == theirs


def test_hostile_paths_stay_one_word() -> None:
    command = schedule.command("/srv/my $(project)/100%/dbserver", "dev", "/usr/bin")
    assert "'/srv/my $(project)/100%/dbserver'" in command
    assert schedule.cron_line("0 3 * * *", command).count("\\%") == 1
    assert "100%%" in schedule.service(command, "dev")
    assert "$$(project)" in schedule.service(command, "dev")
