"""connections, drain, restart, logs, the shells and completion: flags, questions, exit codes."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
from click.shell_completion import BashComplete, ShellComplete

from dbserver import clients, declared
from dbserver.actions import connections, logs, restart, shells, start, stop
from dbserver.cli.options import commands
from dbserver.errors import LockedError, RefusedError
from dbserver.results.clients import Client, Connections, Drained
from dbserver.results.servers import Away, LogLine, Restarted, Started, Stopped
from dbserver.results.status import Status
from tests.unit.dbserver.cli.render.test_servers import server
from tests.unit.dbserver.test_clients import client

Run = Callable[..., int]
Output = pytest.CaptureFixture[str]
NOBODY = Connections("dev", 1, 102, (), (), 0, 10_000)
RESTARTED = Restarted("dev", (Away("postgres", "db-server-postgres", 0.2),), (), 1.0)


@pytest.fixture
def run(command_line: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run the command line in a project whose stack declares shop and blog, without a terminal."""
    monkeypatch.setattr(declared, "ROOT", tmp_path)
    (tmp_path / ".state").mkdir()
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {'db-server:applications': [{name: shop}, {name: blog}]}\n")
    return command_line


def answering(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, result: Any) -> list[Any]:
    """Answer for a verb, or raise; return what it was called with: the stack's name and the arguments after it."""
    called: list[Any] = []

    def act(known: declared.Declared, *arguments: Any, **options: Any) -> Any:
        called.append((known.stack, arguments, options))
        if isinstance(result, BaseException):
            raise result
        return result

    monkeypatch.setattr(module, name, act)
    return called


# connections and drain -----------------------------------------------------------------


def test_connections_are_a_table_and_end_with_0(run: Run, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, connections, "connections", replace(NOBODY, clients=(client(),)))
    assert run("connections") == 0
    assert "shop-blue" in capsys.readouterr().out


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_server_that_does_not_tell_ends_with_3_beside_what_the_other_tells(
    run: Run, capsys: Output, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    answering(monkeypatch, connections, "connections", replace(NOBODY, clients=(client(),), faults=("it is gone",)))
    assert run("connections", "--format", form) == 3
    shown = capsys.readouterr()
    assert "shop-blue" in shown.out
    assert shown.err == ""
    if form == "json":
        assert (json.loads(shown.out)["schema"], json.loads(shown.out)["well"]) == ("connections-1", False)


@pytest.mark.parametrize(("left", "code"), [((), 0), ((client(),), 1)], ids=["gone", "there"])
def test_drain_ends_with_0_only_where_the_colour_is_gone(
    run: Run, capsys: Output, monkeypatch: pytest.MonkeyPatch, left: tuple[Client, ...], code: int
) -> None:
    called = answering(monkeypatch, connections, "drain", Drained("dev", "shop", "blue", 2.0, left))
    assert run("drain", "shop", "blue", "--wait", "2m", "--format", "json") == code
    assert json.loads(capsys.readouterr().out)["well"] is (code == 0)
    assert called[0][1][:3] == ("shop", "blue", 120.0)


def test_drain_takes_one_look_unless_it_is_told_to_wait(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    called = answering(monkeypatch, connections, "drain", Drained("dev", "shop", "blue", 0, ()))
    assert run("drain", "shop", "blue") == 0
    assert called[0][1][2] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("shop", "red"), "'red' is not one of 'blue', 'green'"),
        (("shop",), "Missing argument"),
        (("shop", "blue", "--wait", "soon"), "soon: should be a duration such as 60s, 5m or 2h"),
    ],
)
def test_a_colour_or_a_duration_that_is_none_is_a_fault_of_usage(
    run: Run, capsys: Output, arguments: tuple[str, ...], said: str
) -> None:
    assert run("drain", *arguments) == 2
    assert said in capsys.readouterr().err


# restart ------------------------------------------------------------------------------


