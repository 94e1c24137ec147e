"""The engine's commands: how they are started, and what of their ends is told."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dbserver import execute
from dbserver.declared import ROOT
from dbserver.engine import command
from dbserver.errors import CommandError, DbServerError, UsageError
from tests.unit.dbserver.engine.said import CONTAINER, done, message
from tests.unit.fakes import Failed, Programs


def streaming(monkeypatch: pytest.MonkeyPatch, lines: list[str], status: int) -> list[Any]:
    started: list[Any] = []

    def stream(argv: list[str], on_line: Callable[[str], None], **options: Any) -> int:
        started.append((argv, options))
        for line in lines:
            on_line(line)
        return status

    monkeypatch.setattr(execute, "stream", stream)
    return started


def test_what_changes_is_told_and_what_failed_is_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [done("create", CONTAINER, "redis"), message("error", "it stopped\nHINT: docker logs x\n")]
    shown: list[str] = []
    streaming(monkeypatch, lines, 0)
    command.up("dev", shown.append)
    streaming(monkeypatch, lines, 255)
    with pytest.raises(DbServerError) as caught:
        command.up("dev", shown.append)
    assert shown == ["+  Container redis created (0.0 s)"] * 2
    assert str(caught.value) == "the update of stack dev did not finish:\nit stopped\nHINT: docker logs x"


def test_an_update_compares_with_the_real_containers_first_and_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    started = streaming(monkeypatch, [], 0)
    command.up("dev", pytest.fail)
    argv, options = started[0]
    assert argv[:2] == ["pulumi", "up"]
    assert {"--yes", "--refresh", "--non-interactive", "--skip-preview", "--json"} <= set(argv)
    assert argv[-2:] == ["--stack", "dev"]
    assert options["cwd"] == ROOT


@pytest.mark.parametrize(
    ("allowed", "env"), [(False, {}), (True, {"DBSERVER_DISCONNECT_APPLICATIONS": "yes"})], ids=["refuses", "may"]
)
def test_an_update_may_cut_applications_off_only_where_it_is_told_to(
    monkeypatch: pytest.MonkeyPatch, env: dict[str, str], *, allowed: bool
) -> None:
    started = streaming(monkeypatch, [], 0)
    command.up("dev", pytest.fail, disconnect=allowed)
    assert started[0][1]["env"] == env


def test_an_update_keeps_containers_of_elsewhere_where_it_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    started = streaming(monkeypatch, [], 0)
    command.up("dev", pytest.fail, keep=True)
    assert started[0][1]["env"] == {"DBSERVER_KEEP_FOREIGN_CONTAINERS": "yes"}


def test_an_update_goes_without_backups_only_where_it_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    started = streaming(monkeypatch, [], 0)
    command.up("dev", pytest.fail, checkpoint=False)
    assert started[0][1]["env"] == {"DBSERVER_NO_CHECKPOINT": "yes"}


def previewing(monkeypatch: pytest.MonkeyPatch, printed: str, said: str = "") -> list[list[str]]:
    started: list[list[str]] = []

    def run(argv: list[str], **_: Any) -> execute.Finished:
        started.append(argv)
        return execute.Finished(1, printed, said)

    monkeypatch.setattr(execute, "run", run)
    return started


@pytest.mark.parametrize("refresh", [True, False])
def test_a_preview_is_what_the_engine_printed_whatever_its_exit_status(
    monkeypatch: pytest.MonkeyPatch, *, refresh: bool
) -> None:
    started = previewing(monkeypatch, '{"steps": []}')
    assert command.preview("dev", refresh=refresh) == '{"steps": []}'
    assert ("--refresh" in started[0]) is refresh
    assert {"preview", "--json", "--non-interactive"} <= set(started[0])


def test_a_preview_whose_provider_was_ended_too_early_is_asked_again_once(programs: Programs) -> None:
    crashed = json.dumps({"diagnostics": [{"message": "... exited prematurely ..."}]})
    programs.answer("pulumi preview", crashed, '{"steps": []}')
    assert command.preview("dev", refresh=True) == '{"steps": []}'
    programs.answer("pulumi preview", crashed, crashed, '{"steps": []}')
    assert command.preview("dev", refresh=True) == crashed


def test_a_preview_of_a_stack_that_there_is_not_names_the_command_that_makes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    previewing(monkeypatch, "", "error: no stack named 'new' found")
    with pytest.raises(UsageError) as caught:
        command.preview("new", refresh=True)
    assert caught.value.hint == "pulumi stack init new --no-select"


def test_a_missing_engine_is_reported_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(UsageError, match="pulumi is not on PATH") as caught:
        command.require()
    assert "./scripts/start.sh" in caught.value.hint


def test_outputs_are_asked_for_without_secrets_unless_they_are_wanted(programs: Programs) -> None:
    programs.answer("pulumi stack output", '{"network": "n"}')
    assert command.outputs("dev") == {"network": "n"}
    command.outputs("dev", secrets=True)
    assert ["--show-secrets" in call.argv for call in programs.calls] == [False, True]


def selected(monkeypatch: pytest.MonkeyPatch, stack: str | None) -> None:
    monkeypatch.setattr(command, "workspace_stack", lambda: stack)


def made(kept: Path, stack: str) -> None:
    file = kept / "stacks" / "db-server" / f"{stack}.json"
    file.parent.mkdir(parents=True)
    file.write_text("{}")


MAKING = ("pulumi", "stack", "init", "dev", "--no-select", "--non-interactive")
SELECTING = ("pulumi", "stack", "select", "dev", "--non-interactive")


def test_a_stack_without_state_is_made_and_not_selected(kept: Path, programs: Programs) -> None:
    programs.answer("pulumi", "")
    command.make("dev")
    assert [call.argv for call in programs.calls] == [MAKING]
    assert not kept.exists()


def test_a_stack_whose_state_is_there_is_not_made(kept: Path, programs: Programs) -> None:
    made(kept, "dev")
    command.make("dev")
    assert programs.calls == []


def test_a_selected_stack_whose_state_was_lost_is_made_again(
    kept: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.answer("pulumi", "")
    made(kept, "prod")
    selected(monkeypatch, "dev")
    command.make("dev")
    assert [call.argv for call in programs.calls] == [MAKING]


def test_a_stack_in_a_backend_elsewhere_may_be_there_already(
    kept: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.answer("pulumi", Failed("error: stack 'organization/db-server/dev' already exists", 1))
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://bucket")
    made(kept, "dev")
    command.make("dev")
    assert [call.argv for call in programs.calls] == [MAKING]
    programs.answer("pulumi", Failed("error: no access", 1))
    with pytest.raises(CommandError, match="no access"):
        command.make("dev")


@pytest.mark.usefixtures("kept")
def test_a_stack_that_is_selected_needs_no_selecting(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    selected(monkeypatch, "dev")
    command.select("dev")
    assert programs.calls == []


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("before", ["prod", None])
def test_a_stack_that_is_not_the_selected_one_is_selected(
    programs: Programs, monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    programs.answer("pulumi", "")
    selected(monkeypatch, before)
    command.select("dev")
    assert [call.argv for call in programs.calls] == [SELECTING]


@pytest.mark.usefixtures("kept")
def test_a_stack_in_a_backend_elsewhere_is_always_selected(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    programs.answer("pulumi", "")
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://bucket")
    selected(monkeypatch, "dev")
    command.select("dev")
    assert [call.argv for call in programs.calls] == [SELECTING]


@pytest.mark.usefixtures("kept")
def test_a_stack_that_was_never_made_has_no_outputs(programs: Programs) -> None:
    programs.answer("pulumi", Failed("error: no stack named 'dev' found", 6))
    assert command.outputs("dev", secrets=True) == {}


@pytest.mark.usefixtures("kept")
def test_any_other_failure_of_pulumi_is_told_as_it_is(programs: Programs) -> None:
    programs.answer("pulumi", Failed("error: no access to the backend", 255))
    with pytest.raises(CommandError, match="no access to the backend"):
        command.select("dev")
