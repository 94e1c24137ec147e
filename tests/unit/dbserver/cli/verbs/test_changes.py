"""preview, guard and drift: forms, what is allowed, exit codes."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from dbserver import declared
from dbserver.actions import drift
from dbserver.docker import containers
from dbserver.engine import command
from dbserver.results.preview import Difference, Drift
from tests.unit.dbserver.cli.verbs.test_operations import Output, Run, answering
from tests.unit.dbserver.preview.expected import DIRECTORY, REFUSED
from tests.unit.dbserver.preview.made import container, judged, replaced, settings, step, text
from tests.unit.fakes import Failed, Programs

APP = {"name": "shop", "database": "shop", "role": "shop", "settings": {}}
GONE = step("delete", "shop", APP, None), step("delete", "blog", APP, None)


@pytest.fixture
def run(command_line: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run the command line in a project with the stack dev; return the exit code."""
    monkeypatch.setattr(declared, "ROOT", tmp_path)
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {}\n")
    return command_line


@pytest.fixture(autouse=True)
def _no_server(programs: Programs) -> None:
    programs.answer("docker", Failed("Cannot connect to the Docker daemon"))


def given(tmp_path: Path, *steps: dict[str, Any]) -> str:
    path = tmp_path / "preview.json"
    path.write_text(text(*steps))
    return str(path)


def test_data_at_risk_is_5_and_the_message_names_the_flag_for_each(run: Run, capsys: Output, tmp_path: Path) -> None:
    assert run("guard", given(tmp_path, *GONE)) == 5
    shown = capsys.readouterr()
    hint = "HINT: allow it: --allow 'application-removed:blog=REASON' --allow 'application-removed:shop=REASON'"
    assert shown.err.splitlines() == ["error: refused: data at risk in stack prod", hint]
    assert shown.out.startswith("data at risk  application-removed:blog: database shop and role shop")


def test_what_is_allowed_by_name_with_a_reason_is_0_and_shown(run: Run, capsys: Output, tmp_path: Path) -> None:
    file = given(tmp_path, GONE[0])
    assert run("guard", file, "--allow", "application-removed:shop=moved = away, #42", "--format", "json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["schema"], shown["well"], shown["cost"]) == ("preview-1", True, "data at risk")
    assert shown["changes"][0]["allowed"] == "moved = away, #42"
    assert run("guard", file, "--allow", "application-removed:shop=moved") == 0
    shown_text = capsys.readouterr().out
    assert "[allowed: moved]" in shown_text
    assert shown_text.endswith("it costs: data at risk, as allowed\n")


def test_one_that_is_allowed_does_not_allow_the_other(run: Run, capsys: Output, tmp_path: Path) -> None:
    assert run("guard", given(tmp_path, *GONE), "--allow", "application-removed:shop=moved") == 5
    assert "application-removed:blog=REASON" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("allow", "said"),
    [
        ("application-removed:shop", "without a reason"),
        ("application-removed:shop= ", "without a reason"),
        ("application-removed=all of them", "is no name of data at risk"),
        ("container-recreated:postgres=so be it", "is no name of data at risk"),
        ("nonsense=x", "is no name of data at risk"),
    ],
)
def test_what_allows_nothing_is_a_fault_of_usage(
    run: Run, capsys: Output, tmp_path: Path, allow: str, said: str
) -> None:
    assert run("guard", given(tmp_path, GONE[0]), "--allow", allow) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert shown.out == ""


@pytest.mark.parametrize(
    "content",
    ["", "no JSON", "[]", "{}", '{"steps": 7}', '{"steps": [{}]}', '{"steps": [{"urn": "x", "op": "create"}]}', "null",
     '{"steps": [{"urn": 7, "op": "same"}]}', '{"steps": [{"urn": "urn:pulumi:a::p::t::n", "op": null}]}'],
)  # fmt: skip
def test_what_is_no_preview_is_a_fault_of_usage(run: Run, capsys: Output, tmp_path: Path, content: str) -> None:
    (tmp_path / "preview.json").write_text(content)
    assert run("guard", str(tmp_path / "preview.json")) == 2
    assert "pulumi preview --json" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_a_fault_of_usage(run: Run, tmp_path: Path) -> None:
    assert run("guard", str(tmp_path / "none.json")) == 2


def test_the_preview_of_another_stack_is_not_taken_for_this_one(run: Run, capsys: Output, tmp_path: Path) -> None:
    assert run("guard", given(tmp_path, GONE[0]), "--stack", "dev") == 2
    assert "this is the preview of stack prod" in capsys.readouterr().err
    both = given(tmp_path, GONE[0], {**GONE[1], "urn": GONE[1]["urn"].replace("STACK", "other")})
    assert run("guard", both) == 2


