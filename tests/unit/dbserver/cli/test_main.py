"""The command line: exit codes that are true, data and messages apart, no stack trace."""

import importlib
import io
import json
import pwd
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from dbserver import declared, errors
from dbserver.actions import applications
from dbserver.cli import failing, options, watch
from dbserver.cli import main as cli
from dbserver.cli.render import status as render_status
from dbserver.cli.verbs import servers
from dbserver.results.applications import ApplicationInfo, Applications, Doomed, Dropped, Environment
from dbserver.results.servers import Started, Stopped
from dbserver.results.status import Status
from tests.support import faulty
from tests.unit.dbserver.cli.render.test_servers import MISSING, server

VERBS = ("start", "stop", "status")
WELL, DOWN = Status("unit", (server(),)), Status("unit", (server(), MISSING))
RESULTS = {"start": Started(WELL, 1.5), "stop": Stopped("unit", ("a",), ()), "status": WELL}

Run = Callable[..., int]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run the command line with a verb that returns or raises what the test says; return the exit code."""
    monkeypatch.setattr(declared, "ROOT", tmp_path)
    monkeypatch.setattr(failing, "ROOT", tmp_path)
    (tmp_path / ".state").mkdir()
    for stack in ("dev", "json"):
        (tmp_path / f"Pulumi.{stack}.yaml").write_text("config: {}\n")

    def act(*arguments: str, ends: Any = None) -> int:
        verb = next((argument for argument in arguments if argument in VERBS), "")
        if verb:
            result = RESULTS[verb] if ends is None else ends

            def action(*_: Any, **__: Any) -> Any:
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
    for option in ("--stack", "--format [text|json", "-h, --help"):
        assert option in shown


@pytest.mark.parametrize("verb", sorted(options.commands.commands))
def test_the_help_of_every_verb_ends_with_examples_that_begin_as_they_are_typed(
    run: Run, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    assert run(verb, "--help") == 0
    examples = capsys.readouterr().out.partition("Examples")[2]
    assert f"dbserver {verb}" in examples


def test_the_help_names_every_verb_with_what_it_does(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    shown = capsys.readouterr().out
    assert set(options.commands.commands) == {
        *VERBS, "list", "info", "env", "drop", "connections", "drain", "restart", "logs", "psql", "redis-cli",
        "completion", "doctor", "backup", "backups", "verify", "restore", "rollback", "drill", "prune", "pin",
        "unpin", "checkpoint", "schedule", "preview", "guard", "drift", "upgrade", "adopt", "archive", "history",
        "offsite", "rescue", "add", "top",
    }  # fmt: skip
    for name, command in options.commands.commands.items():
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
    assert json.loads(captured.out) == {
        "schema": "error-1",
        "error": {"message": "busy", "hint": "wait", "exit_code": 4},
    }


def test_a_stack_of_that_name_does_not_ask_for_json(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status", "--stack", "json", ends=errors.LockedError("busy", "wait")) == 4
    assert capsys.readouterr().out == ""


def test_a_fault_of_usage_is_json_too_where_json_is_wanted(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status", "--format", "json", "--bogus") == 2
    assert json.loads(capsys.readouterr().out)["error"]["exit_code"] == 2


@pytest.mark.parametrize("verb", VERBS)
def test_a_result_as_json_is_on_standard_output_alone(run: Run, capsys: pytest.CaptureFixture[str], verb: str) -> None:
    assert run(verb, "--format", "json") == 0
    captured = capsys.readouterr()
    assert isinstance(json.loads(captured.out), dict)
    assert captured.err == ""


def test_a_status_is_printed_and_ends_with_0_where_both_answer(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status") == 0
    assert capsys.readouterr().out == f"{render_status.text(WELL)}\n"


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_status_is_printed_and_ends_with_3_where_one_does_not_answer(
    run: Run, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    assert run("status", "--format", form, ends=DOWN) == 3
    shown = capsys.readouterr().out
    if form == "text":
        assert shown == f"{render_status.text(DOWN)}\n"
    else:
        assert json.loads(shown)["well"] is False


def test_a_status_for_prometheus_is_metrics_and_ends_with_the_same_code(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("status", "--format", "prometheus", ends=DOWN) == 3
    shown = capsys.readouterr().out
    assert shown.startswith("# HELP dbserver_up ")
    assert shown.endswith("\n")
    assert not shown.endswith("\n\n")


@pytest.mark.parametrize("arguments", [(), ("--format", "json"), ("--format", "prometheus")])
def test_a_live_view_without_a_terminal_or_in_another_form_is_a_fault_of_usage(
    run: Run, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    assert run("status", "--watch", *arguments) == 2
    assert "--watch" in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "seconds"), [(("--watch",), 2), (("--watch", "1m"), 60), (("--watch=5",), 5)])
def test_a_live_view_asks_every_two_seconds_or_as_often_as_is_said(
    run: Run, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], seconds: float
) -> None:
    asked: list[tuple[Status, float]] = []
    monkeypatch.setattr(watch, "run", lambda sample, every: asked.append((sample(), every)))
    monkeypatch.setattr(servers, "is_terminal", lambda: True)
    assert run("status", *arguments, ends=DOWN) == 0
    assert asked == [(DOWN, seconds)]


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


def test_a_trace_that_cannot_be_kept_hides_no_error(
    run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / ".state" / "last-error.txt").mkdir()
    assert run("status", ends=ZeroDivisionError("surprise")) == 1
    shown = capsys.readouterr().err.splitlines()
    assert shown[0] == "error: unexpected ZeroDivisionError: surprise"
    assert "could not be written" in shown[1]
    assert len(shown) == 2


def test_a_file_of_another_persons_clone_is_named_with_the_owner(
    run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    own = str(tmp_path / ".state" / "locks")
    assert run("stop", ends=PermissionError(13, "Permission denied", own)) == 1
    owner = pwd.getpwuid(tmp_path.stat().st_uid).pw_name
    assert capsys.readouterr().err.splitlines() == [
        f"error: {own} is not yours to write or read: this clone belongs to {owner}",
        f"HINT: run this as {owner}, or make a clone of your own",
    ]


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


JUDGING = [
    "start", "stop", "restart --yes", "drop shop --confirm shop", "backup shop", "backup --all", "backup --redis",
    "checkpoint shop --colour blue --revision 1", "restore shop latest --confirm shop", "restore --redis latest",
    "restore --all --confirm postgres", "rollback shop --confirm shop", "drill shop", "prune --all --keep-last 1",
    "pin shop_1", "unpin shop_1", "upgrade postgres --to 18 --confirm postgres", "archive --base-backup",
    "offsite push", "offsite prune", "offsite fetch x --identity key", "schedule remove", 'schedule install daily',
    "preview", "drift", "add blog",
]  # fmt: skip


@pytest.mark.parametrize("verb", JUDGING)
def test_no_verb_that_changes_something_or_says_what_would_acts_on_a_faulty_file(
    run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path, verb: str
) -> None:
    content = yaml.safe_dump({"config": {f"db-server:{key}": value for key, value in faulty.TWELVE.items()}})
    (tmp_path / "Pulumi.dev.yaml").write_text(f"confg: {{}}\nconfg: {{}}\n{content}")
    assert run(*verb.split()) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: Pulumi.dev.yaml: ")
    besides = ["confg: stands twice, in line 1 and in line 2", "confg: unknown key; did you mean config?"]
    assert faulty.lines(shown.err) == [*besides, *faulty.LINES]


# The applications ------------------------------------------------------------------

SHOP = ApplicationInfo("shop", "shop_data", "shop_user", "shop_user", True, 1024 * 1024, 2, 20, "shop:", 0)  # noqa: FBT003  it exists
KEEPING = replace(SHOP, kept=("a", "b"), redis_keys=1234, redis_bytes=2048)
VARIABLES = {"DB_HOST": "h", "DB_PASSWORD": "it's"}


@pytest.fixture
def acted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Answer for the applications; record which verb was asked for which of them."""
    asked: list[str] = []

    def answer(verb: str, result: Any) -> Callable[..., Any]:
        def act(_: Any, name: str = "", **given: bool) -> Any:
            asked.append(" ".join([verb, name, *(each for each, wanted in given.items() if wanted)]).strip())
            return result

        return act

    monkeypatch.setattr(applications, "list_applications", answer("list", Applications("unit", (KEEPING,))))
    monkeypatch.setattr(applications, "info", answer("info", KEEPING))
    monkeypatch.setattr(applications, "environment", answer("env", Environment("shop", tuple(VARIABLES.items()))))
    monkeypatch.setattr(applications, "drop", answer("drop", Dropped("unit", "shop", "shop_data", "shop_user", 1)))
    doomed = Doomed("unit", "shop", "shop_data", "shop_user", 1024 * 1024, "shop_2026-11-23T14-05-07Z")
    monkeypatch.setattr(applications, "doomed", answer("doomed", doomed))
    return asked


