"""The running PostgreSQL: the password that works, the settings that are in force, and the way back from bad ones."""

import base64
import hashlib
import itertools
import json
from dataclasses import replace
from subprocess import TimeoutExpired
from typing import Any

import pytest

from dbserver import readiness
from dbserver.docker import host
from dbserver.errors import DbServerError, NotRunningError, RefusedError
from dbserver.postgres import convergence, scram, session, settings, sql
from dbserver.postgres.convergence import Declared
from dbserver.postgres.server import Server
from tests.unit.fakes import Clock, Failed, Programs, inspected, printed

SERVER = Server("db-server-postgres", "dbadmin")
WANTED = {"work_mem": "8MB", "max_connections": "50"}
NETWORK = json.dumps(
    [{"Name": "nginx-network", "Id": "n", "Driver": "bridge", "IPAM": {"Config": [{"Gateway": "172.18.0.1"}]}}]
)
HBA = settings.render_hba("dbadmin", ("172.18.0.1",))
WANTED_FILES = {"postgresql.conf": settings.render(WANTED), "pg_hba.conf": HBA}
BEFORE = {"postgresql.conf": settings.render({"work_mem": "4MB", "max_connections": "50"}), "pg_hba.conf": HBA}
VERIFIER = scram.verifier("the-password")
DECLARED = Declared("the-password", WANTED, "nginx-network", "/config", "postgres:17")


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    for module in (session, convergence):
        monkeypatch.setattr(module, "time", made)
    monkeypatch.setattr(readiness, "time", made)
    return made


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """Record the files that are written."""
    sets: list[dict[str, str]] = []
    monkeypatch.setattr(host, "write_files", lambda _, files, __: sets.append(dict(files)))
    return sets


def found(files: dict[str, str] = BEFORE, **changes: Any) -> dict[str, Any]:
    """Return what sql.state answers of a server with these files on which nothing is to be done, with changes."""
    read = {name: as_read(files[name].encode()) if name in files else None for name in WANTED_FILES}
    answer = {"version": "17.5", "verifier": VERIFIER, "database": True, "overridden": [], "pending": False}
    return {**answer, "settings": {}, "files": read, **changes}


def as_read(content: bytes) -> str:
    """Return a file's content as PostgreSQL encodes it: lines of 76 characters."""
    return base64.encodebytes(content).decode().rstrip("\n")


def running(
    programs: Programs,
    before: dict[str, Any] | None = None,
    faults: str = "[]",
    after: dict[str, Any] | None = None,
) -> None:
    """Prepare the answers of a server that reloads at once and starts again when it is told to."""
    times = [str(number) for number in range(9)]
    programs.answer("network inspect", NETWORK)
    programs.answer("rolpassword", json.dumps(before or found()), json.dumps(after or found()))
    programs.answer("context = 'postmaster'", "[]")
    programs.answer("f.error", faults)
    programs.answer("pg_reload_conf", "t")
    programs.answer("REVOKE ALL ON DATABASE", "t")
    programs.answer("pg_conf_load_time", *times)
    programs.answer("docker restart", "")
    programs.answer("pg_isready", "")


def apply() -> str:
    return convergence.converge(SERVER, DECLARED, lambda _: None)


def restarts(programs: Programs) -> int:
    return len(programs.started("docker restart"))


# The administrator -------------------------------------------------------------


def test_sql_goes_through_standard_input_never_into_an_argument(programs: Programs) -> None:
    programs.answer("psql", "1\n")
    assert SERVER.query("SELECT 'secret'") == "1"
    assert programs.calls[0].stdin == "SELECT 'secret'"
    assert "secret" not in " ".join(programs.calls[0].argv)


@pytest.mark.usefixtures("written")
def test_on_a_server_as_declared_nothing_is_changed(programs: Programs) -> None:
    running(programs, found(WANTED_FILES))
    apply()
    for changing in ("ALTER ROLE", "CREATE DATABASE", "ALTER SYSTEM", "docker restart"):
        assert not programs.started(changing)


@pytest.mark.usefixtures("written")
def test_what_was_converged_is_told_with_its_version(programs: Programs) -> None:
    running(programs)
    assert apply() == "17.5"


@pytest.mark.usefixtures("written")
def test_the_password_is_set_in_the_script_that_comes_last_with_logging_off_before_it(programs: Programs) -> None:
    running(programs, found(WANTED_FILES, verifier=""))
    apply()
    script = programs.calls[-1].stdin
    assert script.index("SET log_statement = 'none'") < script.index("ALTER ROLE") < script.index("REVOKE ALL")
    assert len(programs.started("ALTER ROLE")) == 1


