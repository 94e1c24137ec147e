"""A recovered server takes the place: in which order, and what runs afterwards where it fails."""

from dataclasses import replace

import pytest

from dbserver.archive import replacing
from dbserver.errors import DbServerError
from dbserver.postgres.server import Server
from tests.unit.dbserver.actions.test_verbs import DECLARED, POSTGRES
from tests.unit.dbserver.archive.test_recovering import ARCHIVE
from tests.unit.fakes import NO_CONTAINER, POSTGRES_IMAGE, Failed, Programs, inspected, printed

pytestmark = pytest.mark.usefixtures("state", "clock")

KNOWN = replace(DECLARED, archive=ARCHIVE, applications={"shop": ("shop", "shop")})
DOING = ("docker stop", "--exchange", "docker start", "docker rm --force", "docker rm")


@pytest.fixture
def server(programs: Programs) -> Programs:
    """A server that runs, and directories that change places."""
    programs.answer("container inspect", printed(inspected(POSTGRES)))
    for verb in ("docker stop", "docker start", "docker rm", "pg_isready"):
        programs.answer(verb, "")
    programs.answer("--exchange", "postgres.17-1\n")
    return programs


def order(programs: Programs) -> list[str]:
    return [next(word for word in DOING if word in call.text) for call in programs.calls
            if any(word in call.text for word in DOING)]  # fmt: skip


def test_the_server_before_is_stopped_and_both_containers_are_made_anew(server: Programs) -> None:
    assert replacing.switch(KNOWN, POSTGRES_IMAGE, "postgres.moment") == "postgres.17-1"
    assert order(server) == ["docker stop", "--exchange", "docker rm", "docker rm --force"]


def test_where_the_directories_do_not_change_places_the_server_before_runs_again(server: Programs) -> None:
    server.answer("--exchange", Failed("mv: read-only file system"))
    with pytest.raises(DbServerError, match="read-only file system"):
        replacing.switch(KNOWN, POSTGRES_IMAGE, "postgres.moment")
    assert order(server) == ["docker stop", "--exchange", "docker start"]


def test_a_lost_container_is_in_nobody_s_way(server: Programs) -> None:
    server.answer("container inspect", NO_CONTAINER)
    server.answer("--exchange", "")
    assert replacing.switch(KNOWN, POSTGRES_IMAGE, "postgres.moment") == ""
    assert order(server) == ["--exchange", "docker rm --force"]


def test_a_recovered_server_that_was_killed_takes_no_place(server: Programs) -> None:
    entry = inspected("moment")
    entry["State"]["ExitCode"] = 137
    server.answer("container inspect", printed(entry))
    with pytest.raises(DbServerError, match="did not shut down cleanly"):
        replacing.shut_down(Server("moment", "dbadmin"))


def test_a_database_that_does_not_answer_is_named(programs: Programs) -> None:
    programs.answer("SELECT 1", "1", Failed("FATAL: could not open file"))
    with pytest.raises(DbServerError, match="two does not answer: FATAL: could not open file"):
        replacing.answering(Server("moment", "dbadmin"), ["one", "two"])
