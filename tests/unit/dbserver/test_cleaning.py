"""Lines as they are shown: without secrets, not too long."""

import pytest

from dbserver.cleaning import clean


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
