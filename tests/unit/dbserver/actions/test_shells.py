"""psql and redis-cli: as whom, in which database, and where the password is."""

import json
import os
from collections.abc import Callable

import pytest

from dbserver import execute
from dbserver.actions.shells import psql, redis_cli
from dbserver.engine import command
from dbserver.errors import DbServerError, Exit, NotRunningError, UsageError
from tests.unit.dbserver.actions.test_verbs import DECLARED, POSTGRES, REDIS
from tests.unit.dbserver.test_registry import ROW
from tests.unit.fakes import NO_CONTAINER, Answer, Call, Failed, Programs, inspected, printed

PASSWORD = "p%40ss"
SESSION = f"PGAPPNAME=dbserver-psql-{os.getpid()}"


@pytest.fixture
def server(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """Two servers that run and know an application; its Redis is the one that `url` gives."""
    programs.answer("docker exec", "")
    programs.answer("ACL LIST", "user default on nopass sanitize-payload resetchannels -@all +ping\n")
    programs.answer("container inspect", printed(inspected(POSTGRES), inspected(REDIS)))
    programs.answer("json_build_object('version'", json.dumps({"version": "17.5"}))
    programs.answer("FROM dbserver.application;", json.dumps([ROW]))
    monkeypatch.setattr(command, "require", lambda: None)
    url(monkeypatch, f"redis://shop:{PASSWORD}@db-server-redis:6379/1")
    return programs


def url(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    known = {"applications": {"shop": {"REDIS_URL": address}}}
    monkeypatch.setattr(command, "outputs", lambda _, **__: known)


def last(programs: Programs) -> Call:
    return programs.calls[-1]


def test_nobody_named_is_the_administrator_in_the_database_of_its_name(server: Programs) -> None:
    psql(DECLARED, None, [], terminal=True)
    assert last(server).argv == (
        "docker", "exec", "-it", "--env", SESSION, POSTGRES, "psql", "-X", "-U", "dbadmin", "-d", "dbadmin",
    )  # fmt: skip


def test_an_application_is_its_role_in_its_database_with_what_is_passed_on(server: Programs) -> None:
    psql(DECLARED, "shop", ["--csv", "-c", "TABLE orders"], terminal=False)
    assert last(server).argv == (
        "docker", "exec", "-i", "--env", SESSION, POSTGRES, "psql", "-X", "-v", "ON_ERROR_STOP=1",
        "-U", "shop_user", "-d", "shop_data", "--csv", "-c", "TABLE orders",
    )  # fmt: skip


def test_the_administrator_of_redis_reads_the_password_inside_the_container(server: Programs) -> None:
    redis_cli(DECLARED, None, ["INFO", "memory"], terminal=False)
    assert last(server).argv[:6] == ("docker", "exec", "-i", REDIS, "sh", "-c")
    assert last(server).argv[7:] == ("dbadmin", "INFO", "memory")
    assert "REDISCLI_AUTH" not in last(server).options["env"]


def test_a_tenant_s_password_goes_through_the_environment_and_never_into_an_argument(server: Programs) -> None:
    redis_cli(DECLARED, "shop", ["GET", "shop:a"], terminal=True)
    call = last(server)
    assert call.argv == (
        "docker", "exec", "-it", "--env", "REDISCLI_AUTH", REDIS, "redis-cli", "--user", "shop", "-n", "1", "-e",
        "GET", "shop:a",
    )  # fmt: skip
    assert call.options["env"]["REDISCLI_AUTH"] == "p@ss"
    assert not [each for each in server.calls if PASSWORD in each.text or "p@ss" in each.text]


def test_in_an_open_redis_an_application_comes_in_as_everybody(
    server: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answer("ACL LIST", "user default on nopass sanitize-payload ~* &* +@all\n")
    monkeypatch.setattr(command, "require", lambda: pytest.fail("it needs no engine"))
    redis_cli(DECLARED, "shop", [], terminal=False)
    assert last(server).argv == ("docker", "exec", "-i", REDIS, "redis-cli", "-n", "1", "-e")
    assert "REDISCLI_AUTH" not in last(server).options["env"]


def test_the_outputs_tell_the_database_of_an_open_redis_where_postgresql_does_not(
    server: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answer("ACL LIST", "user default on nopass sanitize-payload ~* &* +@all\n")
    server.answer("json_build_object('version'", Failed("no such container"))
    url(monkeypatch, "redis://db-server-redis:6379/3")
    redis_cli(DECLARED, "shop", [], terminal=False)
    assert last(server).argv == ("docker", "exec", "-i", REDIS, "redis-cli", "-n", "3", "-e")


@pytest.mark.parametrize("verb", [psql, redis_cli])
def test_an_unknown_application_is_a_fault_of_usage(server: Programs, verb: Callable[..., None]) -> None:
    with pytest.raises(UsageError, match="there is no application shpo"):
        verb(DECLARED, "shpo", [], terminal=False)
    assert "-U shpo" not in last(server).text


@pytest.mark.parametrize(
    ("there", "said"),
    [(NO_CONTAINER, "does not exist"), (printed(inspected(POSTGRES, Status="exited")), "does not run")],
    ids=["gone", "stopped"],
)
def test_a_container_that_does_not_run_is_told_with_the_way_back(server: Programs, there: Answer, said: str) -> None:
    server.answer("container inspect", there)
    with pytest.raises(NotRunningError) as caught:
        psql(DECLARED, None, [], terminal=False)
    assert (caught.value.message, caught.value.hint) == (f"container {POSTGRES} {said}", "./scripts/start.sh")


@pytest.mark.parametrize("status", [1, 2, 3, 130])
def test_whatever_the_program_ends_with_the_verb_has_failed(server: Programs, status: int) -> None:
    server.answer("psql -X", Failed("", status))
    with pytest.raises(DbServerError) as caught:
        psql(DECLARED, None, [], terminal=False)
    assert (caught.value.message, caught.value.exit_code) == (f"psql ended with exit status {status}", Exit.FAILED)
    assert caught.value.hint == "what it printed says why"


def test_an_interrupted_psql_is_ended_in_the_server_too(server: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: object, **__: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(execute, "attach", interrupt)
    with pytest.raises(KeyboardInterrupt):
        psql(DECLARED, "shop", [], terminal=False)
    assert f"application_name = '{SESSION.partition('=')[2]}'" in last(server).stdin
    assert "pg_terminate_backend" in last(server).stdin
