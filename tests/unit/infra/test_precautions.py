"""What the program does before a container is recreated, and asks afterwards."""

import pulumi
import pytest

from dbserver.backups import precaution
from dbserver.backups.precaution import Precaution
from dbserver.docker.containers import Container
from dbserver.errors import NotRunningError
from dbserver.postgres.server import Server
from dbserver.settings.model import load
from infra import precautions
from tests.unit.fakes import container

GOING = {"postgres": container(mounts={"/backups": "/srv/backups-of-now"}), "redis": container(name="db-server-redis")}
DECLARED = load({"backupDirectory": "/srv/backups-to-come", "postgres": {"adminUser": "boss"}})


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record what is taken and told, in order."""
    told: list[str] = []

    def take(server: str, _: Container, known: Precaution) -> list[str]:
        told.append(f"{server} into {known.backups} as {known.admin} of {known.stack}")
        return [f"{server}_1"] if server == "postgres" else []

    monkeypatch.setattr(precaution, "take", take)
    monkeypatch.setattr(precaution, "write_out", lambda server, _, admin: told.append(f"{server} written by {admin}"))
    monkeypatch.setattr(pulumi.log, "warn", told.append)
    return told


def test_each_server_is_backed_up_into_the_directory_that_it_has_mounted_and_then_written_out(done: list[str]) -> None:
    precautions.take_precautions(DECLARED, "unit", GOING)
    assert done == [
        "postgres into /srv/backups-of-now as boss of unit",
        "db-server-postgres is recreated; backed up before: postgres_1",
        "postgres written by boss",
        "redis into /srv/backups-to-come as boss of unit",
        "redis written by boss",
    ]


def test_an_operator_may_go_without(done: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBSERVER_NO_CHECKPOINT", "yes")
    precautions.take_precautions(DECLARED, "unit", GOING)
    assert done == ["postgres written by boss", "redis written by boss"]


@pytest.mark.parametrize(
    ("before", "after", "asked"),
    [("a", "b", True), ("a", "a", False), (None, "b", False), ("a", None, False)],
    ids=["another container", "the same", "the first one", "unknown"],
)
def test_the_databases_are_asked_where_another_container_has_taken_the_place(
    monkeypatch: pytest.MonkeyPatch, before: str | None, after: str | None, *, asked: bool
) -> None:
    monkeypatch.setattr(precaution, "silent", lambda running: [running.container])
    found = precautions.silent(DECLARED, before, after)
    assert found == (["db-server-postgres"] if asked else [])


def test_a_server_that_does_not_tell_its_applications_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Server) -> list[str]:
        raise NotRunningError("it does not answer")

    monkeypatch.setattr(precaution, "silent", fail)
    assert precautions.silent(DECLARED, "a", "b") == ["it does not answer"]
