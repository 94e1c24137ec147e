"""A passphrase that does not fit, or is missing: what is told of it."""

import os
from collections.abc import Callable

import pytest

from dbserver.engine import command, passphrase, state
from dbserver.errors import DbServerError, UsageError
from tests.unit.fakes import Failed, Programs

DECRYPTING = "error: getting secrets manager: passphrase must be set: incorrect passphrase"


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(
    "asking",
    [lambda: command.select("dev"), lambda: command.outputs("dev"), lambda: state.exported("dev")],
    ids=["select", "output", "export"],
)
def test_another_passphrase_is_a_fault_of_usage_that_says_where_the_right_one_belongs(
    programs: Programs, asking: Callable[[], object]
) -> None:
    programs.answer("pulumi", Failed(DECRYPTING, 255))
    with pytest.raises(UsageError, match="encryptionsalt was made with another passphrase") as caught:
        asking()
    assert len(programs.calls) == 1
    assert caught.value.hint == "put that passphrase into .state/passphrase; docs/how-to/state-and-secrets.md"


PAGE = "docs/how-to/state-and-secrets.md"
NO_WORDS = "error: get stack secrets manager: passphrase must be set with PULUMI_CONFIG_PASSPHRASE or ..."
NO_FILE = "error: get stack secrets manager: unable to read PULUMI_CONFIG_PASSPHRASE_FILE: open /gone: no such file"


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("said", [DECRYPTING, NO_WORDS, NO_FILE])
@pytest.mark.parametrize(
    ("chosen", "hint"),
    [
        ({}, "put that passphrase into .state/passphrase"),
        ({passphrase.VARIABLE: ""}, f"{passphrase.VARIABLE} is set: put that passphrase into it, or unset it"),
        (
            {passphrase.FILE_VARIABLE: "/gone"},
            f"{passphrase.FILE_VARIABLE} is set: put that passphrase into /gone, or unset it",
        ),
        (
            {passphrase.VARIABLE: "x", passphrase.FILE_VARIABLE: "/gone"},
            f"{passphrase.VARIABLE} is set: put that passphrase into it, or unset it",
        ),
    ],
)
def test_a_passphrase_that_does_not_fit_or_is_missing_is_told_with_the_variable_that_is_set(
    programs: Programs, monkeypatch: pytest.MonkeyPatch, said: str, chosen: dict[str, str], hint: str
) -> None:
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    programs.answer("pulumi", Failed(said, 255))
    with pytest.raises(UsageError) as caught:
        state.exported("dev")
    assert caught.value.hint == f"{hint}; {PAGE}"


@pytest.mark.usefixtures("kept")
def test_a_state_that_belongs_to_another_person_is_told_with_its_owner(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    programs.answer("pulumi", Failed('error: write ".pulumi/meta.yaml": permission denied', 255))
    with pytest.raises(DbServerError, match="this clone belongs to"):
        state.exported("dev")
