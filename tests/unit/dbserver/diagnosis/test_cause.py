"""A finding: its command filled in, its issue by server, its lines without secrets."""

import shlex

import pytest

from dbserver.diagnosis.cause import judge
from dbserver.diagnosis.causes import CAUSES
from dbserver.diagnosis.facts import Prepared, Role
from tests.unit.dbserver.diagnosis.seen import session, with_container, with_postgres, with_server


@pytest.mark.parametrize(("server", "issue"), [("postgres", "Cannot connect to database"),
                                               ("redis", "Redis connection failed")])  # fmt: skip
def test_the_issue_is_what_the_applications_of_that_server_see(server: str, issue: str) -> None:
    (found,) = judge(with_container(server, state="paused"), CAUSES)
    assert (found.issue, found.server, found.command) == (issue, server, f"docker unpause db-server-{server}")


def test_a_command_holds_any_name_as_one_word() -> None:
    gid = 'it\'s $HOME "`x`" \\'
    (found,) = judge(with_postgres(prepared=(Prepared(gid, "shop_db", "shop_role", 90),)), CAUSES)
    assert '\\$HOME \\"\\`x\\`\\"' in found.command
    assert len(shlex.split(found.command)) == 10
    (found,) = judge(
        with_postgres(roles=(Role('a"; $(x)', 0, 5, expired=True), Role("shop_role", 0, 5, expired=False))), CAUSES
    )
    assert '"ALTER ROLE \\"a\\"\\"; \\$(x)\\" VALID UNTIL' in found.command


def test_the_evidence_is_a_handful_of_lines() -> None:
    waiting = tuple(session(pid, 1) for pid in range(2, 50))
    (found,) = judge(with_postgres(sessions=(session(1), *waiting)), CAUSES)
    assert len(found.evidence) == 5
    assert found.evidence[0] == "holds: pid 1: role shop_role in shop_db from 172.20.0.5 (web), active, UPDATE"


def test_of_a_servers_log_the_lines_that_say_why_are_shown() -> None:
    log = ("LOG: a", "FATAL: why", "LOG: b", "LOG: c", "LOG: d")
    known = with_container("postgres", state="exited")
    (found,) = judge(with_server("postgres", container=known.servers["postgres"].container, log=log, up_seconds=None,
                                 postgres=None), CAUSES)  # fmt: skip
    assert found.evidence == ("FATAL: why",)
