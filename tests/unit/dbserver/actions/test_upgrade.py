"""The swap of an upgrade: in which order, and what runs afterwards where it fails."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from dbserver import clients, major
from dbserver.actions import upgrade
from dbserver.actions.upgrade import How
from dbserver.backups import moving
from dbserver.backups.making import Wanted
from dbserver.docker.beside import Directories
from dbserver.docker.images import Image
from dbserver.errors import DbServerError, RefusedError, UsageError
from dbserver.major import Plan
from dbserver.postgres.server import Server
from tests.unit.dbserver.actions.test_verbs import DECLARED, POSTGRES
from tests.unit.fakes import NO_CONTAINER, Failed, Programs, inspected, printed

pytestmark = pytest.mark.usefixtures("state", "clock")

IMAGE = Image("postgres:18", "sha256:18", "18")
PLAN = Plan("postgres:18", IMAGE, "17.6", "17", [])
CONTROL = "Database cluster state:   shut down\nLatest checkpoint's NextXID:   0:751\n"
DOING = ("docker stop", "pg_controldata", "--exchange", "docker start", "docker rm")


@pytest.fixture
def server(programs: Programs) -> Programs:
    """A server that stops having written nothing, and directories that change places."""
    programs.answer("container inspect", printed(inspected(POSTGRES)))
    programs.answer("docker stop", "")
    programs.answer("docker start", "")
    programs.answer("docker rm", "")
    programs.answer("pg_isready", "")
    programs.answer("docker run", "data 17\n")
    programs.answer("pg_controldata", CONTROL)
    programs.answer("--exchange", "")
    return programs


def order(programs: Programs) -> list[str]:
    return [word for call in programs.calls for word in DOING if word in call.text]


def switch(following: int | None = 751) -> None:
    major.switch(DECLARED, IMAGE, "postgres.new", "postgres.17-1", following)


def test_the_directories_change_places_once_the_stopped_server_has_proved_that_nobody_wrote(server: Programs) -> None:
    switch()
    assert order(server) == ["docker stop", "pg_controldata", "--exchange", "docker rm"]


def test_a_write_that_slipped_through_starts_the_old_server_again(server: Programs) -> None:
    with pytest.raises(DbServerError, match="somebody wrote although nobody could connect"):
        switch(750)
    assert order(server) == ["docker stop", "pg_controldata", "docker start"]


def test_a_server_that_did_not_stop_gracefully_stays_in_place(server: Programs) -> None:
    server.answer("pg_controldata", CONTROL.replace("shut down", "in production"))
    with pytest.raises(DbServerError, match="did not stop gracefully"):
        switch()
    assert order(server) == ["docker stop", "pg_controldata", "docker start"]


def test_directories_that_do_not_change_places_start_the_old_server_again(server: Programs) -> None:
    server.answer("--exchange", Failed("mv: read-only file system"))
    with pytest.raises(DbServerError, match="read-only file system"):
        switch()
    assert order(server)[-2:] == ["--exchange", "docker start"]


def test_the_old_server_is_not_started_on_new_data(server: Programs) -> None:
    server.answer("docker run", "data 18\n")
    server.answer("--exchange", Failed("the daemon went away"))
    server.answer("pg_controldata", CONTROL)
    with pytest.raises(DbServerError, match="the daemon went away"):
        switch()
    assert "docker start" not in order(server)


def test_a_rollback_needs_no_server_that_runs(server: Programs) -> None:
    server.answer("container inspect", NO_CONTAINER)
    switch(None)
    assert order(server) == ["--exchange"]


@pytest.mark.parametrize("now", [(), ("shop", "new")])
def test_a_database_made_or_dropped_while_the_door_was_closing_ends_the_upgrade(
    monkeypatch: pytest.MonkeyPatch, now: tuple[str, ...]
) -> None:
    found = [moving.Database(Wanted(name), 1, beside=False) for name in now]
    monkeypatch.setattr(moving, "refuse_obstacles", lambda _: None)
    monkeypatch.setattr(moving, "databases", lambda *_: found)
    plan = replace(PLAN, databases=[moving.Database(Wanted("shop"), 1, beside=False)])
    with pytest.raises(DbServerError, match=f"just made or dropped: {'new' if now else 'shop'}"):
        upgrade._refuse_changed(Server(POSTGRES, "dbadmin"), plan, major.Wanted(18))


@pytest.mark.parametrize("days", [None, 8])
def test_an_upgrade_that_nobody_has_rehearsed_lately_is_refused(state: Path, days: int | None) -> None:
    if days:
        (state / "upgrade").mkdir()
        note = {"at": "2026-01-01T00:00:00+00:00", "image": IMAGE.identity}
        (state / "upgrade" / "unit.json").write_text(json.dumps(note))
    with pytest.raises(RefusedError, match="no rehearsal with postgres:18 has succeeded") as raised:
        upgrade._refuse(DECLARED, PLAN, How())
    assert "--rehearse; or --unrehearsed" in raised.value.hint


def test_one_that_was_rehearsed_is_still_refused_while_applications_are_connected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(clients, "refuse", lambda _, *, override: asked.append(override))
    major.keep_evidence(DECLARED, IMAGE)
    upgrade._refuse(DECLARED, PLAN, How())
    upgrade._refuse(DECLARED, PLAN, How(override=True, unrehearsed=True))
    assert asked == [False, True]


def test_without_a_kept_directory_nothing_is_rolled_back() -> None:
    with pytest.raises(UsageError, match="no directory of a version before 17 is kept"):
        upgrade._older(DECLARED, Directories("17", ("postgres.18-1",)), "")
