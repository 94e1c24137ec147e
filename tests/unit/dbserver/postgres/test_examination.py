"""PostgreSQL from inside: what one query prints is read, and what it shows of statements is their first word."""

import json
import subprocess
from typing import Any

from dbserver.diagnosis.facts import Collation, Inside, Role, Session
from dbserver.postgres import examination, sql
from tests.unit.fakes import Failed, Programs

SESSION: dict[str, Any] = {
    "pid": 7, "role": "a", "database": "b", "application": "", "address": "172.20.0.5", "state": "active",
    "state_seconds": 1.5, "transaction_seconds": 2.5, "blockers": [4, 5], "command": "UPDATE",
}  # fmt: skip
ROLE = {"name": "a", "connections": 1, "limit": -1, "expired": False}
MOVED = {"name": "d", "recorded": "2.36", "actual": "2.41"}
PRINTED: dict[str, Any] = {
    "version": "17.5", "now": 12.5, "checkpoint": 10.0, "standby": False, "read_only": False, "max_connections": 25,
    "reserved": 3, "used": 1, "roles": [ROLE], "databases": [], "sessions": [SESSION], "prepared": [], "pending": ["a"],
    "overridden": [], "faults": [], "archive_failures": 0, "slots": [{"name": "s", "kept": 5}],
    "collations": [], "crashed_seconds": None, "libraries": "pg_cron, $libdir/citus", "available": {"hstore": "1.8"},
}  # fmt: skip


def test_the_answer_is_read(programs: Programs) -> None:
    programs.answer("pg_stat_activity", json.dumps({**PRINTED, "collations": [MOVED]}))
    found, refusal = examination.examine("db-server-postgres", "dbadmin")
    assert found
    assert refusal == ""
    assert found.sessions == (Session(**{**SESSION, "blockers": (4, 5)}),)
    assert found.roles == (Role("a", 1, -1, expired=False),)
    assert found.collations == (("d", "2.36", "2.41"),)
    assert (found.pending, found.slots, found.faults) == (("a",), (("s", 5),), ())
    assert found.asked <= found.answered


def test_each_open_database_is_asked_from_inside_and_one_that_lets_nobody_in_is_left_out(programs: Programs) -> None:
    row = {"open": True, "limit": -1, "age": 1, "checksum_failures": 0}
    databases = [{**row, "name": "a"}, {**row, "name": "b"}, {**row, "name": "c"}, {**row, "name": "d", "open": False}]
    moved = {"name": "s.c", "recorded": "1", "actual": "2", "indexes": ["s.i"]}
    told = {"extensions": [["hstore", "1.7"]], "indexes": ["s.j"], "collations": [moved]}
    programs.answer("pg_stat_activity", json.dumps({**PRINTED, "databases": databases}))
    programs.answer(sql.connect("a"), json.dumps({"a": told}))
    programs.answer(sql.connect("c"), json.dumps({"c": {"extensions": [], "indexes": [], "collations": []}}))
    programs.answer(sql.connect("a"), json.dumps({"a": told}))
    found, _ = examination.examine("db-server-postgres", "dbadmin")
    assert found
    collation = Collation("s.c", "1", "2", ("s.i",))
    assert found.inside == (Inside("a", (("hstore", "1.7"),), ("s.j",), (collation,)), Inside("c"))
    assert found.libraries == ("pg_cron", "citus")
    assert not programs.started(sql.connect("d"))


def test_every_value_of_the_answer_is_asked_for() -> None:
    assert set(examination.VALUES) == set(PRINTED)


def test_a_server_that_refuses_or_never_answers_is_told_with_its_words(programs: Programs) -> None:
    programs.answer("docker exec", Failed("psql: error: FATAL:  the database system is starting up", 2))
    assert examination.examine("c", "dbadmin") == (None, "psql: error: FATAL:  the database system is starting up")
    programs.answer("docker exec", subprocess.TimeoutExpired("docker", 15))
    assert examination.examine("c", "dbadmin") == (None, "no answer within 15 s")


def test_of_a_statement_only_its_first_word_leaves_the_server() -> None:
    assert examination.EXAMINE.count("a.query") == 1
    assert "substring(a.query FROM '^\\s*([A-Za-z]+)')" in examination.EXAMINE
