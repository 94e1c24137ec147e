"""psql and redis-cli as an application or as the administrator; logs; without a terminal and without a password."""

import json
import signal
from collections.abc import Iterator

import psutil
import pytest
from jsonschema import validate

from tests.integration.stack import ROOT, Stack

APPLICATION = "shop"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack in which every Redis tenant has a password."""
    made = Stack(tmp_path_factory.mktemp("shells"))
    made.configure(redis={"access": "password"})
    made.declare({"name": APPLICATION, "poolSize": 2}, {"name": "blog", "poolSize": 2})
    made.start().ok()
    yield made
    made.remove()


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


def test_redis_cli_is_the_applications_tenant(stack: Stack) -> None:
    script = f"SET {APPLICATION}:greeting hello\nGET {APPLICATION}:greeting\nACL WHOAMI\n"
    asked = stack.script("dbserver", "redis-cli", APPLICATION, stdin=script)
    assert (asked.code, asked.out.split()) == (0, ["OK", "hello", APPLICATION]), asked.text
    other = stack.script("dbserver", "redis-cli", "blog", "--", "GET", f"{APPLICATION}:greeting")
    assert (other.code, "NOPERM" in other.text) == (1, True), other.text
    assert stack.script("dbserver", "redis-cli", "--", "ACL", "WHOAMI").ok().out.strip() == "dbadmin"


@pytest.mark.full
def test_no_password_is_shown_not_even_while_debugging(stack: Stack) -> None:
    known = stack.variables(APPLICATION)
    secrets = [known["DB_PASSWORD"], known["REDIS_URL"].split(":")[2].split("@")[0], stack.output("adminPassword")]
    verbs = (
        ["psql", APPLICATION, "--", "-c", "SELECT 1"], ["redis-cli", APPLICATION, "--", "ping"], ["status"],
        ["connections"], ["list"], ["logs"], ["restart", "--yes"], ["drain", APPLICATION, "blue"],
    )  # fmt: skip
    for verb in verbs:
        text = stack.script("dbserver", verb[0], "--debug", *verb[1:]).ok().text
        assert "docker" in text
        assert [secret for secret in secrets if secret in text] == [], verb


def test_an_unknown_application_is_named_with_the_known_ones(stack: Stack) -> None:
    for verb in ("psql", "redis-cli"):
        tried = stack.script("dbserver", verb, "nobody")
        assert (tried.code, "blog, shop" in tried.err) == (2, True), tried.text


def test_the_logs_of_both_servers_come_in_the_order_of_time(stack: Stack) -> None:
    shown = stack.script("dbserver", "logs", "-n", "1000", "--format", "json").ok().out.splitlines()
    lines = [json.loads(line) for line in shown]
    schema = json.loads((ROOT / "docs" / "reference" / "schemas" / "logline-1.json").read_text())
    for line in lines:
        validate(line, schema)
    assert [line["time"] for line in lines] == sorted(line["time"] for line in lines)
    assert {line["server"] for line in lines} == {"postgres", "redis"}
    assert any("database system is ready to accept connections" in line["line"] for line in lines)


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
    return [child.pid for child in psutil.Process(pid).children(recursive=True) if child.name() == "docker"]


def test_the_shell_completes_verbs_and_applications(stack: Stack) -> None:
    words = {"COMP_WORDS": "dbserver psql s", "COMP_CWORD": "2", "_DBSERVER_COMPLETE": "bash_complete"}
    completed = stack.script("dbserver", env={**stack.env(), **words}).out.split()
    assert completed == ["plain,shop"]
    assert "_DBSERVER_COMPLETE=bash_complete" in stack.script("dbserver", "completion", "bash").ok().out
