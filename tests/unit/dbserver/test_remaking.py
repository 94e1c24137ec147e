"""Rendered files that are gone: who is made anew, who runs on, and who is not cut off."""

from typing import Any

import pytest

from dbserver import clients
from dbserver.declared import Declared
from dbserver.docker import host
from dbserver.errors import RefusedError
from dbserver.redis import access
from dbserver.remaking import remove_those_without_files
from tests.unit.dbserver.actions.test_verbs import DECLARED, REDIS
from tests.unit.fakes import Failed, Programs, inspected, printed

ALL = "redis.conf\nusers.acl\nadmin-password\n"
# One address on the shared network, one of the host's own loopback, a listener, and one of another port.
SOCKETS = """  sl  local_address rem_address   st tx_queue
   0: 00000000:18EB 00000000:0000 0A 00000000:00000000
   1: 020012AC:18EB 040012AC:9C40 01 00000000:00000000
   2: 0100007F:18EB 0100007F:9C42 01 00000000:00000000
   3: 020012AC:C350 050012AC:1538 01 00000000:00000000
   4: 0000000000000000FFFF0000020012AC:18EB 0000000000000000FFFF0000060012AC:9C41 01 00000000:00000000
"""


def ours(**state: Any) -> dict[str, Any]:
    entry = inspected(REDIS, **state)
    entry["Config"]["Labels"]["com.database.stack"] = "unit"
    return entry


@pytest.fixture
def redis(programs: Programs) -> Programs:
    """A Redis that runs with all its files, and a PostgreSQL that is not there."""
    programs.answer("container inspect", printed(ours()))
    programs.answer('echo "$file"', "")
    programs.answer("dbadmin PING", "PONG\n")
    programs.answer("/proc/net/tcp", "")
    programs.answer("network inspect", Failed("network n not found"))
    programs.answer("docker stop", "")
    programs.answer("docker rm", "")
    return programs


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    done: list[Any] = []
    monkeypatch.setattr(host, "write_files", lambda _, files, __, **options: done.append((dict(files), options)))
    return done


def mended(declared: Declared = DECLARED, *, override: bool = False) -> list[str]:
    told: list[str] = []
    remove_those_without_files(declared, told.append, override=override)
    return told


def removed(programs: Programs) -> int:
    return len(programs.started("docker rm"))


@pytest.mark.parametrize("gone", ["", "redis.conf\n", "redis.conf\nusers.acl\n"])
def test_what_runs_stays_where_the_update_can_write_its_files_again(redis: Programs, gone: str) -> None:
    redis.answer('echo "$file"', gone)
    assert (mended(), removed(redis)) == ([], 0)


def test_a_server_that_runs_without_its_directory_is_made_anew(redis: Programs) -> None:
    redis.answer('echo "$file"', ALL)
    told = f"container {REDIS} lacks redis.conf, users.acl, admin-password: removed, created again on the same data"
    assert (mended(), removed(redis), len(redis.started("docker stop"))) == ([told], 1, 1)


def test_applications_that_are_connected_to_it_are_not_cut_off_unasked(redis: Programs) -> None:
    redis.answer('echo "$file"', ALL)
    redis.answer("/proc/net/tcp", SOCKETS)
    with pytest.raises(RefusedError, match=r"are connected: 172\.18\.0\.4, 172\.18\.0\.6"):
        mended()
    assert removed(redis) == 0
    mended(override=True)
    assert removed(redis) == 1


def test_neither_server_is_removed_where_one_is_refused(redis: Programs) -> None:
    other = ours()
    other["Name"] = "/db-server-postgres"
    redis.answer("container inspect", printed(other, ours()))
    redis.answer('echo "$file"', "postgresql.conf\npg_hba.conf\n", ALL)
    redis.answer("/proc/net/tcp", SOCKETS)
    with pytest.raises(RefusedError):
        mended()
    assert (removed(redis), redis.started("docker stop")) == (0, [])


def test_a_stopped_server_without_a_file_is_made_anew(redis: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "missing_files", lambda *_: ["admin-password"])
    redis.answer("container inspect", printed(ours(Status="exited")))
    assert (len(mended()), removed(redis), redis.started("docker stop")) == (1, 1, [])


def test_somebody_else_s_container_is_left_alone(redis: Programs) -> None:
    redis.answer("container inspect", printed(inspected(REDIS)))
    redis.answer('echo "$file"', ALL)
    assert (mended(), removed(redis)) == ([], 0)


@pytest.mark.parametrize("state", ["gone", "another"])
def test_a_lost_local_password_is_given_anew_where_everybody_may_do_that(
    redis: Programs, written: list[Any], state: str
) -> None:
    redis.answer('echo "$file"', "admin-password\n" if state == "gone" else "")
    redis.answer("dbadmin PING", Failed("WRONGPASS invalid username-password pair"))
    redis.answer("ACL SETUSER", "OK\n")
    assert "it has a new one, and runs on" in mended()[0]
    files, options = written[0]
    asked = redis.started("ACL SETUSER")[-1]
    assert asked.stdin == f"ACL SETUSER dbadmin #{access.hashed(files['admin-password'])}\n"
    assert "--user" not in asked.argv
    assert (options, removed(redis)) == ({"private": ["admin-password"]}, 0)


def test_where_nobody_is_let_in_the_server_is_made_anew(redis: Programs, written: list[Any]) -> None:
    redis.answer('echo "$file"', "admin-password\n")
    redis.answer("ACL SETUSER", Failed("NOPERM"))
    assert (len(mended()), removed(redis), written) == (1, 1, [])


def test_the_kernel_s_table_names_who_is_connected_to_a_port() -> None:
    assert clients.addresses(SOCKETS, 6379) == {"172.18.0.4", "172.18.0.6", "127.0.0.1"}
    assert clients.addresses("", 6379) == set()