def test_an_attempt_that_fails_is_for_the_caller_to_judge(programs: Programs) -> None:
    programs.answer("psql", Failed("ERROR:  no", 3))
    done = SERVER.attempt("SELECT 'secret'", "shop")
    assert (done.succeeded, done.output) == (False, "ERROR:  no")
    assert (programs.calls[0].argv[-1], programs.calls[0].stdin) == ("shop", "SELECT 'secret'")


def test_an_attempt_without_an_answer_is_for_the_caller_to_judge_too(programs: Programs) -> None:
    programs.answer("psql", TimeoutExpired(["psql"], 60))
    done = SERVER.attempt("SELECT pg_sleep(100)", "shop")
    assert (done.succeeded, done.stdout) == (False, "")


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize("stored", [scram.verifier("old"), "md5abc", "", None])
def test_any_other_password_is_set_as_a_verifier_so_that_no_log_can_hold_it(
    programs: Programs, stored: str | None
) -> None:
    running(programs, found(verifier=stored))
    programs.answer("ALTER ROLE", "")
    apply()
    sent = programs.started("ALTER ROLE")[0]
    assert scram.matches(sent.stdin.split("PASSWORD '")[1].split("'")[0], "the-password")
    assert not [call for call in programs.calls if "the-password" in call.text]


@pytest.mark.usefixtures("written")
def test_the_administrator_s_own_database_is_made_where_it_is_missing(programs: Programs) -> None:
    running(programs, found(database=False))
    programs.answer("CREATE DATABASE", "")
    apply()
    assert programs.started("CREATE DATABASE")[0].stdin == 'CREATE DATABASE "dbadmin";\n'


@pytest.mark.usefixtures("written")
def test_the_server_s_own_databases_are_closed_and_the_registry_made_last(programs: Programs) -> None:
    running(programs)
    apply()
    last = programs.calls[-1]
    assert last.argv[-2:] == ("-d", "dbadmin")
    assert last.stdin.splitlines()[:3] == [
        'REVOKE ALL ON DATABASE "dbadmin" FROM PUBLIC;',
        'REVOKE ALL ON DATABASE "postgres" FROM PUBLIC;',
        'REVOKE ALL ON DATABASE "template1" FROM PUBLIC;',
    ]
    assert "CREATE TABLE IF NOT EXISTS dbserver.application" in last.stdin
    assert last.stdin.endswith(sql.RELOAD)


def test_a_server_that_does_not_answer_is_told_with_its_reason(programs: Programs) -> None:
    programs.answer("psql", Failed("FATAL:  the database system is starting up", 2))
    with pytest.raises(NotRunningError, match="does not answer: FATAL:  the database system is starting up"):
        SERVER.answer()


# Settings -----------------------------------------------------------------------


Written = list[dict[str, str]]


def test_new_settings_are_written_and_reloaded_without_a_restart(programs: Programs, written: Written) -> None:
    running(programs)
    apply()
    assert written == [WANTED_FILES]
    assert [call.stdin for call in programs.calls if call.stdin == sql.RELOAD] == [sql.RELOAD]
    assert restarts(programs) == 0


def test_files_that_are_there_are_not_written_again(programs: Programs, written: Written) -> None:
    running(programs, found(WANTED_FILES))
    apply()
    assert written == []


@pytest.mark.parametrize("current", [{}, {"postgresql.conf": settings.render(WANTED)}], ids=["both", "rules"])
def test_files_that_are_missing_are_written(programs: Programs, written: Written, current: dict[str, str]) -> None:
    running(programs, found(current))
    apply()
    assert written == [WANTED_FILES]


@pytest.mark.parametrize("edited", [b"\xff\xfe not UTF-8\n", b"a\0b", b""], ids=["other bytes", "NUL", "empty"])
def test_a_file_that_is_no_text_is_written_again(programs: Programs, written: Written, edited: bytes) -> None:
    read = {name: as_read(content.encode()) for name, content in WANTED_FILES.items()}
    running(programs, found(files={}) | {"files": {**read, "pg_hba.conf": as_read(edited)}})
    apply()
    assert written == [WANTED_FILES]


@pytest.mark.usefixtures("written")
def test_a_server_as_declared_is_asked_once_and_sent_one_script(programs: Programs) -> None:
    """Each `docker exec` costs a tenth of a second while the machine is busy with a first start."""
    running(programs, found(WANTED_FILES))
    apply()
    assert len(programs.started("docker exec")) == 2


def test_another_gateway_of_the_network_rewrites_who_may_connect(programs: Programs, written: Written) -> None:
    old = {**WANTED_FILES, "pg_hba.conf": settings.render_hba("dbadmin", ("10.0.0.1",))}
    running(programs, found(old))
    apply()
    assert written == [WANTED_FILES]


