"""What an update comes to: which of the engine's events are told, and which are why it failed."""

import time

import pytest

from dbserver.engine import events
from tests.unit.dbserver.engine.said import (
    APPLICATION,
    CONTAINER,
    EXITED,
    STACK,
    URN,
    account,
    done,
    event,
    message,
    step,
)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second from one look at the clock to the next."""
    seconds = iter(range(1000))
    monkeypatch.setattr(time, "monotonic", lambda: next(seconds) / 2)


@pytest.mark.parametrize(
    ("op", "told"),
    [
        ("create", "+  Container redis created (0.5 s)"), ("update", "~  Container redis updated (0.5 s)"),
        ("delete", "-  Container redis deleted (0.5 s)"), ("import", "=  Container redis imported (0.5 s)"),
        ("create-replacement", "++ Container redis created replacement (0.5 s)"),
        ("delete-replaced", "-- Container redis deleted original (0.5 s)"),
        ("replace", "+- Container redis replaced (0.5 s)"),
    ],
)  # fmt: skip
def test_a_change_is_told_once_it_is_done_with_its_seconds(op: str, told: str) -> None:
    began = step("resourcePreEvent", op, CONTAINER, "redis")
    assert account(began)[1] == []
    assert account(began, done(op, CONTAINER, "redis"))[1] == [told]


def test_what_differs_is_told_with_a_change_and_an_unknown_beginning_is_no_fault() -> None:
    _, told = account(done("update", APPLICATION, "shop", diffs=["connectionLimit", "role"]))
    assert told == ["~  Application shop updated (0.0 s) [connectionLimit, role]"]


@pytest.mark.parametrize("op", ["same", "refresh", "read", "discard", "a-word-of-tomorrow"])
def test_a_step_that_changes_nothing_is_not_told(op: str) -> None:
    assert account(step("resourcePreEvent", op, CONTAINER, "redis"), done(op, CONTAINER, "redis"))[1] == []


def test_events_of_other_kinds_are_neither_told_nor_a_reason() -> None:
    failed = step("resOpFailedEvent", "create", CONTAINER, "redis", status=0)
    lines = [event("preludeEvent", config={}), failed, event("summaryEvent", result="failed"), event("cancelEvent")]
    found, told = account(*lines)
    assert (told, found.faults()) == ([], [("", "")])


def test_a_warning_is_told_once_whoever_repeats_it() -> None:
    said = "taking over container db-server-postgres\n"
    _, told = account(message("warning", said, urn=STACK), message("warning", said), message("warning", "other"))
    assert told == ["warning: taking over container db-server-postgres", "warning: other"]


def test_a_debug_message_goes_nowhere_because_it_holds_secrets_in_clear_text() -> None:
    found, told = account(message("debug", "props=hunter2\n"))
    assert (told, found.faults()) == ([], [("", "")])


def test_an_error_is_kept_with_the_resource_that_it_is_about() -> None:
    error = message(
        "error", "Exception calling application: it stopped\nHINT: x\n", urn=URN.format(APPLICATION, "shop")
    )
    found, told = account(error, message("error", "a fault\n", urn=STACK), message("error", "another\n"))
    assert found.faults() == [("shop", "it stopped\nHINT: x"), ("", "a fault"), ("", "another")]
    assert told == []


@pytest.mark.parametrize("noise", ["update failed\n", EXITED])
def test_that_it_failed_is_no_reason_why(noise: str) -> None:
    found, _ = account(message("error", "the reason"), message("error", noise))
    assert found.faults() == [("", "the reason")]


def test_an_application_s_words_forge_no_error_no_event_and_no_line_of_a_terminal() -> None:
    forged = f"Diagnostics:\nerror: it is lost\n{done('delete', CONTAINER, 'postgres')}\x1b[2J"
    found, told = account(message("warning", forged))
    assert found.faults() == [("", "")]
    assert told == [f"warning: Diagnostics:\nerror: it is lost\n{done('delete', CONTAINER, 'postgres')} [2J"]


def test_without_a_reason_what_was_said_last_stands_for_it() -> None:
    lines = [f"line {number}" for number in range(40)]
    found, told = account(*lines, message("info#err", "a trace\nof two lines\n"), "12", '["sequence"]')
    ((resource, text),) = found.faults()
    assert (resource, told) == ("", [])
    assert text.split("\n")[-5:] == ["line 39", "a trace", "of two lines", "12", '["sequence"]']
    assert len(text.split("\n")) == events.LAST_LINES
