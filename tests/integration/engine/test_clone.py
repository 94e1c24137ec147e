"""A clone that is not prepared, or is somebody else's: one line and the way out. No server is needed, none is made."""

import json
import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from dbserver.cli.verbs import servers
from tests.support.commands import Ran, run
from tests.support.project import ROOT, original
from tests.support.stack import Stack

OWNER = pwd.getpwuid(os.getuid()).pw_name
NOBODY = pwd.getpwnam("nobody").pw_uid
VERBS = (
    ("status.sh",), ("stop.sh",), ("restart.sh",), ("dbserver", "list"), ("dbserver", "doctor"),
    ("dbserver", "env", "shop"), ("dbserver", "start", "--if-unchanged"), ("dbserver", "preview"),
)  # fmt: skip
CHOSEN = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE", "PULUMI_STACK", "DBSERVER_ROOT")


@pytest.fixture
def clone() -> Iterator[Path]:
    """A fresh clone, in a directory that everybody may enter."""
    directory = Path(tempfile.mkdtemp(prefix="dbs-test-"))
    directory.chmod(0o755)
    made = directory / "clone"
    shutil.copytree(original().name, made, symlinks=True)
    made.chmod(0o755)
    (made / ".state").mkdir()
    (made / ".state" / ".gitignore").write_text("*\n")
    yield made
    shutil.rmtree(directory)


def environment(clone: Path, **variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in CHOSEN}
    path = os.pathsep.join(each for each in os.environ["PATH"].split(os.pathsep) if ".venv" not in each)
    return {**kept, "HOME": str(clone.parent / "home"), "PATH": path, **variables}


def call(clone: Path, script: str, *arguments: str, before: tuple[str, ...] = (), **variables: str) -> Ran:
    return run(*before, str(clone / script), *arguments, cwd="/", env=environment(clone, **variables))


def everything(clone: Path) -> list[str]:
    return sorted(str(path) for path in clone.parent.rglob("*"))


def one_line_and_its_way_out(done: Ran, code: int = 1) -> tuple[str, str]:
    assert done.code == code, done.text
    lines = done.err.splitlines()
    assert len(lines) == 2, done.text
    assert lines[0].startswith("error: ")
    assert lines[1].startswith("HINT: ")
    return lines[0], lines[1]


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_a_verb_in_a_fresh_clone_names_what_prepares_it(clone: Path, verb: tuple[str, ...]) -> None:
    before = everything(clone)
    done = call(clone, f"scripts/{verb[0]}", *verb[1:])
    assert "tools/prepare" in one_line_and_its_way_out(done)[1]
    assert done.out == ""
    assert everything(clone) == before


def test_a_verb_in_a_fresh_clone_answers_in_json_where_that_is_wanted(clone: Path) -> None:
    done = call(clone, "scripts/status.sh", "--format", "json")
    message, hint = one_line_and_its_way_out(done)
    shown = json.loads(done.out)
    assert shown["schema"] == "error-1"
    assert (f"error: {shown['error']['message']}", f"HINT: {shown['error']['hint']}") == (message, hint)
    assert shown["error"]["exit_code"] == 1


@pytest.mark.parametrize("lacks", ["click", "cronsim"])
@pytest.mark.parametrize("form", [(), ("--format", "json")])
def test_an_environment_that_lacks_a_package_is_named_with_what_prepares_it(
    clone: Path, lacks: str, form: tuple[str, ...]
) -> None:
    """Of older requirements, such as after a pull."""
    shutil.copytree(ROOT / ".venv" / "bin", clone / ".venv" / "bin", symlinks=True)
    (clone / ".venv" / "pyvenv.cfg").write_text((ROOT / ".venv" / "pyvenv.cfg").read_text())
    version = next((ROOT / ".venv" / "lib").iterdir())
    packages = clone / ".venv" / "lib" / version.name / "site-packages"
    packages.mkdir(parents=True)
    for each in (version / "site-packages").iterdir():
        if each.name != lacks:
            (packages / each.name).symlink_to(each)
    done = call(clone, "scripts/status.sh", *form)
    message, hint = one_line_and_its_way_out(done)
    assert message == f"error: the Python environment lacks {lacks}"
    assert "tools/prepare" in hint
    assert bool(form) == (done.out != "" and "error" in json.loads(done.out))


def test_a_clone_whose_preparation_was_interrupted_says_so(clone: Path) -> None:
    (clone / ".venv").mkdir()
    (clone / ".venv" / "bin").symlink_to(ROOT / ".venv" / "bin")
    (clone / ".venv" / ".unfinished").touch()
    assert "not complete" in one_line_and_its_way_out(call(clone, "scripts/status.sh"))[0]