def test_without_its_network_the_administrator_comes_in_from_the_loopback_only(programs: Programs) -> None:
    programs.answer("network inspect", Failed("Error response from daemon: network nginx-network not found"))
    assert convergence.rendered(WANTED, "dbadmin", "nginx-network")["pg_hba.conf"] == settings.render_hba("dbadmin", ())


def test_whoever_may_object_to_a_restart_is_asked_before_anything_is_written(
    programs: Programs, written: Written
) -> None:
    running(programs)
    programs.answer("context = 'postmaster'", '["max_connections"]')
    told: list[Any] = []

    def object_to(names: Any) -> None:
        told.append(names)
        raise RefusedError("not now")

    with pytest.raises(RefusedError, match="not now"):
        convergence.converge(SERVER, DECLARED, object_to)
    assert (told, written) == ([["max_connections"]], [])
    asked = programs.started("context = 'postmaster'")[0].stdin
    assert "lower(name) IN ('work_mem')" in asked, "only what changes is asked about"


@pytest.mark.usefixtures("written")
def test_nobody_is_asked_where_nothing_takes_a_restart(programs: Programs) -> None:
    running(programs)
    assert convergence.converge(SERVER, DECLARED, lambda names: pytest.fail(f"asked about {names}")) == "17.5"


@pytest.mark.usefixtures("written")
def test_a_restart_that_an_update_before_left_open_is_asked_about_too(programs: Programs) -> None:
    running(programs, found(WANTED_FILES, pending=True))
    programs.answer("context = 'postmaster'", '["shared_buffers"]')
    told: list[Any] = []
    convergence.converge(SERVER, DECLARED, told.append)
    assert told == [["shared_buffers"]]
    assert "IN (NULL)" in programs.started("context = 'postmaster'")[0].stdin


def test_a_setting_that_needs_it_restarts_the_server_once_gracefully(programs: Programs, written: Written) -> None:
    running(programs, after=found(pending=True))
    apply()
    assert [call.argv for call in programs.started("docker restart")] == [
        ("docker", "restart", "--time", "60", "db-server-postgres")
    ]
    assert written == [WANTED_FILES]


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize("waits", [True, False])
def test_a_setting_that_is_no_longer_declared_waits_for_a_restart_too(programs: Programs, *, waits: bool) -> None:
    running(programs, found(WANTED_FILES, pending=waits))
    apply()
    assert restarts(programs) == int(waits)


def test_an_override_made_in_the_server_is_undone(programs: Programs, written: Written) -> None:
    running(programs, found(WANTED_FILES, overridden=["work_mem", 'a"b']))
    programs.answer("ALTER SYSTEM", "")
    apply()
    assert [call.stdin for call in programs.started("ALTER SYSTEM")] == [
        'ALTER SYSTEM RESET "work_mem";\nALTER SYSTEM RESET "a""b";\n'
    ]
    assert written == []


FAULTS = json.dumps([{"name": "work_mem", "error": "unit is wrong"}])


def test_a_setting_that_the_server_refuses_is_named_and_taken_back(programs: Programs, written: Written) -> None:
    running(programs, faults=FAULTS)
    with pytest.raises(DbServerError, match=r"postgres\.settings\.work_mem: unit is wrong"):
        apply()
    assert written == [WANTED_FILES, BEFORE]
    assert not programs.started("pg_reload_conf")


def test_a_file_that_could_not_be_judged_is_taken_back_too(programs: Programs, written: Written) -> None:
    running(programs)
    programs.answer("f.error", Failed("FATAL:  too many clients already", 2))
    with pytest.raises(DbServerError, match="too many clients"):
        apply()
    assert written == [WANTED_FILES, BEFORE]
    assert not programs.started("pg_reload_conf")
    assert not programs.started("docker restart")


def test_the_server_runs_on_unchanged_when_it_refuses_a_setting(programs: Programs, written: Written) -> None:
    """Every application would lose its connections for a typing error."""
    running(programs, faults=FAULTS, after=found(pending=True))
    with pytest.raises(DbServerError, match="refuses the settings") as caught:
        apply()
    assert caught.value.hint == "correct them; the server runs on unchanged"
    assert not programs.started("docker restart")
    assert written[-1] == BEFORE