@pytest.fixture
def restarting(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Answer for a restart while one container is connected; record what was asked."""
    asked: list[Any] = []

    def refuse(servers: clients.Servers, *, override: bool) -> list[Client]:
        asked.append((sorted(servers.containers), override))
        return [client()]

    def act(_: declared.Declared, names: Any, *, override: bool) -> Restarted:
        asked.append(("restart", list(names), override))
        return RESTARTED

    monkeypatch.setattr(clients, "refuse", refuse)
    monkeypatch.setattr(restart, "restart", act)
    return asked


@pytest.mark.parametrize(
    ("arguments", "names", "override"),
    [
        (("restart", "--yes"), ["postgres", "redis"], False),
        (("restart", "redis", "--yes"), ["redis"], False),
        (("restart", "--yes", "--disconnect-applications"), ["postgres", "redis"], True),
        (("restart", "--yes", "--even-if-connected"), ["postgres", "redis"], True),
    ],
)
def test_one_server_or_both_are_restarted_after_it_is_told_who_is_connected(
    run: Run, capsys: Output, restarting: list[Any], arguments: tuple[str, ...], names: list[str], *, override: bool
) -> None:
    assert run(*arguments) == 0
    assert restarting == [(names, override), ("restart", names, override)]
    shown = capsys.readouterr()
    assert shown.err == "connected: shop-blue (blue) 3 to postgres\n"
    assert shown.out.startswith("db-server-postgres restarted; away for 200 ms, measured by a client\n")


def test_without_a_terminal_and_a_yes_nothing_is_restarted(run: Run, capsys: Output, restarting: list[Any]) -> None:
    assert run("restart") == 5
    assert capsys.readouterr().err.splitlines()[1:] == ["error: not confirmed; nothing was changed", "HINT: --yes"]
    assert "restart" not in [each[0] for each in restarting]


@pytest.mark.parametrize("yes", [True, False])
def test_at_a_terminal_it_asks(run: Run, restarting: list[Any], monkeypatch: pytest.MonkeyPatch, *, yes: bool) -> None:
    questions: list[str] = []

    def confirm(question: str, **_: Any) -> bool:
        questions.append(question)
        return yes

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(click, "confirm", confirm)
    assert run("restart", "postgres") == (0 if yes else 5)
    assert questions == ["Restart postgres of stack dev?"]
    assert ("restart" in [each[0] for each in restarting]) is yes


def test_who_is_refused_is_not_asked(run: Run, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise RefusedError("application containers are connected: shop-blue", "stop them")

    monkeypatch.setattr(clients, "refuse", refuse)
    assert run("restart", "--yes") == 5
    assert capsys.readouterr().err == "error: application containers are connected: shop-blue\nHINT: stop them\n"


def test_an_interrupted_restart_ends_with_1_and_no_stack_trace(
    run: Run, restarting: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    answering(monkeypatch, restart, "restart", KeyboardInterrupt())
    assert run("restart", "--yes") == 1
    assert capsys.readouterr().err.splitlines()[-2:] == [
        "error: interrupted", "HINT: run the command again to finish",
    ]  # fmt: skip
    assert restarting


# start and stop -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "module", "result", "besides"),
    [
        ("stop", stop, Stopped("dev", (), ()), {}),
        (
            "start",
            start,
            Started(Status("dev", (server(),)), 1.0),
            {"checkpoint": True, "new": False, "take_over": False},
        ),
    ],
)
@pytest.mark.parametrize("flags", [(), ("--disconnect-applications",)], ids=["unasked", "on purpose"])
def test_applications_are_cut_off_on_purpose_only(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
    module: Any,
    result: Any,
    besides: dict[str, bool],
    flags: tuple[str, ...],
) -> None:
    called = answering(monkeypatch, module, verb, result)
    assert run(verb, *flags) == 0
    assert [options for _, __, options in called] == [{"override": bool(flags), **besides}]


def test_a_start_goes_without_backups_on_purpose_only(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    called = answering(monkeypatch, start, "start", Started(Status("dev", (server(),)), 1.0))
    assert run("start", "--no-checkpoint") == 0
    assert called[0][2] == {"override": False, "checkpoint": False, "new": False, "take_over": False}


def test_a_start_begins_with_other_data_on_purpose_only(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    called = answering(monkeypatch, start, "start", Started(Status("dev", (server(),)), 1.0))
    monkeypatch.setattr(start, "unchanged", lambda *_: pytest.fail("it is not asked whether something differs"))
    assert run("start", "--new-server") == 0
    assert called[0][2] == {"override": False, "checkpoint": True, "new": True, "take_over": False}
    assert run("start", "--take-over") == 0
    assert called[1][2] == {"override": False, "checkpoint": True, "new": False, "take_over": True}


# logs ---------------------------------------------------------------------------------

LINES = (LogLine("postgres", "2026-11-23T14:05:07.1Z", "one"), LogLine("redis", "2026-11-23T14:05:08.1Z", "two"))


@pytest.fixture
def logging(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Hand over two lines; record what was asked. The last entry, where it is an exception, is raised."""
    asked: list[Any] = []

    def act(_: Any, names: Any, on_line: Any, since: Any, count: int, *, follow: bool, application: str) -> None:
        asked.append((list(names), since, count, follow, application))
        for line in LINES:
            on_line(line)
        if follow:
            raise KeyboardInterrupt

    monkeypatch.setattr(logs, "logs", act)
    return asked


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ((), (["postgres", "redis"], None, 100, False, "")),
        (("redis", "-n", "5", "--since", "10m"), (["redis"], "10m", 5, False, "")),
        (("postgres", "-f"), (["postgres"], None, 100, True, "")),
        (("--application", "shop"), (["postgres", "redis"], None, 100, False, "shop")),
    ],
)
def test_logs_are_asked_for_as_the_flags_say(
    run: Run, logging: list[Any], arguments: tuple[str, ...], asked: Any, capsys: Output
) -> None:
    assert run("logs", *arguments) == 0, "the end of -f by Ctrl-C is its ordinary end"
    assert logging == [asked]
    assert capsys.readouterr().out == "postgres 2026-11-23T14:05:07  one\nredis    2026-11-23T14:05:08  two\n"


