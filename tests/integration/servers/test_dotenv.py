"""What `env` prints for dotenv is read as the same by every reader: shells, python-dotenv, Docker, compose."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dbserver.cli.render import environment
from tests.support.commands import run
from tests.support.dotenv import HOSTILE, READABLE, named
from tests.support.lending import Lent

PLAIN = [chr(number) for number in range(0x20, 0x7F) if environment.PLAIN.fullmatch(chr(number))]
VALUES = st.lists(st.text(st.sampled_from(PLAIN)), min_size=1)
# Some signs mean something alone, at the beginning, at the end or after another one only.
EVERYWHERE = [*READABLE, *PLAIN, *(f"{sign}a{sign}b:{sign}c={sign}{sign}" for sign in PLAIN)]
# Each expands or drops what stands bare in an assignment by rules of its own.
SHELLS = ("sh", "bash")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a path; whatever stands beside it would be found by a pattern that a shell expands."""
    directory = tmp_path_factory.mktemp("dotenv")
    for name in ("a", "b", "axbc"):
        (directory / name).touch()
    return directory / ".env"


def sourced(shell: str, file: Path) -> dict[str, str]:
    """Return what a process has in its environment after the file was sourced."""
    script = "set -a; . ./.env; exec env -0"
    found = run(shell, "-c", script, cwd=file.parent, env={"PATH": os.environ["PATH"], "HOME": "/the-tests-own"}).ok()
    assert found.err == ""
    return read(found.out)


def read(printed: str) -> dict[str, str]:
    """Return those of the printed variables that are the test's."""
    pairs = (each.partition("=") for each in printed.split("\0"))
    return {name: value for name, _, value in pairs if name.startswith("VALUE_")}


def composed(file: Path, plugin: Mapping[str, str]) -> dict[str, str]:
    """Return what compose hands to a service with this env_file, and to `${...}` where it is the project's .env."""
    names = [line.partition("=")[0] for line in file.read_text().splitlines()]
    own = {"env_file": ".env", "image": "none"}
    filled = {"image": "none", "environment": {name: f"${{{name}}}" for name in names}}
    (file.parent / "compose.yml").write_text(json.dumps({"services": {"own": own, "filled": filled}}))
    asked = run("docker", "compose", "config", "--format", "json", cwd=file.parent, env={**os.environ, **plugin}).ok()
    found = json.loads(asked.out)["services"]
    assert found["own"]["environment"] == found["filled"]["environment"]
    # A sign of its own language is doubled in what it prints.
    return {name: value.replace("$$", "$") for name, value in found["own"]["environment"].items()}


@settings(max_examples=50, deadline=None, derandomize=True)
@given(VALUES)
@example(EVERYWHERE)
def test_whatever_is_printed_means_the_same_to_shells_and_python_dotenv(file: Path, values: list[str]) -> None:
    wanted = named(values)
    file.write_text(environment.dotenv(wanted) + "\n")
    assert dotenv_values(file) == wanted
    for shell in SHELLS:
        assert sourced(shell, file) == wanted, shell


def test_docker_and_compose_read_it_as_the_others_do(lent: Lent, plugin: dict[str, str], file: Path) -> None:
    wanted = named(EVERYWHERE)
    file.write_text(environment.dotenv(wanted) + "\n")
    assert read(lent.client("env -0", "--env-file", str(file)).ok().out) == wanted
    assert composed(file, plugin) == wanted
    assert dotenv_values(file) == sourced("sh", file) == wanted


def test_dockers_own_form_is_taken_by_docker_as_it_stands(lent: Lent, file: Path) -> None:
    wanted = named([*HOSTILE, *READABLE])
    file.write_text(environment.docker(wanted) + "\n")
    assert read(lent.client("env -0", "--env-file", str(file)).ok().out) == wanted


@pytest.mark.parametrize("value", [each for each in HOSTILE if "#" not in each])
def test_what_is_refused_would_be_something_else_to_a_shell(file: Path, value: str) -> None:
    """A # alone is for Node's readers: `node --env-file` ends the value there."""
    file.write_text(environment.docker(named([value])) + "\n")
    done = run("sh", "-c", 'set -a; . ./.env; printf %s "$VALUE_0"', cwd=file.parent)
    assert (done.code, done.out) != (0, value)
