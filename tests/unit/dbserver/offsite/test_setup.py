"""What a new machine needs: read, copied once, put back beside nothing else."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dbserver.engine import command, state
from dbserver.errors import DbServerError, RefusedError, UsageError
from dbserver.offsite import setup
from dbserver.offsite.setup import Setup

MOMENT = datetime(2026, 11, 23, 14, 5, 7, tzinfo=UTC)
SETUP = Setup("config: {}\n", '{"version": 3}', "geheim")


pytestmark = pytest.mark.usefixtures("project")


def state_of(project: Path, stack: str) -> None:
    file = project / ".state" / ".pulumi" / "stacks" / "db-server" / f"{stack}.json"
    file.parent.mkdir(parents=True)
    file.write_text("{}")


def test_what_is_copied_is_read_again() -> None:
    made = setup.item(SETUP, MOMENT)
    assert made.id == "server.setup_2026-11-23T14-05-07Z"
    assert setup.parse(b"".join(content for _, content in made.chunks()), made.id) == SETUP


@pytest.mark.parametrize("content", [b"", b"[]", b'{"other": 1}', b"\xff"])
def test_anything_else_is_no_setup(content: bytes) -> None:
    with pytest.raises(DbServerError, match="no copy of a setup"):
        setup.parse(content, "x")


def test_the_passphrase_is_the_one_in_use(monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    monkeypatch.setattr(command, "require", lambda: None)
    monkeypatch.setattr(state, "exported", lambda _: "{}")
    (project / "Pulumi.unit.yaml").write_text("config: {}\n")
    assert setup.read("unit") == Setup("config: {}\n", "{}", "made here")
    monkeypatch.setenv(setup.PASSPHRASE, "")
    assert setup.read("unit").passphrase == ""


def test_it_is_copied_again_where_it_or_the_place_is_another() -> None:
    assert setup.copied("unit", SETUP, "s3://a") == ""
    setup.note("unit", SETUP, "s3://a", "server.setup_1")
    assert setup.copied("unit", SETUP, "s3://a") == "server.setup_1"
    assert setup.copied("unit", SETUP, "s3://b") == ""
    assert setup.copied("unit", Setup("config: {}\n", "{}", "geheim"), "s3://a") == ""


def test_it_is_put_back_and_a_configuration_that_was_here_is_kept(project: Path) -> None:
    (project / "Pulumi.unit.yaml").write_text("config: {other: 1}\n")
    assert setup.put_back("unit", SETUP) == "Pulumi.unit.yaml.before-rescue"
    assert (project / "Pulumi.unit.yaml").read_text() == SETUP.configuration
    assert (project / "Pulumi.unit.yaml.before-rescue").read_text() == "config: {other: 1}\n"
    passphrase = project / ".state" / "passphrase"
    assert (passphrase.read_text(), passphrase.stat().st_mode & 0o777) == ("geheim\n", 0o600)
    assert setup.put_back("unit", SETUP) == ""


def test_a_state_that_is_here_is_not_replaced(project: Path) -> None:
    setup.refuse("unit", SETUP)
    state_of(project, "unit")
    with pytest.raises(RefusedError, match="a state of stack unit"):
        setup.refuse("unit", SETUP)


def test_another_stack_keeps_its_passphrase(project: Path) -> None:
    state_of(project, "dev")
    with pytest.raises(RefusedError, match="another passphrase"):
        setup.refuse("unit", SETUP)
    setup.refuse("unit", Setup("", "", "made here"))


def test_a_passphrase_in_the_environment_has_to_be_that_of_the_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(setup.PASSPHRASE, "other")
    with pytest.raises(UsageError, match=setup.PASSPHRASE):
        setup.refuse("unit", SETUP)


def test_on_another_machine_the_state_says_of_no_password_that_it_is_kept() -> None:
    outputs = {"name": "shop", "passwordDirectory": "/data/config/passwords/shop"}
    resources = [
        {"urn": "stack"},
        {"urn": "shop", "inputs": outputs, "outputs": outputs},
        {"urn": "other", "outputs": None},
    ]
    known = {"version": 3, "deployment": {"manifest": {}, "resources": resources}}
    found = json.loads(setup.moved(json.dumps(known)))
    assert found["deployment"]["resources"][1] == {"urn": "shop", "inputs": outputs, "outputs": {"name": "shop"}}
    assert [each["urn"] for each in found["deployment"]["resources"]] == ["stack", "shop", "other"]
    assert json.loads(setup.moved('{"version": 3, "deployment": {"manifest": {}}}'))["version"] == 3
