"""The command line: exit codes that are true, data and messages apart, no stack trace."""

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dbserver import declared, errors
from dbserver.cli import main as cli
from dbserver.results import Started, Status, Stopped
from tests.unit.dbserver.cli.test_render import MISSING, MISSING_TEXT, WELL_TEXT, server

VERBS = ("start", "stop", "status")
WELL, DOWN = Status("unit", (server(),)), Status("unit", (server(), MISSING))
RESULTS = {"start": Started(WELL, 1.5), "stop": Stopped("unit", ("a",), ()), "status": WELL}

Run = Callable[..., int]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run the command line with a verb that returns or raises what the test says; return the exit code."""
    monkeypatch.setattr(declared, "ROOT", tmp_path)
    (tmp_path / ".state").mkdir()
    for stack in ("dev", "json"):
        (tmp_path / f"Pulumi.{stack}.yaml").write_text("config: {}\n")

    def act(*arguments: str, ends: Any = None) -> int:
        verb = next((argument for argument in arguments if argument in VERBS), "")
        if verb:
            result = RESULTS[verb] if ends is None else ends

            def action(*_: Any) -> Any:
                if isinstance(result, BaseException):
                    raise result
                return result

            monkeypatch.setattr(importlib.import_module(f"dbserver.actions.{verb}"), verb, action)
        monkeypatch.setattr(sys, "argv", ["dbserver", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0)

    return act


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_every_verb_names_its_options(run: Run, capsys: pytest.CaptureFixture[str], verb: str) -> None:
    assert run(verb, "--help") == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: dbserver {verb} ")
    for option in ("--stack", "--format [text|json]", "-h, --help"):
        assert option in shown


def test_the_help_names_every_verb_with_what_it_does(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    shown = capsys.readouterr().out
    assert set(cli.commands.commands) == set(VERBS)
    for name, command in cli.commands.commands.items():
        assert f"  {name} " in shown
        assert command.help


def test_the_version_is_shown(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert "dbserver, version " in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [("bogus",), ("status", "--bogus"), ("status", "--format", "xml"), ("stop", "x")])
def test_a_command_that_does_not_exist_is_a_fault_of_usage(
    run: Run, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    assert run(*arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "error: " in captured.err


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (errors.DbServerError("it failed", "mend it"), 1),
        (errors.CommandError("docker ps", 1, "it failed"), 1),
        (errors.UsageError("it failed", "mend it"), 2),
        (errors.NotRunningError("it failed", "mend it"), 3),
        (errors.LockedError("it failed", "mend it"), 4),
        (errors.RefusedError("it failed", "mend it"), 5),
    ],
)
@pytest.mark.parametrize("verb", VERBS)
def test_every_class_of_fault_ends_with_its_code_and_a_message_on_standard_error(
    run: Run, capsys: pytest.CaptureFixture[str], verb: str, fault: errors.DbServerError, code: int
) -> None:
    assert run(verb, ends=fault) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    hint = f"HINT: {fault.hint}\n" if fault.hint else ""
    assert captured.err == f"error: {fault.message}\n{hint}"


@pytest.mark.parametrize("arguments", [("--format", "json"), ("--format=json",)])
def test_a_fault_is_json_on_standard_output_where_json_is_wanted(
    run: Run, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    assert run("status", *arguments, ends=errors.LockedError("busy", "wait")) == 4
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"error": {"message": "busy", "hint": "wait", "exitCode": 4}}


def test_a_stack_of_that_name_does_not_ask_for_json(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status", "--stack", "json", ends=errors.LockedError("busy", "wait")) == 4
    assert capsys.readouterr().out == ""


def test_a_fault_of_usage_is_json_too_where_json_is_wanted(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status", "--format", "json", "--bogus") == 2
    assert json.loads(capsys.readouterr().out)["error"]["exitCode"] == 2


@pytest.mark.parametrize("verb", VERBS)
def test_a_result_as_json_is_on_standard_output_alone(run: Run, capsys: pytest.CaptureFixture[str], verb: str) -> None:
    assert run(verb, "--format", "json") == 0
    captured = capsys.readouterr()
    assert isinstance(json.loads(captured.out), dict)
    assert captured.err == ""


def test_a_status_is_printed_and_ends_with_0_where_both_answer(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status") == 0
    assert capsys.readouterr().out == f"{WELL_TEXT}\n"


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_status_is_printed_and_ends_with_3_where_one_does_not_answer(
    run: Run, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    assert run("status", "--format", form, ends=DOWN) == 3
    shown = capsys.readouterr().out
    if form == "text":
        assert shown == f"{WELL_TEXT}\n{MISSING_TEXT}\n"
    else:
        assert json.loads(shown)["well"] is False


@pytest.mark.parametrize("verb", VERBS)
def test_an_unexpected_exception_is_one_line_and_its_trace_is_kept_for_the_report(
    run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path, verb: str
) -> None:
    assert run(verb, ends=ZeroDivisionError("surprise")) == 1
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err + captured.out
    assert captured.err.splitlines() == [
        "error: unexpected ZeroDivisionError: surprise",
        f"HINT: report it, with {tmp_path}/.state/last-error.txt",
    ]
    kept = tmp_path / ".state" / "last-error.txt"
    assert "ZeroDivisionError: surprise" in kept.read_text()
    assert kept.stat().st_mode & 0o777 == 0o600


def test_an_interruption_says_that_nothing_is_lost(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("start", ends=KeyboardInterrupt()) == 1
    assert capsys.readouterr().err.strip() == "error: interrupted\nHINT: run the command again to finish"


def test_the_verb_gets_the_stack_that_was_asked_for(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[str] = []
    (tmp_path / "Pulumi.prod.yaml").write_text("config: {}\n")
    read = declared.read

    def reading(stack: str) -> declared.Declared:
        asked.append(stack)
        return read(stack)

    monkeypatch.setattr(declared, "read", reading)
    run("status", "--stack", "prod")
    assert asked == ["prod"]
