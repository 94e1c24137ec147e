"""What one client takes from all others on PostgreSQL, and what of that is bounded."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from dbserver.postgres import session
from dbserver.postgres.server import Server
from tests.support.commands import Ran, run
from tests.support.lending import ADMIN, Lent

# The version, and a name that nobody has: the server asks for a password and waits.
BODY = b"\x00\x03\x00\x00user\x00nobody\x00database\x00nowhere\x00\x00"
STARTUP = (len(BODY) + 4).to_bytes(4, "big") + BODY


@contextmanager
def half_open(stack: Lent, count: int, said: bytes) -> Iterator[None]:
    """Hold so many connections that say this much and never log in."""
    with ExitStack() as open_here:
        for _ in range(count):
            connection = open_here.enter_context(socket.create_connection(("127.0.0.1", stack.postgres_port), 10))
            connection.sendall(said)
        yield


@pytest.fixture(scope="module")
def limits(lent: Lent) -> Lent:
    settings = {"temp_file_limit": "100MB"}
    return lent.admit({"name": "one", "settings": settings}, {"name": "other"})


def as_application(stack: Lent, name: str, sql: str) -> Ran:
    url = stack.variables(name)["DATABASE_URL"]
    return stack.client(f"psql -XqAt -v ON_ERROR_STOP=1 '{url}' -c \"{sql}\"", server="postgres")


def findings(stack: Lent) -> dict[str, dict[str, Any]]:
    """Return what doctor finds by its cause."""
    found = json.loads(stack.script("dbserver", "doctor", "--format", "json").out)["findings"]
    return {each["cause"]: each for each in found}


@pytest.mark.parametrize("said", [b"", STARTUP], ids=["silent", "without a password"])
def test_connections_that_never_log_in_keep_the_administrator_out_for_seconds_only(limits: Lent, said: bytes) -> None:
    connections = int(limits.sql("SHOW max_connections", "postgres"))
    with half_open(limits, 3 * connections, said):
        limits.until(lambda: "too many clients" in limits.psql("SELECT 1", "postgres").text, what="a full server")
        assert Server(limits.postgres, ADMIN).query("SELECT 1") == "1"


def test_an_application_does_not_lift_a_limit_that_the_server_keeps(limits: Lent) -> None:
    refused = as_application(limits, "one", "SET temp_file_limit = -1")
    assert "permission denied to set parameter" in refused.text
    assert "permission denied" in as_application(limits, "one", "ALTER ROLE one SET temp_file_limit = -1").text
    too_much = "SET work_mem = '64kB'; SELECT count(*) FROM (SELECT repeat('x', 500) || n AS t FROM"
    filled = as_application(limits, "one", f"{too_much} generate_series(1, 400000) n ORDER BY t) s")
    assert "temporary file size exceeds" in filled.text


def test_an_application_that_takes_all_locks_is_named_and_the_others_work_once_it_is_ended(limits: Lent) -> None:
    taking = "SELECT count(pg_advisory_lock(n)) FROM generate_series(1, 200000) n; SELECT pg_sleep(600);"
    script = f"echo '{taking}' | psql -q -U one -d one"
    holding = subprocess.Popen(["docker", "exec", limits.postgres, "sh", "-c", script])
    making = "CREATE TABLE after_it (n int)"
    full = "out of shared memory"
    limits.until(lambda: full in limits.psql(f"BEGIN; {making}; ROLLBACK", "other").text, what="a full table of locks")
    found = findings(limits)["locks-exhausted"]
    assert full in " ".join(found["evidence"])
    run("bash", "-c", found["command"]).ok()
    assert holding.wait(60) != 0
    as_application(limits, "other", making).ok()


def test_a_process_that_was_killed_is_named_once_the_server_is_back(limits: Lent) -> None:
    ran = "SELECT now() > pg_postmaster_start_time() + interval '4s'"
    limits.until(lambda: limits.sql(ran, "postgres") == "t", what="a server that has run for a while")
    assert "postgres-crashed" not in findings(limits)
    limits.psql("COPY (SELECT 1) TO PROGRAM 'kill -KILL $PPID'", "postgres")
    limits.until(lambda: not limits.sql_fails(), what="the recovery")
    found = findings(limits)["postgres-crashed"]
    assert "was terminated by signal 9" in run("bash", "-c", found["command"]).ok().out
    assert "was terminated by signal 9" in " ".join(found["evidence"])


def test_what_an_operation_gives_up_ends_in_the_server(limits: Lent) -> None:
    given_up = Server(limits.postgres, ADMIN).attempt("SELECT pg_sleep(600); CREATE TABLE late ();", "one", seconds=1)
    assert "canceling statement due to statement timeout" in given_up.output
    assert limits.sql("SELECT count(*) FROM pg_stat_activity WHERE query ~ '^SELECT pg_sleep'", "one") == "0"
    assert limits.sql("SELECT to_regclass('late')", "one") == ""


@pytest.mark.full  # fifteen seconds of waiting
@pytest.mark.parametrize("known", [True, False], ids=["asked before", "never asked"])
def test_a_server_that_lets_nobody_in_runs_nothing_later(limits: Lent, *, known: bool) -> None:
    server = Server(limits.postgres, ADMIN)
    session._open.__dict__.clear()
    assert not known or server.query("SELECT 1") == "1"
    os.kill(limits.main_pid(limits.postgres), signal.SIGSTOP)
    try:
        tried = server.attempt("CREATE TABLE late ();", "one")
    finally:
        os.kill(limits.main_pid(limits.postgres), signal.SIGCONT)
    assert ("no answer within 15 s" if known else "timeout expired") in tried.output
    limits.until(lambda: not limits.sql_fails(), what="the server's answer")
    processes = ["docker", "top", limits.postgres, "-o", "pid,args"]
    limits.until(lambda: "psql" not in run(*processes).ok().out, 10, what="psql's end")
    assert limits.sql("SELECT to_regclass('late')", "one") == ""
