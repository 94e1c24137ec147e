"""Generated passwords: long, different each time, kept."""

import re

from infra.password import PasswordProvider


def test_a_password_is_192_random_bits_in_characters_that_need_no_quoting() -> None:
    made = {(PasswordProvider().create({}).outs or {})["value"] for _ in range(20)}
    assert len(made) == 20
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{32}", value) for value in made)


def test_a_password_is_kept_whatever_else_changes() -> None:
    assert PasswordProvider().diff("password", {"value": "kept"}, {"value": None}).changes is False
