"""The running PostgreSQL: the password that works, the settings that are in force, and the way back from bad ones."""

import itertools
import json
from typing import Any

import pytest

from dbserver import readiness
from dbserver.docker import host
from dbserver.errors import DbServerError, NotRunningError
from dbserver.postgres import scram, server, settings, sql
from dbserver.postgres.server import Server
from tests.unit.fakes import Clock, Failed, Programs, inspected, printed

SERVER = Server("db-server-postgres", "dbadmin")
WANTED = {"work_mem": "8MB", "max_connections": "50"}
BEFORE = settings.render({"work_mem": "4MB", "max_connections": "50"})
WANTED_TEXT = settings.render(WANTED)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(server, "time", made)
    monkeypatch.setattr(readiness, "time", made)
    return made


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the files that are written."""
    texts: list[str] = []
    monkeypatch.setattr(host, "write_files", lambda _, files, __: texts.extend(files.values()))
    return texts


def states(*, file: str = server.CONFIG_PATH) -> str:
    """Return the states of the declared settings, of which none waits for a restart."""
    return json.dumps({name: {"value": value, "file": file, "pending": False} for name, value in WANTED.items()})


def running(
    programs: Programs, current: str = BEFORE, faults: str = "[]", state: str | None = None, pending: str = "f"
) -> None:
    """Prepare the answers of a server that reloads at once and starts again when it is told to."""
    times = [str(number) for number in range(9)]
    programs.answer("pg_settings WHERE lower", state or states())
    programs.answer(sql.PENDING, pending)
    programs.answer("pg_file_settings", faults)
    programs.answer("pg_conf_load_time", *times)
    programs.answer("pg_reload_conf", "t")
    programs.answer("docker restart", "")
    programs.answer("pg_isready", "")
    programs.answer("json_build_object('version'", json.dumps({"version": "17.5", "connections": 1}))
    programs.answer(f"cat {server.CONFIG_PATH}", current)


def apply() -> None:
    server.apply_settings(SERVER, WANTED, "/config", "postgres:17")


# The administrator -------------------------------------------------------------


def test_sql_goes_through_standard_input_never_into_an_argument(programs: Programs) -> None:
    programs.answer("psql", "1\n")
    assert SERVER.query("SELECT 'secret'") == "1"
    assert programs.calls[0].stdin == "SELECT 'secret'"
    assert "secret" not in " ".join(programs.calls[0].argv)


def test_a_password_that_works_already_is_left(programs: Programs) -> None:
    programs.answer("pg_authid", scram.verifier("the-password"))
    programs.answer("pg_database", "1")
    assert server.reconcile_admin(SERVER, "the-password") is False
    assert not programs.started("ALTER ROLE")


@pytest.mark.parametrize("stored", [scram.verifier("old"), "md5abc", ""])
def test_any_other_password_is_set_as_a_verifier_so_that_no_log_can_hold_it(programs: Programs, stored: str) -> None:
    programs.answer("pg_authid", stored)
    programs.answer("pg_database", "1")
    programs.answer("ALTER ROLE", "")
    assert server.reconcile_admin(SERVER, "the-password") is True
    sent = programs.started("ALTER ROLE")[0]
    assert scram.matches(sent.stdin.split("PASSWORD '")[1].split("'")[0], "the-password")
    assert not [call for call in programs.calls if "the-password" in call.text]


def test_the_administrator_s_own_database_is_made_where_it_is_missing(programs: Programs) -> None:
    programs.answer("pg_authid", scram.verifier("the-password"))
    programs.answer("pg_database", "")
    programs.answer("CREATE DATABASE", "")
    assert server.reconcile_admin(SERVER, "the-password") is True
    assert programs.started("CREATE DATABASE")[0].stdin == 'CREATE DATABASE "dbadmin";\n'


def test_a_server_that_does_not_answer_is_told_with_its_reason(programs: Programs) -> None:
    programs.answer("psql", Failed("FATAL:  the database system is starting up", 2))
    with pytest.raises(NotRunningError, match="does not answer: FATAL:  the database system is starting up"):
        SERVER.answer()


# Settings -----------------------------------------------------------------------


def test_new_settings_are_written_and_reloaded_without_a_restart(programs: Programs, written: list[str]) -> None:
    running(programs)
    apply()
    assert written == [WANTED_TEXT]
    assert len(programs.started("pg_reload_conf")) == 1
    assert not programs.started("docker restart")


def test_settings_that_are_there_are_not_written_again(programs: Programs, written: list[str]) -> None:
    running(programs, current=WANTED_TEXT)
    apply()
    assert written == []


def test_a_setting_that_needs_it_restarts_the_server_once_gracefully(programs: Programs, written: list[str]) -> None:
    running(programs, pending="t")
    apply()
    assert [call.argv for call in programs.started("docker restart")] == [
        ("docker", "restart", "--time", "60", "db-server-postgres")
    ]
    assert written == [WANTED_TEXT]


@pytest.mark.parametrize(("answer", "waits"), [("t", True), ("f", False)])
def test_a_setting_that_is_no_longer_declared_waits_for_a_restart_too(
    programs: Programs, *, answer: str, waits: bool
) -> None:
    programs.answer("psql", f"{answer}\n")
    assert server.pending(SERVER) is waits
    assert [call.stdin for call in programs.calls] == [sql.PENDING]


def test_an_override_made_in_the_server_is_undone(programs: Programs, written: list[str]) -> None:
    running(programs, state=states(file="/var/lib/postgresql/data/postgresql.auto.conf"))
    programs.answer("ALTER SYSTEM", "")
    apply()
    assert programs.started("ALTER SYSTEM")[0].stdin == (
        'ALTER SYSTEM RESET "work_mem";\nALTER SYSTEM RESET "max_connections";\n'
    )
    assert written


FAULTS = json.dumps([{"name": "work_mem", "error": "unit is wrong"}])


def test_a_setting_that_the_server_refuses_is_named_and_taken_back(programs: Programs, written: list[str]) -> None:
    running(programs, faults=FAULTS)
    with pytest.raises(DbServerError, match=r"postgres\.settings\.work_mem: unit is wrong"):
        apply()
    assert written == [WANTED_TEXT, BEFORE]
    assert not programs.started("pg_reload_conf")


def test_a_file_that_could_not_be_judged_is_taken_back_too(programs: Programs, written: list[str]) -> None:
    running(programs)
    programs.answer("pg_file_settings", Failed("FATAL:  too many clients already", 2))
    with pytest.raises(DbServerError, match="too many clients"):
        apply()
    assert written == [WANTED_TEXT, BEFORE]
    assert not programs.started("pg_reload_conf")
    assert not programs.started("docker restart")


def test_the_server_runs_on_unchanged_when_it_refuses_a_setting(programs: Programs, written: list[str]) -> None:
    """Every application would lose its connections for a typing error."""
    running(programs, faults=FAULTS, pending="t")
    with pytest.raises(DbServerError, match="refuses the settings") as caught:
        apply()
    assert caught.value.hint == "correct them; the server runs on unchanged"
    assert not programs.started("docker restart")
    assert written[-1] == BEFORE


def test_settings_under_which_the_server_does_not_start_are_taken_back_and_it_runs_again(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    restarts_before_each_file: list[tuple[int, str]] = []

    def write(_: str, files: dict[str, str], __: str) -> None:
        restarts_before_each_file.extend((len(programs.started("docker restart")), text) for text in files.values())

    monkeypatch.setattr(host, "write_files", write)
    running(programs, pending="t")
    programs.answer("pg_isready", Failed("no response"), "")
    programs.answer("container inspect", printed(inspected(Status="exited", ExitCode=1)))
    programs.answer("docker logs", "FATAL:  could not map memory")
    with pytest.raises(NotRunningError, match="could not map memory"):
        apply()
    assert restarts_before_each_file == [(0, WANTED_TEXT), (1, BEFORE)]
    last = max(number for number, call in enumerate(programs.calls) if "docker restart" in call.text)
    assert len(programs.started("docker restart")) == 2
    assert [call for call in programs.calls[last:] if "pg_isready" in call.text], "it did not wait for the server"


def test_a_reload_that_never_takes_effect_is_an_error_after_ten_seconds(programs: Programs, clock: Clock) -> None:
    running(programs)
    programs.answer("pg_conf_load_time", "the same")
    began = clock.now
    with pytest.raises(NotRunningError, match="did not reload"):
        server.reload(SERVER, WANTED)
    assert 10 <= clock.now - began < 12


@pytest.mark.parametrize(
    ("in_file", "file_named", "pending", "shown"),
    [
        (True, server.CONFIG_PATH, False, "8MB"),
        (False, server.CONFIG_PATH, False, "in force"),
        (True, "/data/postgresql.auto.conf", False, "in force"),
        (True, server.CONFIG_PATH, True, "in force"),
    ],
    ids=["as declared", "file edited", "overridden", "waits for a restart"],
)
def test_a_refresh_shows_another_value_where_something_overrides_the_file(
    programs: Programs, *, in_file: bool, file_named: str, pending: bool, shown: str
) -> None:
    state = {"work_mem": {"value": "in force", "file": file_named, "pending": pending}}
    programs.answer("pg_settings WHERE", json.dumps(state))
    programs.answer("cat ", settings.render({"work_mem": "8MB"}) if in_file else "edited by hand")
    assert server.actual_settings(SERVER, {"work_mem": "8MB"}) == {"work_mem": shown}


def test_a_setting_that_the_server_does_not_know_counts_as_declared(programs: Programs) -> None:
    programs.answer("pg_settings WHERE", "{}")
    programs.answer("cat ", settings.render({"own.setting": "1"}))
    assert server.actual_settings(SERVER, {"own.setting": "1"}) == {"own.setting": "1"}


def test_the_readiness_probe_asks_over_tcp_where_a_server_that_initialises_does_not_listen(programs: Programs) -> None:
    running(programs)
    answered: dict[str, Any] = SERVER.wait()
    assert answered["version"] == "17.5"
    probe = next(call for call in programs.calls if "pg_isready" in call.text)
    assert "-h 127.0.0.1" in probe.text
    assert list(itertools.islice(probe.argv, 3)) == ["docker", "exec", "db-server-postgres"]
