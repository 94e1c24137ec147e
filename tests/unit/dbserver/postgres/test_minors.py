"""Which minor versions let an application's view run as superuser."""

import pytest

from dbserver.postgres.minors import letting_views_in


@pytest.mark.parametrize(
    ("version", "needed"),
    [
        ("15.7", "15.8"),
        ("15.8 (Debian 15.8-1.pgdg120+1)", ""),
        ("16.3 (Debian 16.3-1.pgdg120+1)", "16.4"),
        ("16.10", ""),
        ("17.0", ""),
        ("18beta1", ""),
        ("", ""),
    ],
)
def test_a_minor_that_cannot_keep_views_out_is_told_the_first_that_can(version: str, needed: str) -> None:
    assert letting_views_in(version) == needed