@pytest.mark.usefixtures("logging")
def test_logs_as_json_are_one_object_a_line(run: Run, capsys: Output) -> None:
    assert run("logs", "--format", "json") == 0
    assert [json.loads(line)["line"] for line in capsys.readouterr().out.splitlines()] == ["one", "two"]


def test_logs_that_are_interrupted_before_their_end_have_failed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, logs, "logs", KeyboardInterrupt())
    assert run("logs") == 1


@pytest.mark.parametrize("arguments", [("mysql",), ("-n", "-1"), ("-n", "many")])
def test_logs_of_nothing_are_a_fault_of_usage(run: Run, arguments: tuple[str, ...]) -> None:
    assert run("logs", *arguments) == 2


# The shells ---------------------------------------------------------------------------

SHELLS = pytest.mark.parametrize(("verb", "name"), [("psql", "psql"), ("redis-cli", "redis_cli")])


@SHELLS
@pytest.mark.parametrize(
    ("arguments", "application", "passed"),
    [
        ((), None, ()),
        (("shop",), "shop", ()),
        (("shop", "--", "--csv", "-c", "TABLE a"), "shop", ("--csv", "-c", "TABLE a")),
        (("--", "-c", "TABLE a"), None, ("-c", "TABLE a")),
        (("--", "INFO", "memory"), None, ("INFO", "memory")),
        (("shop", "--", "--", "--help"), "shop", ("--", "--help")),
        (("shop", "--"), "shop", ()),
    ],
)
def test_what_stands_after_the_mark_goes_to_the_program(
    run: Run, monkeypatch: pytest.MonkeyPatch, verb: str, name: str, arguments: Any, application: Any, passed: Any
) -> None:
    called = answering(monkeypatch, shells, name, None)
    assert run(verb, *arguments) == 0
    assert called == [("dev", (application, passed), {"terminal": False})]


@SHELLS
def test_a_terminal_is_one_on_both_ends(run: Run, monkeypatch: pytest.MonkeyPatch, verb: str, name: str) -> None:
    called = answering(monkeypatch, shells, name, None)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    for at_terminal in (True, False):
        monkeypatch.setattr(sys.stdout, "isatty", lambda answer=at_terminal: answer)
        run(verb)
    assert [options["terminal"] for _, __, options in called] == [True, False]


@SHELLS
@pytest.mark.parametrize("arguments", [("-c", "SELECT 1"), ("shop", "more")])
def test_the_program_s_flags_before_the_mark_are_a_fault_of_usage(
    run: Run, verb: str, name: str, arguments: tuple[str, ...]
) -> None:
    assert run(verb, *arguments) == 2, name


@SHELLS
def test_the_help_of_a_shell_shows_where_its_own_arguments_go(run: Run, capsys: Output, verb: str, name: str) -> None:
    assert run(verb, "--help") == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: dbserver {verb} [OPTIONS] [APPLICATION] [-- ARGUMENTS...]\n")
    assert f"HINT: {name}" not in shown


def test_a_fault_of_a_shell_ends_with_its_code(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, shells, "psql", LockedError("busy", "wait"))
    assert run("psql") == 4


# completion ---------------------------------------------------------------------------


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_of_each_shell_is_printed(
    run: Run, capsys: Output, monkeypatch: pytest.MonkeyPatch, shell: str
) -> None:
    monkeypatch.setattr(BashComplete, "_check_version", lambda *_: None)
    assert run("completion", shell) == 0
    assert f"_DBSERVER_COMPLETE={shell}_complete" in capsys.readouterr().out


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    ("typed", "begun", "offered"),
    [
        ([], "dr", ["drain", "drift", "drill", "drop"]),
        (["drain"], "", ["shop", "blog"]),
        (["info"], "s", ["shop"]),
        (["psql"], "x", []),
        (["drain", "shop"], "g", ["green"]),
        (["restart"], "", ["postgres", "redis"]),
        (["stop"], "--d", ["--debug", "--disconnect-applications"]),
        (["drain", "--stack", "none"], "", []),
    ],
)
def test_verbs_applications_colours_servers_and_flags_are_completed(
    typed: list[str], begun: str, offered: list[str]
) -> None:
    completions = ShellComplete(commands, {}, "dbserver", "_DBSERVER_COMPLETE").get_completions(typed, begun)
    assert [each.value for each in completions] == offered


@pytest.mark.usefixtures("run")
def test_without_a_configuration_no_application_is_completed(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").unlink()
    completions = ShellComplete(commands, {}, "dbserver", "_DBSERVER_COMPLETE").get_completions(["drain"], "")
    assert completions == []
