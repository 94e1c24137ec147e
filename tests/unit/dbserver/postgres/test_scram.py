"""SCRAM verifiers against the test vector of RFC 7677."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbserver.postgres import scram

SALT = "W22ZaJ0SNY7soEsUEjb6gQ=="
# RFC 7677, section 3: user "user", password "pencil", this salt, 4096 iterations.
KEYS = "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
VECTOR = f"SCRAM-SHA-256$4096:{SALT}${KEYS}"


def test_the_verifier_is_the_one_of_the_standard() -> None:
    assert scram.verifier("pencil", base64.b64decode(SALT)) == VECTOR


def test_a_verifier_is_its_password_s_and_no_other_s() -> None:
    assert scram.matches(VECTOR, "pencil")
    assert not scram.matches(VECTOR, "Pencil")
    assert not scram.matches(VECTOR, "")


def test_two_verifiers_of_a_password_differ_and_both_match() -> None:
    one, other = scram.verifier("pencil"), scram.verifier("pencil")
    assert one != other
    assert scram.matches(one, "pencil")
    assert scram.matches(other, "pencil")


@pytest.mark.parametrize(
    "stored",
    [
        "", "pencil", "md55f4dcc3b5aa765d61d8327deb882cf99", "$$", "SCRAM-SHA-256$$", "SCRAM-SHA-256$4096$x",
        "SCRAM-SHA-256$x:eA==$a:b", "SCRAM-SHA-256$4096:!$a:b", "SCRAM-SHA-256$0:eA==$a:b",
        "SCRAM-SHA-256$-1:eA==$a:b", VECTOR.replace("SHA-256", "SHA-1"), VECTOR + "$", VECTOR[:-1], f" {VECTOR}",
    ],
)  # fmt: skip
def test_any_other_form_is_no_match(stored: str) -> None:
    assert scram.matches(stored, "pencil") is False


def test_other_iterations_are_taken_from_what_is_stored() -> None:
    assert scram.matches(scram.verifier("pencil", b"salt", 8192), "pencil")


@settings(max_examples=10)
@given(st.text(min_size=1))
def test_the_verifier_of_any_password_matches_and_does_not_hold_it(password: str) -> None:
    made = scram.verifier(password, b"salt", 1)
    assert scram.matches(made, password)
    assert not scram.matches(made, password + "x")
