"""What the engine writes into its configuration stays out of the file that is committed."""

import json
from pathlib import Path

import pytest
import yaml

from dbserver.engine import committed

TEXT = "# ours\nconfig:\n  db-server:standIns: true\n  db-server:postgres: {port: 5432}\n"
WRITTEN = '# ours\nconfig:\n  db-server:standIns: "true"\n  db-server:postgres:\n    port: 5432\nencryptionsalt: v1:x\n'


def state(directory: Path, salt: str) -> Path:
    made = directory / "dev.json"
    provider = {"type": "passphrase", "state": {"salt": salt}}
    made.write_text(json.dumps({"checkpoint": {"latest": {"secrets_providers": provider}}}))
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "Pulumi.dev.yaml"
    made.write_text(TEXT)
    made.chmod(0o640)
    return made


def test_the_engine_works_on_a_copy_with_the_salt_of_the_state(file: Path, tmp_path: Path) -> None:
    known = state(tmp_path, "v1:s=:v1:a+/b")
    with committed.copied(file, tmp_path, known) as (flag, path):
        assert flag == "--config-file"
        assert Path(path).suffix == ".yaml", "the engine reads other forms otherwise"
        assert Path(path).stat().st_mode & 0o777 == 0o600
        content = yaml.safe_load(Path(path).read_text())
        Path(path).write_text(WRITTEN)
    assert content == {**yaml.safe_load(TEXT), "encryptionsalt": "v1:s=:v1:a+/b"}
    assert file.read_text() == TEXT
    assert sorted(tmp_path.iterdir()) == [file, known]


@pytest.mark.parametrize("text", [WRITTEN, "config: {}\n...\n", "{config: {}}\n", "no: [yaml", ""])
def test_a_copy_that_has_a_salt_or_takes_no_line_more_is_the_file(file: Path, tmp_path: Path, text: str) -> None:
    file.write_text(text)
    with committed.copied(file, tmp_path, state(tmp_path, "v1:s")) as (_, path):
        assert Path(path).read_text() == text


def test_a_state_that_is_new_has_no_salt(file: Path, tmp_path: Path) -> None:
    with committed.copied(file, tmp_path, tmp_path / "none.json") as (_, path):
        assert Path(path).read_text() == TEXT


def test_a_stack_without_a_file_has_no_copy(tmp_path: Path) -> None:
    with committed.copied(tmp_path / "Pulumi.dev.yaml", tmp_path, tmp_path) as flags:
        assert flags == []
    with committed.untouched(tmp_path / "Pulumi.dev.yaml"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_what_the_engine_adds_is_taken_back(file: Path) -> None:
    with committed.untouched(file):
        file.write_text(WRITTEN)
    assert (file.read_text(), file.stat().st_mode & 0o777) == (TEXT, 0o640)


SECRET = "config:\n  db-server:adminPassword:\n    secure: v1:abc\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (TEXT, WRITTEN.replace("5432", "5433")),
        (TEXT, f"{SECRET}encryptionsalt: v1:x\n"),
        (SECRET, f"{SECRET}encryptionsalt: v1:x\n"),
        (f"{TEXT}encryptionsalt: v1:w\n", WRITTEN),
    ],
    ids=["edited meanwhile", "a secret came", "it holds a secret", "another salt"],
)
def test_a_salt_that_something_in_the_file_needs_and_what_others_change_stay(
    file: Path, before: str, after: str
) -> None:
    file.write_text(before)
    with committed.untouched(file):
        file.write_text(after)
    assert file.read_text() == after
