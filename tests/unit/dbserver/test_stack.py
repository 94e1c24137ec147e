"""Which containers are a stack's: never another's, and its own under whatever name they have."""

from dataclasses import replace

import pytest

from dbserver import stack
from dbserver.errors import NotRunningError, RefusedError
from tests.unit.dbserver.actions.test_verbs import DECLARED, POSTGRES, REDIS
from tests.unit.fakes import Failed, Programs

OURS = f"{POSTGRES}\tunit\tpostgres\n{REDIS}\tunit\tredis\n"


def listed(programs: Programs, text: str) -> None:
    programs.answer("docker container ls", text)


def test_what_runs_as_declared_is_what_is_declared(programs: Programs) -> None:
    listed(programs, OURS + "nginx\t\t\nother-postgres\tother\tpostgres\ndb-server-archive\tunit\tarchive\n")
    assert stack.running(DECLARED) == DECLARED


def test_one_question_tells_it(programs: Programs) -> None:
    listed(programs, OURS)
    stack.running(DECLARED)
    assert [call.argv for call in programs.calls] == [(
        "docker", "container", "ls", "--all", "--no-trunc", "--format",
        '{{.Names}}\t{{.Label "com.database.stack"}}\t{{.Label "com.database.server"}}',
    )]  # fmt: skip


@pytest.mark.parametrize("name", [POSTGRES, REDIS])
def test_another_stack_s_server_is_refused_by_its_name_and_with_both_ways_out(programs: Programs, name: str) -> None:
    listed(programs, OURS.replace(f"{name}\tunit", f"{name}\tdev"))
    with pytest.raises(RefusedError) as caught:
        stack.running(DECLARED)
    assert caught.value.message == f"container {name} belongs to stack dev, not to stack unit; nothing was done"
    assert caught.value.hint == "--stack dev; or give stack unit containerNames of its own"


def test_a_container_that_no_stack_made_is_refused_by_nobody(programs: Programs) -> None:
    listed(programs, f"{POSTGRES}\t\t\n")
    assert stack.running(DECLARED) == DECLARED


def test_a_name_that_was_edited_and_not_applied_is_not_the_server_s(programs: Programs) -> None:
    listed(programs, OURS)
    edited = replace(DECLARED, containers={"postgres": "renamed", "redis": REDIS})
    assert stack.running(edited).containers == {"postgres": POSTGRES, "redis": REDIS}


def test_of_several_that_may_be_meant_none_is_taken(programs: Programs) -> None:
    listed(programs, OURS + "left-over\tunit\tpostgres\n")
    edited = replace(DECLARED, containers={"postgres": "renamed", "redis": REDIS})
    assert stack.running(edited).containers["postgres"] == "renamed"


def test_a_server_that_is_nowhere_keeps_its_declared_name(programs: Programs) -> None:
    listed(programs, "")
    assert stack.running(DECLARED) == DECLARED


def test_a_daemon_that_does_not_answer_is_named(programs: Programs) -> None:
    programs.answer(
        "docker container ls", Failed("Cannot connect to the Docker daemon at unix:///var/run/docker.sock.")
    )
    with pytest.raises(NotRunningError):
        stack.running(DECLARED)
