"""Errors: one table of exit codes, and the next step after every message."""

import pytest

from dbserver import errors
from dbserver.errors import DbServerError, Exit


def test_the_exit_codes_are_the_documented_table() -> None:
    assert {code.name: code.value for code in Exit} == {
        "DONE": 0,
        "FAILED": 1,
        "USAGE": 2,
        "UNHEALTHY": 3,
        "LOCKED": 4,
        "REFUSED": 5,
    }


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.DbServerError("m"), 1),
        (errors.CommandError("c", 9, "o"), 1),
        (errors.UsageError("m"), 2),
        (errors.NotRunningError("m"), 3),
        (errors.LockedError("m"), 4),
        (errors.RefusedError("m"), 5),
    ],
)
def test_every_class_of_error_has_its_code(error: DbServerError, code: int) -> None:
    assert error.exit_code == code


def test_every_code_but_success_belongs_to_an_error() -> None:
    classes: list[type[DbServerError]] = [DbServerError, *DbServerError.__subclasses__()]
    assert {error.exit_code for error in classes} == set(Exit) - {Exit.DONE}


def test_the_hint_stands_on_a_line_of_its_own() -> None:
    assert str(DbServerError("what is wrong", "what to do")) == "what is wrong\nHINT: what to do"
    assert str(DbServerError("what is wrong")) == "what is wrong"