@pytest.mark.parametrize(("name", "code"), sorted(REFUSED.items()))
def test_a_preview_that_the_program_refused_ends_as_the_program_would(
    run: Run, capsys: Output, name: str, code: int
) -> None:
    assert run("guard", str(DIRECTORY / f"{name}.json")) == code
    shown = capsys.readouterr()
    assert "unhandled" not in shown.err
    assert ("postgres.port: 99999 should be from 1 to 65535" in shown.err) == (name == "faulty")
    assert shown.out == ""


def test_standard_input_is_read(run: Run, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text()))
    assert run("guard", "-") == 0
    assert capsys.readouterr().out == "nothing changes\n"


def test_a_comment_begins_with_its_mark_and_its_table_cannot_be_broken(
    run: Run, capsys: Output, tmp_path: Path
) -> None:
    steps = replaced("redis", image="a|b<script>", ports=[]), settings("postgres", {}, {"work_mem": "1|2"})
    assert run("guard", given(tmp_path, *steps), "--format", "markdown") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "<!-- db-server preview of prod -->"
    assert lines[1] == "### Stack `prod`: it costs: recreate"
    rows = [line for line in lines if line.startswith("|")][2:]
    assert len(rows) == 2
    assert all(line.replace("\\|", "").count("|") == 5 for line in rows)
    assert "&lt;script>" in rows[0]
    assert "about 1.4 s without an answer; connected: who is connected is not known" in rows[0]


def test_a_comment_without_changes_is_short(run: Run, capsys: Output, tmp_path: Path) -> None:
    assert (
        run("guard", given(tmp_path, step("same", "postgres", container(), container())), "--format", "markdown") == 0
    )
    assert capsys.readouterr().out.splitlines()[1:] == ["### Stack `prod`: nothing changes"]


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_what_the_program_warns_of_is_told_once_and_breaks_no_comment(
    run: Run, capsys: Output, tmp_path: Path, form: str
) -> None:
    warning = {"severity": "warning", "message": "role <b> exists with a password\n| that nobody may know\n"}
    content = {"steps": [step("same", "postgres", container(), container())], "diagnostics": [warning, warning]}
    file = tmp_path / "preview.json"
    file.write_text(json.dumps(content))
    assert run("guard", str(file), "--format", form) == 0
    shown = capsys.readouterr().out
    assert shown.count("exists with a password") == 1
    if form == "text":
        assert shown.splitlines()[-2:] == [
            "warning: role <b> exists with a password | that nobody may know", "nothing changes",
        ]  # fmt: skip
    else:
        assert shown.splitlines()[-1] == "- ⚠️ role &lt;b> exists with a password \\| that nobody may know"


def test_what_no_server_told_is_said(run: Run, capsys: Output, tmp_path: Path) -> None:
    assert run("guard", given(tmp_path, settings("postgres", {}, {"work_mem": "1MB"}))) == 0
    assert (
        "could not find out which settings take a restart (judged by a table): Cannot connect"
        in capsys.readouterr().out
    )


def test_a_preview_without_the_daemon_is_3(run: Run, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "require", lambda: None)
    assert run("preview") == 3
    assert "the Docker daemon does not answer" in capsys.readouterr().err


@pytest.mark.parametrize("refresh", [True, False])
def test_a_preview_asks_the_engine_and_is_judged(
    run: Run, capsys: Output, monkeypatch: pytest.MonkeyPatch, *, refresh: bool
) -> None:
    asked: list[tuple[str, bool]] = []

    def shown(stack: str, *, refresh: bool) -> str:
        asked.append((stack, refresh))
        return text(GONE[0])

    monkeypatch.setattr(command, "require", lambda: None)
    monkeypatch.setattr(command, "preview", shown)
    monkeypatch.setattr(containers, "inspect", lambda _: {})
    assert run("preview", *([] if refresh else ["--no-refresh"])) == 5
    assert run("preview", "--no-refresh", "--allow", "application-removed:shop=moved") == 0
    assert asked[0] == ("dev", refresh)
    assert "application-removed:shop" in capsys.readouterr().out


CHANGED = judged(GONE[0]).changes


@pytest.mark.parametrize(
    ("found", "code", "said"),
    [
        (Drift("dev", (), (), ()), 0, "stack dev is as declared"),
        (Drift("dev", (), (Difference("redis", "label x: 1, declared is 2"),), ()), 1, "differs: redis: label x"),
        (Drift("dev", CHANGED, (), ()), 1, "application-removed:shop"),
        (Drift("dev", (), (Difference("redis", "x"),), ("db-server-redis: gone",)), 3, "DOWN db-server-redis: gone"),
    ],
)
def test_drift_is_1_and_a_server_that_is_down_3(
    run: Run, capsys: Output, monkeypatch: pytest.MonkeyPatch, found: Drift, code: int, said: str
) -> None:
    answering(monkeypatch, drift, "drift", found)
    assert run("drift") == code
    assert said in capsys.readouterr().out
    assert run("drift", "--format", "json") == code
    shown = json.loads(capsys.readouterr().out)
    assert (shown["schema"], shown["well"]) == ("drift-1", code == 0)
