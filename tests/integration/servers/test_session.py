"""One psql for all that a verb asks: whatever a database is called, however a script ends, whatever became of it."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from dbserver import execute
from dbserver.adoption.proof import kept_out
from dbserver.conversation import Conversation
from dbserver.errors import CommandError
from dbserver.postgres.convergence import CONFIG_PATH, reload, state
from dbserver.postgres.server import Server
from dbserver.postgres.sql import identifier
from tests.support.commands import run, until
from tests.support.lending import ADMIN, Lent

# To psql's \connect some of these are no name but what to connect by, and others end within it.
NAMES = (
    "host=nowhere",
    "postgresql://nowhere/x",
    "it's",
    'quo"ted',
    "back\\slash",
    "two words",
    "line\nfeed",
    "Großes",
)


@pytest.fixture
def server(lent: Lent) -> Iterator[Server]:
    made = Server(lent.postgres, ADMIN)
    for name in NAMES:
        made.query(f"CREATE DATABASE {identifier(name)} TEMPLATE template0")
    yield made
    for name in NAMES:
        made.query(f"DROP DATABASE {identifier(name)}")


def test_a_database_is_asked_whatever_it_is_called_and_held_by_nobody_afterwards(server: Server) -> None:
    asked = [server.query("SELECT to_json(current_database()) #>> '{}'", name) for name in NAMES]
    assert asked == list(NAMES)
    assert server.in_each(NAMES, "1") == dict.fromkeys(NAMES, 1)
    held = server.query("SELECT count(*) FROM pg_stat_activity WHERE datname <> 'postgres'")
    assert held == "0"


# What our sessions begin with, in another value.
OTHERS = {
    "statement_timeout": "7s",
    "lock_timeout": "7s",
    "idle_in_transaction_session_timeout": "7s",
    "default_transaction_read_only": "on",
    "search_path": "public",
    "synchronous_commit": "off",
}


def test_what_is_declared_of_what_our_sessions_begin_with_is_seen_as_it_is_for_others(lent: Lent) -> None:
    server, file = Server(lent.postgres, ADMIN), lent.data / "config" / "postgres" / "postgresql.conf"
    kept = file.read_text()
    before = state(server, OTHERS)
    try:
        file.write_text(kept + "".join(f"{name} = '{value}'\n" for name, value in OTHERS.items()))
        reload(server, [])
        declared = state(server, OTHERS)["settings"]
        server.query("SET default_transaction_read_only = off; ALTER SYSTEM SET lock_timeout = '8s'")
        overridden = state(server, OTHERS)
        reload(server, ["lock_timeout"])
    finally:
        file.write_text(kept)
        reload(server, [])
    assert {name: each["value"] for name, each in declared.items()} == OTHERS
    assert {each["file"] for each in declared.values()} == {CONFIG_PATH}
    assert (overridden["overridden"], overridden["settings"]["lock_timeout"]["value"]) == (["lock_timeout"], "8s")
    assert state(server, OTHERS) == before


def test_an_owner_comes_into_its_database_and_into_no_other(lent: Lent) -> None:
    lent.admit({"name": "shop", "poolSize": 1}, {"name": "blog", "poolSize": 1})
    server = Server(lent.postgres, ADMIN)
    assert kept_out(server, "shop", "shop") == []
    (refused,) = kept_out(server, "shop", "blog")
    assert "shop does not come into blog" in refused
    assert "permission denied" in refused


def test_a_script_leaves_nothing_to_the_next_one(lent: Lent) -> None:
    server = Server(lent.postgres, ADMIN)
    before = server.query("SELECT current_setting('work_mem')")
    assert before != "7MB"
    server.query("BEGIN;\nSET work_mem = '7MB';\nCREATE TEMPORARY TABLE mine (n int);\nSELECT 1 -- and no more")
    assert server.query("SELECT current_setting('work_mem'), to_regclass('pg_temp.mine') IS NULL;") == f"{before}|t"


def test_a_long_script_with_a_long_answer_is_read_to_its_end(lent: Lent) -> None:
    server, line = Server(lent.postgres, ADMIN), "x" * 10_000
    said = server.query("".join(f"SELECT '{line}';\n" for _ in range(300)))
    assert said == "\n".join([line] * 300)


def test_a_psql_that_was_ended_or_whose_server_has_begun_anew_is_no_fault_of_the_next_script(lent: Lent) -> None:
    server = Server(lent.postgres, ADMIN)
    assert server.query("SELECT 1") == "1"
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'dbserver'"
    run("docker", "exec", lent.postgres, "psql", "-U", ADMIN, "-d", "postgres", "-c", end).ok()
    assert server.query("SELECT 2") == "2"
    with pytest.raises(CommandError, match="division by zero"):
        server.query("SELECT 1 / 0")
    assert server.query("SELECT 3") == "3"


def test_a_verb_that_has_ended_leaves_no_session(lent: Lent) -> None:
    lent.script("dbserver", "list").ok()
    count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dbserver' AND pid <> pg_backend_pid()"
    ask = ["docker", "exec", lent.postgres, "psql", "-XAtq", "-U", ADMIN, "-d", "postgres", "-c", count]
    before = 1  # that of this process
    until(lambda: int(run(*ask).ok().out) <= before, 10)


def test_a_program_that_was_given_up_is_closed_like_any_other_and_gone_in_its_container(lent: Lent) -> None:
    with closing(Conversation(["docker", "exec", "-i", lent.postgres, "sleep", "3.5"])) as conversation:
        assert conversation.ask("anything\n", "END", 0.1).status == 124
    with closing(Conversation(["docker", "exec", "-i", lent.postgres, "cat"])) as conversation:
        assert conversation.ask("anything\n", "END", 0.1).status == 124
    until(lambda: "cat" not in run("docker", "top", lent.postgres, "-o", "pid,args").ok().out.split(), 10)


def test_a_program_that_still_says_much_when_it_is_interrupted_comes_to_its_end() -> None:
    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute.stream(["sh", "-c", "echo first; head -c 1000000 /dev/zero"], interrupt)
