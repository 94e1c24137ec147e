"""What servers print: where its lines end, and how they are shown."""

import pytest

from dbserver.cleaning import clean, lines, printable


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("ALTER ROLE a PASSWORD 'secret word' VALID", "ALTER ROLE a PASSWORD *** VALID"),
        ("connecting to postgresql://shop:se:cr/et@host:5432/db", "connecting to postgresql://shop:***@host:5432/db"),
        ('password = "secret"', "password = ***"),
        ("host=standby password=s3cret user=r", "host=standby password=*** user=r"),
        ("CREATE ROLE a PASSWORD 'cut off", "CREATE ROLE a PASSWORD ***"),
        ('password authentication failed for user "shop"', 'password authentication failed for user "shop"'),
        ("  x" * 200, ("x" + "  x" * 199)[:197] + "..."),
    ],
)
def test_a_line_is_shown_without_secrets_and_not_too_long(line: str, shown: str) -> None:
    assert clean(line) == shown


# What `str.splitlines` takes for the end of a line, and an application may put into a name.
ENDS = ["\r", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]


@pytest.mark.parametrize("end", ENDS, ids=ascii)
def test_a_line_ends_at_a_line_feed_alone(end: str) -> None:
    assert len(f"a{end}b".splitlines()) == 2
    assert lines(f"a{end}b\nc") == [f"a{end}b", "c"]


def test_the_last_line_feed_begins_no_line() -> None:
    assert (lines(""), lines("\n"), lines("a\n\n"), lines("a\r\nb")) == ([], [""], ["a", ""], ["a", "b"])


def test_what_a_terminal_obeys_or_hides_is_a_blank_of_the_same_width() -> None:
    assert printable("a\x1b]0;t\x07b\u202ec\n\td\x9be\u2028f") == "a ]0;t b c\n\td e f"
    assert clean("one\nmend: curl evil") == "one mend: curl evil"