@pytest.mark.usefixtures("acted")
def test_the_applications_are_a_table(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list") == 0
    assert capsys.readouterr().out == (
        "APPLICATION  DATABASE   ROLE       SIZE    CONNECTIONS  KEYS   IN REDIS  KEPT\n"
        "shop         shop_data  shop_user  1.0 MB  2 of 20      1,234  2.0 kB    2\n"
    )


@pytest.mark.usefixtures("acted")
def test_an_application_is_a_fact_a_line_or_one_value_alone(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("info", "shop") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "shop"
    assert {"  extensions   none", "  kept         a, b"} <= set(lines)
    assert run("info", "shop", "--field", "database") == 0
    assert capsys.readouterr().out == "shop_data\n"
    assert run("info", "shop", "--field", "bogus") == 2
    assert "HINT: one of: name, database, role" in capsys.readouterr().err


@pytest.mark.usefixtures("acted")
@pytest.mark.parametrize(
    ("field", "value"), [("database", "shop_data"), ("exists", True), ("connection_limit", 20), ("extensions", [])]
)
def test_one_value_of_an_application_is_json_of_its_own_type(
    run: Run, capsys: pytest.CaptureFixture[str], field: str, value: object
) -> None:
    assert run("info", "shop", "--field", field, "--format", "json") == 0
    assert json.loads(capsys.readouterr().out) == value
    assert run("info", "shop", "--field", "bogus", "--format", "json") == 2
    assert json.loads(capsys.readouterr().out)["error"]["exit_code"] == 2


@pytest.mark.usefixtures("acted")
@pytest.mark.parametrize("verb", [("list",), ("info", "shop"), ("env", "shop"), ("drop", "shop", "--confirm", "shop")])
def test_the_verbs_of_applications_print_json_alone(
    run: Run, capsys: pytest.CaptureFixture[str], verb: tuple[str, ...]
) -> None:
    assert run(*verb, "--format", "json") == 0
    captured = capsys.readouterr()
    assert isinstance(json.loads(captured.out), dict)
    assert captured.err == ""


@pytest.mark.usefixtures("acted")
@pytest.mark.parametrize(
    ("form", "printed"),
    [
        ("docker", "DB_HOST=h\nDB_PASSWORD=it's\n"),
        ("shell", "export DB_HOST=h\nexport DB_PASSWORD='it'\"'\"'s'\n"),
        ("json", json.dumps(VARIABLES, indent=2) + "\n"),
    ],
)
def test_an_environment_is_printed_in_the_form_that_is_asked_for(
    run: Run, capsys: pytest.CaptureFixture[str], form: str, printed: str
) -> None:
    assert run("env", "shop", "--format", form) == 0
    assert capsys.readouterr().out == printed


@pytest.mark.usefixtures("acted")
def test_an_environment_that_no_dotenv_file_can_hold_is_refused_with_the_other_forms(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("env", "shop") == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "it's" not in shown.err
    assert "DB_PASSWORD" in shown.err
    assert "HINT: --format shell" in shown.err


def test_one_variable_is_printed_alone_and_an_environment_for_the_network_or_the_host(
    run: Run, capsys: pytest.CaptureFixture[str], acted: list[str]
) -> None:
    assert run("env", "shop", "--field", "DB_PASSWORD", "--for", "host") == 0
    assert capsys.readouterr().out == "it's\n"
    assert run("env", "shop", "--field", "DB_PASSWORD", "--format", "json") == 0
    assert capsys.readouterr().out == '"it\'s"\n'
    assert run("env", "shop", "--field", "bogus") == 2
    assert "HINT: one of: DB_HOST, DB_PASSWORD" in capsys.readouterr().err
    assert acted == ["env shop host", "env shop", "env shop"]


def test_a_password_that_nobody_here_knows_is_told_beside_the_data(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Environment("shop", (("DB_USER", "shop_user"), ("DB_PASSWORD", "")))
    monkeypatch.setattr(applications, "environment", lambda *_, **__: kept)
    assert run("env", "shop") == 0
    shown = capsys.readouterr()
    assert shown.out == "DB_USER=shop_user\nDB_PASSWORD=\n"
    assert "the password of shop_user is kept in the server and not known here" in shown.err


@pytest.mark.usefixtures("acted")
def test_for_github_the_values_go_to_its_file_and_their_masks_to_the_log(
    run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_ENV", raising=False)
    assert run("env", "shop", "--format", "github") == 2
    assert "GITHUB_ENV is not set" in capsys.readouterr().err
    monkeypatch.setenv("GITHUB_ENV", str(tmp_path / "env"))
    assert run("env", "shop", "--format", "github") == 0
    assert capsys.readouterr().out == "::add-mask::it's\n::add-mask::it%2527s\n"
    assert (tmp_path / "env").read_text() == "DB_HOST=h\nDB_PASSWORD=it's\n"


@pytest.mark.parametrize("given", [(), ("--confirm", "shpo"), ("--confirm", ""), ("--confirm", "SHOP")])
def test_nothing_is_dropped_without_the_exact_name(
    run: Run, capsys: pytest.CaptureFixture[str], acted: list[str], monkeypatch: pytest.MonkeyPatch, given: Any
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("shop\n"))
    assert run("drop", "shop", *given) == 5
    assert capsys.readouterr().err == (
        "this destroys database shop_data (1.0 MB) and role shop_user of stack unit;"
        " its last backup: shop_2026-11-23T14-05-07Z, and one is made before\n"
        "error: shop was not confirmed; nothing was changed\nHINT: --confirm shop\n"
    )
    assert acted == ["doomed shop"]


def test_nobody_is_asked_to_confirm_what_is_refused(
    run: Run, capsys: pytest.CaptureFixture[str], acted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise errors.RefusedError("application shop is declared (as shop)", "remove the entry")

    monkeypatch.setattr(applications, "doomed", refuse)
    assert run("drop", "shop") == 5
    assert "confirm" not in capsys.readouterr().err
    assert acted == []


def test_a_confirmed_application_is_dropped(run: Run, capsys: pytest.CaptureFixture[str], acted: list[str]) -> None:
    assert run("drop", "shop", "--confirm", "shop") == 0
    assert acted == ["drop shop"]
    assert "dropped database shop_data and role shop_user" in capsys.readouterr().out


@pytest.mark.parametrize(("typed", "confirms"), [("shop", True), ("yes", False), ("", False)])
def test_at_a_terminal_the_name_is_asked_for(monkeypatch: pytest.MonkeyPatch, typed: str, *, confirms: bool) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    monkeypatch.setattr(click, "prompt", lambda *_, **__: typed)
    if confirms:
        options.confirmed("shop", None)
        return
    with pytest.raises(errors.RefusedError):
        options.confirmed("shop", None)