def test_settings_under_which_the_server_does_not_start_are_taken_back_and_it_runs_again(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    restarts_before_each_writing: list[tuple[int, dict[str, str]]] = []

    def write(_: str, files: dict[str, str], __: str) -> None:
        restarts_before_each_writing.append((restarts(programs), dict(files)))

    monkeypatch.setattr(host, "write_files", write)
    running(programs, after=found(pending=True))
    programs.answer("pg_isready", Failed("no response"), "")
    programs.answer("container inspect", printed(inspected(Status="exited", ExitCode=1)))
    programs.answer("docker logs", "FATAL:  could not map memory")
    with pytest.raises(NotRunningError, match="could not map memory"):
        apply()
    assert restarts_before_each_writing == [(0, WANTED_FILES), (1, BEFORE)]
    last = max(number for number, call in enumerate(programs.calls) if "docker restart" in call.text)
    assert restarts(programs) == 2
    assert [call for call in programs.calls[last:] if "pg_isready" in call.text], "it did not wait for the server"


def test_a_reload_that_never_takes_effect_is_an_error_after_ten_seconds(programs: Programs, clock: Clock) -> None:
    running(programs)
    programs.answer("pg_conf_load_time", "the same")
    began = clock.now
    with pytest.raises(NotRunningError, match="did not reload"):
        convergence.reload(SERVER, [])
    assert 10 <= clock.now - began < 12


def in_force(programs: Programs, seen: dict[str, Any], declared: dict[str, str]) -> dict[str, str]:
    """Return what a refresh shows of a server in this state."""
    programs.answer("network inspect", NETWORK)
    programs.answer("rolpassword", json.dumps(seen))
    state = convergence.state(SERVER, declared)
    return convergence.actual_settings(state, declared, SERVER.admin, "nginx-network")


@pytest.mark.parametrize(
    ("in_file", "file_named", "pending", "shown"),
    [
        (True, convergence.CONFIG_PATH, False, "8MB"),
        (False, convergence.CONFIG_PATH, False, "4MB (in force)"),
        (True, "/data/postgresql.auto.conf", False, "4MB (in force)"),
        (True, convergence.CONFIG_PATH, True, "4MB (in force)"),
    ],
    ids=["as declared", "file edited", "overridden", "waits for a restart"],
)
def test_a_refresh_shows_another_value_where_something_overrides_the_file(
    programs: Programs, *, in_file: bool, file_named: str, pending: bool, shown: str
) -> None:
    state = {"work_mem": {"value": "4MB", "file": file_named, "pending": pending}}
    conf = settings.render({"work_mem": "8MB"}) if in_file else "edited by hand"
    seen = found({"postgresql.conf": conf, "pg_hba.conf": HBA}, settings=state)
    assert in_force(programs, seen, {"work_mem": "8MB"}) == {"work_mem": shown}


def test_a_setting_that_the_server_does_not_know_counts_as_declared(programs: Programs) -> None:
    seen = found({"postgresql.conf": settings.render({"own.setting": "1"}), "pg_hba.conf": HBA})
    assert in_force(programs, seen, {"own.setting": "1"}) == {"own.setting": "1"}


def test_a_refresh_shows_that_the_rules_of_who_may_connect_were_edited(programs: Programs) -> None:
    """Otherwise nothing would differ in the state, and the next update would leave the edit."""
    files = {"postgresql.conf": settings.render({"work_mem": "8MB"}), "pg_hba.conf": "host all all all trust\n"}
    seen = found(files, settings={"work_mem": {"value": "8MB", "file": convergence.CONFIG_PATH, "pending": False}})
    assert in_force(programs, seen, {"work_mem": "8MB"}) == {"work_mem": "8MB (in force)"}


def test_the_readiness_probe_asks_over_tcp_where_a_server_that_initialises_does_not_listen(programs: Programs) -> None:
    running(programs)
    SERVER.wait()
    probe = next(call for call in programs.calls if "pg_isready" in call.text)
    assert "-h 127.0.0.1" in probe.text
    assert list(itertools.islice(probe.argv, 3)) == ["docker", "exec", "db-server-postgres"]


# The certificate ----------------------------------------------------------------


def certified(programs: Programs, shown: str) -> list[Any]:
    """Converge a server that shall have a certificate; return the commands that wrote it."""
    running(programs, found(WANTED_FILES))
    programs.answer("sha256sum", shown)
    programs.answer("docker run", "")
    convergence.converge(SERVER, replace(DECLARED, certificate="key and certificate"), lambda _: None)
    return programs.started("docker run")


@pytest.mark.usefixtures("written")
def test_another_certificate_is_written_before_the_reload_that_takes_it(programs: Programs) -> None:
    (writing,) = certified(programs, "0  -\n600 postgres\n")
    assert writing.stdin == "key and certificate"
    assert programs.calls.index(writing) < programs.calls.index(programs.started("pg_reload_conf")[-1])
    assert restarts(programs) == 0


@pytest.mark.usefixtures("written")
def test_the_certificate_that_is_there_is_not_written_again(programs: Programs) -> None:
    digest = hashlib.sha256(b"key and certificate").hexdigest()
    assert certified(programs, f"{digest}  -\n600 postgres\n") == []
