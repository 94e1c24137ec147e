"""The labels that a container is declared with, and the file beside the program."""

from pathlib import Path
from typing import Any

import pulumi
import pytest

from dbserver import compose, contract
from dbserver.docker import containers, host
from dbserver.docker.containers import Container
from dbserver.docker.images import Image
from dbserver.errors import DbServerError
from dbserver.settings.model import load
from infra import compose_file
from infra.plans import container_plan
from tests.unit.fakes import Failed, Programs, as_planned, printed

IMAGES = {"postgres": Image("postgres:17", "sha256:1", "17"), "redis": Image("redis:8", "sha256:1", "8")}
SETTINGS = load({})
HASH = "com.docker.compose.config-hash"


@pytest.fixture(autouse=True)
def project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(compose_file, "PROJECT", tmp_path)
    monkeypatch.setattr(pulumi, "get_stack", lambda: "unit")
    return tmp_path


def existing(programs: Programs, server: str, **labels: str) -> dict[str, Container]:
    """Return a container as planned, with what compose or an earlier update has written on it."""
    plan = container_plan(SETTINGS, server, IMAGES[server].name)
    entry: dict[str, Any] = as_planned(plan, identity="sha256:1")
    entry["Config"]["Labels"] |= labels
    programs.answer("container inspect", printed(entry))
    return containers.inspect([plan.name])


def labels(found: dict[str, Container]) -> dict[str, dict[str, str]]:
    return compose_file.labels(SETTINGS, compose_file.rendered(SETTINGS, IMAGES), IMAGES, found)


def test_new_containers_carry_the_hash_that_compose_gives_for_this_very_file(programs: Programs, project: Path) -> None:
    programs.answer("docker compose", "postgres aa11\nredis bb22\n")
    found = labels({})
    assert programs.calls[0].stdin == compose_file.rendered(SETTINGS, IMAGES)
    assert (found["postgres"][HASH], found["redis"][HASH]) == ("aa11", "bb22")
    assert found["redis"]["com.docker.compose.project.working_dir"] == str(project)
    assert found["redis"]["com.database.stack"] == "unit"


def test_a_container_that_stays_keeps_its_hash_whatever_compose_says_today(programs: Programs) -> None:
    programs.answer("docker compose", "postgres new\nredis new\n")
    found = labels(existing(programs, "postgres", **{HASH: "old", "com.docker.compose.version": "2.26.1"}))
    assert found["postgres"][HASH] == "old"
    assert found["redis"][HASH] == "new"
    assert "com.docker.compose.version" not in found["postgres"]


def test_one_made_without_compose_stays_as_it_is(programs: Programs) -> None:
    programs.answer("docker compose", "postgres new\nredis new\n")
    assert labels(existing(programs, "postgres", **{HASH: "unknown"}))["postgres"][HASH] == "unknown"


def test_compose_is_not_asked_where_both_stay(programs: Programs) -> None:
    both = existing(programs, "postgres") | existing(programs, "redis")
    assert labels(both)
    assert not programs.started("docker compose")


@pytest.mark.parametrize(
    "changes", [{"com.database.stack": "other"}, {"com.docker.compose.project": "other"}, {"com.database.image": "x"}]
)
def test_one_that_is_replaced_gets_a_hash_of_today(programs: Programs, changes: dict[str, str]) -> None:
    programs.answer("docker compose", "postgres new\nredis new\n")
    assert labels(existing(programs, "postgres", **{HASH: "old", **changes}))["postgres"][HASH] == "new"


def test_without_compose_everything_else_is_there(programs: Programs) -> None:
    programs.answer("docker compose", Failed("docker: 'compose' is not a docker command."))
    found = labels({})["postgres"]
    assert found[HASH] == "unknown"
    assert found["com.docker.compose.project"] == "db-server-postgres"


def test_the_file_is_written_and_one_that_says_the_same_is_left_alone(project: Path) -> None:
    text, path = compose_file.rendered(SETTINGS, IMAGES), project / contract.COMPOSE_FILE
    compose_file.write(text)
    assert path.read_text() == text
    assert compose.foreign(project) == []
    before = path.stat()
    compose_file.write(text)
    assert path.stat().st_ino == before.st_ino
    path.write_text(text + "# by hand\n")
    compose_file.write(text)
    assert path.read_text() == text
    assert [each.name for each in project.iterdir()] == [contract.COMPOSE_FILE]


def test_a_directory_that_cannot_be_written_to_is_told_with_the_way_out(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(host, "replace_file", refuse)
    with pytest.raises(DbServerError) as caught:
        compose_file.write("text")
    assert caught.value.message == f"{project / 'docker-compose.yml'} cannot be written: Permission denied"
    assert caught.value.hint


def test_nothing_secret_is_in_the_file() -> None:
    settings = load({"adminPassword": "a-password-of-the-test"})
    assert "a-password-of-the-test" not in compose_file.rendered(settings, IMAGES)


def test_somebody_else_s_file_is_a_reason_with_the_way_out(project: Path) -> None:
    (project / "docker-compose.yml").write_text("services: {}\n")
    (reason,) = compose_file.reasons()
    assert "docker-compose.yml is not ours" in reason
    assert "mv docker-compose.yml docker-compose.yml.before" in reason
