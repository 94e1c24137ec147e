"""add: one entry behind the others, judged before it is written; a file that came out otherwise is as before."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from dbserver import declared, execute
from dbserver.actions.add import add
from dbserver.engine import command
from dbserver.errors import DbServerError, UsageError
from tests.unit.fakes import Failed, Programs

FILE = "config: # ours\n  db-server:applications:\n    - name: blog # the first\n"
Writing = Callable[[str], list[Sequence[str]]]
SHOP: dict[str, str | int] = {"name": "shop", "database": "data", "role": "seller", "poolSize": 5}
WRITTEN = FILE + "    - name: shop\n      database: data\n      role: seller\n      poolSize: 5\n"


@pytest.fixture
def file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The file of the stack dev, in a project where there is an engine."""
    monkeypatch.setattr(declared, "ROOT", tmp_path)
    monkeypatch.setattr(command, "require", lambda: None)
    path = tmp_path / "Pulumi.dev.yaml"
    path.write_text(FILE)
    return path


@pytest.fixture
def writing(monkeypatch: pytest.MonkeyPatch, file: Path) -> Writing:
    """Let the engine write a text; return the commands that it gets."""

    def prepare(text: str) -> list[Sequence[str]]:
        commands: list[Sequence[str]] = []

        def run(argv: Sequence[str], **_: Any) -> execute.Finished:
            commands.append(argv)
            file.write_text(text)
            return execute.Finished(0, "", "")

        monkeypatch.setattr(execute, "run", run)
        return commands

    return prepare


def test_the_engine_writes_the_entry_at_its_number_and_the_changed_lines_are_returned(
    file: Path, writing: Writing
) -> None:
    commands = writing(WRITTEN)
    lines = add(declared.read("dev"), SHOP)
    (argv,) = commands
    key = "db-server:applications[1]"
    assert [word for word in argv if word.startswith("db-server:")] == [
        f"{key}.name=shop", f"{key}.database=data", f"{key}.role=seller", f"{key}.poolSize=5",
    ]  # fmt: skip
    assert ("--path" in argv, argv[argv.index("--stack") + 1]) == (True, "dev")
    assert [line for line in lines if line.startswith("+ ")] == [f"+{line}" for line in WRITTEN.splitlines()[3:]]
    assert file.read_text() == WRITTEN


def test_the_engine_writes_a_switch_that_the_file_has_as_the_text_that_it_holds(file: Path, writing: Writing) -> None:
    file.write_text(FILE + "  db-server:standIns: true\n")
    writing(WRITTEN + '  db-server:standIns: "true"\n')
    assert '+  db-server:standIns: "true"' in add(declared.read("dev"), SHOP)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"name": "blog"}, "Pulumi.dev.yaml declares blog already"),
        ({"name": "Shop"}, "applications.1.name: 'Shop' should be"),
        ({"name": "shop", "database": "blog"}, "applications: database blog is used twice"),
        ({"name": "shop", "poolSize": 1000}, "connections are declared, max_connections is"),
    ],
)
def test_what_would_be_a_fault_is_refused_before_the_file_is_touched(file: Path, entry: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said.replace(".", r"\.")):
        add(declared.read("dev"), entry)
    assert file.read_text() == FILE


@pytest.mark.parametrize(
    "written", [FILE, FILE.replace("blog", "other"), WRITTEN.replace("data", "7")], ids=["nothing", "another", "number"]
)
def test_a_file_that_came_out_otherwise_is_as_before(file: Path, writing: Writing, written: str) -> None:
    writing(written)
    with pytest.raises(DbServerError, match="did not write the entry"):
        add(declared.read("dev"), SHOP)
    assert file.read_text() == FILE


def test_a_stack_that_is_not_there_yet_is_named_with_the_command_that_makes_it(file: Path, programs: Programs) -> None:
    programs.answer("pulumi config set-all", Failed("error: no stack named 'dev' found"))
    with pytest.raises(UsageError, match="there is no stack dev yet"):
        add(declared.read("dev"), SHOP)
    assert file.read_text() == FILE


@pytest.mark.parametrize("text", ["", "config:\n", "config: {}\n", "config:\n  db-server:applications: []\n"])
def test_the_first_entry_is_number_0(file: Path, writing: Writing, text: str) -> None:
    file.write_text(text)
    commands = writing(yaml.safe_dump({"config": {"db-server:applications": [SHOP]}}))
    add(declared.read("dev"), SHOP)
    assert "db-server:applications[0].name=shop" in commands[0]
