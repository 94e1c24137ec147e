"""psql as an application or as the administrator; logs; without a terminal and without a password."""

import json
import signal
from contextlib import suppress

import psutil
import pytest
from jsonschema import validate

from tests.support.lending import Lent
from tests.support.project import ROOT
from tests.support.stack import Stack

APPLICATION = "shop"


@pytest.fixture(scope="module")
def stack(fenced: Lent) -> Lent:
    return fenced.admit({"name": APPLICATION, "poolSize": 2}, {"name": "blog", "poolSize": 2})


def test_psql_is_the_applications_role_in_its_database(stack: Stack) -> None:
    query = "SELECT current_user || ' in ' || current_database() || ' ' || usesuper FROM pg_user WHERE usename = user"
    asked = stack.script("dbserver", "psql", APPLICATION, "--", "-At", stdin=query + ";\n").ok()
    assert asked.out == "shop in shop false\n"
    assert stack.script("dbserver", "psql", "--", "-Atc", query).ok().out == "dbadmin in dbadmin true\n"


def test_a_script_stops_at_its_first_error_and_the_exit_code_is_true(stack: Stack) -> None:
    script = "CREATE TABLE first ();\nSELECT 1 / 0;\nCREATE TABLE second ();\n"
    tried = stack.script("dbserver", "psql", APPLICATION, stdin=script)
    assert tried.code == 1, tried.text
    assert "division by zero" in tried.err
    assert stack.sql("SELECT string_agg(relname, ' ') FROM pg_class WHERE relname IN ('first', 'second')", "shop") == (
        "first"
    )


def test_an_interrupted_script_leaves_no_statement_behind(stack: Stack) -> None:
    process = stack.popen(
        str(stack.project / "scripts" / "dbserver"), "psql", APPLICATION, "--", "-c", "SELECT pg_sleep(600)"
    )
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)' AND state = 'active'"
    stack.until(lambda: stack.sql(sleeping) == "1", 60, what="the statement")
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1, out
    assert "interrupted" in out
    stack.until(lambda: stack.sql(sleeping) == "0", 10, what="its end in the server")


def test_an_unknown_application_is_named_with_the_known_ones(stack: Stack) -> None:
    tried = stack.script("dbserver", "psql", "nobody")
    assert (tried.code, "blog, shop" in tried.err) == (2, True), tried.text


def test_the_logs_of_both_servers_come_in_the_order_of_time(stack: Stack) -> None:
    # Of the stack's start nothing may be left among the last lines: other modules' tests have filled the log.
    stack.psql("SELECT nothing_of_this_order")
    stack.redis_admin("BGSAVE", "SCHEDULE")
    shown = stack.script("dbserver", "logs", "-n", "1000", "--format", "json").ok().out.splitlines()
    lines = [json.loads(line) for line in shown]
    schema = json.loads((ROOT / "docs" / "reference" / "schemas" / "logline-1.json").read_text())
    for line in lines:
        validate(line, schema)
    assert [line["time"] for line in lines] == sorted(line["time"] for line in lines)
    assert {line["server"] for line in lines} == {"postgres", "redis"}
    assert any("nothing_of_this_order" in line["line"] for line in lines)


def test_of_one_application_the_lines_of_its_clients_are_shown_with_their_further_lines(stack: Stack) -> None:
    stack.script("dbserver", "psql", "blog", "--", "-c", "SELECT nothing_of\n_blog")
    stack.script("dbserver", "psql", "shop", "--", "-c", "SELECT nothing_of\n_shop")
    shown = stack.script("dbserver", "logs", "--application", "blog").ok().out
    assert "_blog" in shown
    assert "shop" not in shown
    assert "redis" not in shown
    refused = stack.script("dbserver", "logs", "redis", "--application", "blog")
    assert (refused.code, "names no client" in refused.err) == (2, True), refused.text


def test_the_log_of_one_server_is_cut_by_number_and_age(stack: Stack) -> None:
    few = stack.script("dbserver", "logs", "redis", "-n", "2").ok().out.splitlines()
    assert (len(few), {line.split()[0] for line in few}) == (2, {"redis"})
    assert stack.script("dbserver", "logs", "redis", "--since", "2099-01-01T00:00:00").ok().out == ""
    tried = stack.script("dbserver", "logs", "--since", "yesterday")
    assert (tried.code, "--since" in tried.err) == (2, True), tried.text


def test_logs_are_followed_until_an_interruption(stack: Stack) -> None:
    process = stack.popen(str(stack.project / "scripts" / "dbserver"), "logs", "-f", "-n", "0")
    stack.until(lambda: len(_children(process.pid)) == 2, 30, what="both logs")
    stack.psql("SELECT nothing_of_this_name")
    assert process.stdout is not None
    line = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert "nothing_of_this_name" in line


def _children(pid: int) -> list[int]:
    found = []
    for child in psutil.Process(pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # the script's own steps come and go
            found += [child.pid] if child.name() == "docker" else []
    return found


def test_the_shell_completes_verbs_and_applications(stack: Stack) -> None:
    words = {"COMP_WORDS": "dbserver psql s", "COMP_CWORD": "2", "_DBSERVER_COMPLETE": "bash_complete"}
    completed = stack.script("dbserver", env={**stack.env(), **words}).out.split()
    assert completed == ["plain,shop"]
    assert "_DBSERVER_COMPLETE=bash_complete" in stack.script("dbserver", "completion", "bash").ok().out