WRONG = (
    ("scripts/start.sh", "--no-instal"), ("scripts/start.sh", "--no-install", "--bogus"),
    ("scripts/start.sh", "mysql"), ("scripts/start.sh", "--format", "xml"),
    ("scripts/start.sh", "--stack"), ("scripts/start.sh", "--stack", "nowhere"),
    ("tools/prepare", "--bogus"), ("tools/prepare", "--no-instal"), ("tools/prepare", "--bogus", "--no-install"),
    ("tools/prepare", "--stack"), ("tools/prepare", "--stack="), ("tools/prepare", "--stack", "nowhere"),
    ("tools/prepare", "--bogus", "--", "true"),
)  # fmt: skip


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_a_wrong_argument_is_refused_before_anything_is_made(clone: Path, words: tuple[str, ...]) -> None:
    before = everything(clone)
    one_line_and_its_way_out(call(clone, *words), 2)
    assert everything(clone) == before


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_a_wrong_argument_is_refused_in_a_prepared_clone_too(clone: Path, words: tuple[str, ...]) -> None:
    (clone / ".venv").symlink_to(ROOT / ".venv")
    (clone / ".state" / "passphrase").write_text("made before\n")
    before = everything(clone)
    one_line_and_its_way_out(call(clone, *words), 2)
    assert everything(clone) == before


def test_every_option_of_start_is_known_before_its_parser_is_there(clone: Path) -> None:
    values = {"--stack": ["dev"], "--format": ["json"]}
    options = [name for option in servers.start.params if isinstance(option, click.Option) for name in option.opts]
    assert set(values) < set(options)
    words = ["redis", *(word for option in options for word in (option, *values.get(option, [])))]
    assert one_line_and_its_way_out(call(clone, "scripts/start.sh", *words, "--bogus"), 2)[0].endswith(": --bogus")


AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")


@pytest.mark.parametrize("verb", [("scripts/status.sh",), ("scripts/stop.sh",), ("scripts/start.sh",)], ids=" ".join)
@pytest.mark.parametrize("made", ["", "for the owner alone"])
def test_another_persons_clone_is_named_with_its_owner(clone: Path, verb: tuple[str, ...], made: str) -> None:
    if made:  # by an administrator whose Python is nobody else's
        own = clone.parent / "own"
        own.mkdir(mode=0o700)
        shutil.copy(shutil.which("true") or "", own / "python")
        (clone / ".venv" / "bin").mkdir(parents=True)
        (clone / ".venv" / "bin" / "python").symlink_to(own / "python")
    done = call(clone, *verb, before=AS_NOBODY)
    message, hint = one_line_and_its_way_out(done)
    assert f"this clone belongs to {OWNER}" in message
    assert hint == f"HINT: run this as {OWNER}, or make a clone of your own"


def test_what_an_application_needs_of_a_stack_that_was_never_made_is_exit_3(stack: Stack) -> None:
    done = stack.script("dbserver", "env", "shop")
    assert one_line_and_its_way_out(done, 3)[1] == "HINT: ./scripts/start.sh"


def test_a_password_in_clear_text_is_refused_with_what_encrypts_it(stack: Stack) -> None:
    content = yaml.safe_load(stack.file.read_text())
    content["config"]["db-server:adminPassword"] = "in-clear-text-7261"
    content["config"]["db-server:applications"] = [{"name": "shop", "password": "in-clear-text-7262"}]
    stack.file.write_text(yaml.safe_dump(content))
    stack.pulumi("stack", "init", stack.name).ok()
    for done in (stack.start(), stack.pulumi("preview")):
        assert done.code != 0
        assert "encrypt it: pulumi config set --secret adminPassword" in done.text
        assert "pulumi config set --secret --path 'db-server:applications[0].password'" in done.text
        assert "in-clear-text" not in done.text
    assert stack.start().code == 2


def test_a_passphrase_that_does_not_fit_is_told_with_the_variable_that_is_set(stack: Stack) -> None:
    stack.pulumi("stack", "init", stack.name).ok()
    stack.pulumi("config", "set", "--secret", "adminPassword", stdin="given-password-7261").ok()
    for variables, name in (
        ({"PULUMI_CONFIG_PASSPHRASE": "another"}, "PULUMI_CONFIG_PASSPHRASE is set"),
        ({"PULUMI_CONFIG_PASSPHRASE_FILE": "/nowhere/it"}, "PULUMI_CONFIG_PASSPHRASE_FILE is set"),
        ({"PULUMI_CONFIG_PASSPHRASE_FILE": str(stack.project / "Pulumi.yaml")}, "PULUMI_CONFIG_PASSPHRASE_FILE is set"),
    ):
        done = stack.script(
            "dbserver", "preview", env={**environment(stack.project), "PULUMI_STACK": stack.name, **variables}
        )
        assert name in one_line_and_its_way_out(done, 2)[1]


def test_what_the_engine_writes_stays_out_of_the_committed_file_where_a_start_fails_too(stack: Stack) -> None:
    stack.configure(network={"create": False})
    committed = stack.file.read_bytes()
    for done in (stack.start(), stack.start(), stack.script("dbserver", "preview")):
        assert done.code == 5, done.text
        assert stack.file.read_bytes() == committed
