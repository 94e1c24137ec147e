"""The door: closed by lines around the stack's own, opened by taking them away, and the proof that nobody wrote."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbserver.docker import host
from dbserver.errors import DbServerError
from dbserver.postgres import door, settings
from dbserver.postgres.server import Server
from tests.unit.fakes import Failed, Programs

FILES = {"postgresql.conf": "work_mem = '4MB'\n", "pg_hba.conf": settings.render_hba("dbadmin", ["172.18.0.1"])}
CONTROL = """\
pg_control version number:            1700
Database cluster state:               {state}
Latest checkpoint's NextXID:          {next}
Latest checkpoint's NextOID:          24576
"""


def test_a_closed_door_lets_the_administrator_in_through_the_socket_and_nobody_else() -> None:
    first = [line for line in door.closed(FILES, "dbadmin")["pg_hba.conf"].splitlines() if not line.startswith("#")]
    assert first[:5] == [
        'local all "dbadmin" trust',
        "local all all reject",
        "local replication all reject",
        "host all all all reject",
        "host replication all all reject",
    ]


def test_nothing_gathers_statistics_behind_a_closed_door() -> None:
    assert door.closed(FILES, "dbadmin")["postgresql.conf"].endswith("autovacuum = 'off'\n")


def test_an_opened_door_is_what_the_stack_has_rendered() -> None:
    assert door.opened(door.closed(FILES, "dbadmin"), "dbadmin") == FILES
    assert door.opened(FILES, "dbadmin") == FILES


@given(st.text(), st.text())
def test_closing_twice_is_closing_once_and_opening_brings_any_file_back(config: str, hba: str) -> None:
    files = door.opened({"postgresql.conf": config, "pg_hba.conf": hba}, "dbadmin")
    once = door.closed(files, "dbadmin")
    assert door.closed(once, "dbadmin") == once
    assert door.opened(once, "dbadmin") == files


def test_the_next_transaction_of_a_stopped_server_counts_its_epochs() -> None:
    assert door.next_in_file(CONTROL.format(state="shut down", next="0:751")) == 751
    assert door.next_in_file(CONTROL.format(state="shut down", next="2:5")) == 2 * 2**32 + 5


def test_a_server_that_did_not_stop_gracefully_proves_nothing() -> None:
    for state in ("in production", "shut down in recovery", "shutting down"):
        assert door.next_in_file(CONTROL.format(state=state, next="0:751")) == -1
    assert door.next_in_file("pg_controldata: error: could not open file") == -1


SERVER = Server("db-server-postgres", "dbadmin")


@pytest.fixture
def written(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, str]]:
    """A server that runs with FILES; what is written for it is returned."""
    found: list[Mapping[str, str]] = []
    monkeypatch.setattr(host, "write_files", lambda _, files, __: found.append(files))
    has(programs, FILES)
    programs.answer("pg_conf_load_time", *map(str, range(100)))
    programs.answer("pg_reload_conf", "")
    programs.answer("pg_terminate_backend", "2", "0")
    programs.answer("txid_snapshot_xmax", "751")
    return found


def has(programs: Programs, files: Mapping[str, str]) -> None:
    coded = {name: base64.b64encode(text.encode()).decode() for name, text in files.items()}
    programs.answer("pg_postmaster_start_time", json.dumps({"version": "17.6", "major": 17}))
    programs.answer("pg_read_binary_file", json.dumps({"files": coded}))


def test_the_door_stays_closed_where_everything_went_well(
    programs: Programs, written: list[Mapping[str, str]], tmp_path: Path
) -> None:
    with door.shut(SERVER, str(tmp_path), "postgres:17") as following:
        assert following == 751
        assert written == [door.closed(FILES, "dbadmin")]
        assert len(programs.started("pg_terminate_backend")) == 2, "until nobody is left"
    assert len(written) == 1


def test_the_door_is_opened_where_anything_fails(written: list[Mapping[str, str]]) -> None:
    with pytest.raises(KeyboardInterrupt), door.shut(SERVER, "/data/config/postgres", "postgres:17"):
        raise KeyboardInterrupt
    assert written == [door.closed(FILES, "dbadmin"), FILES]


def test_a_door_that_a_killed_run_left_closed_is_opened(programs: Programs, written: list[Mapping[str, str]]) -> None:
    has(programs, door.closed(FILES, "dbadmin"))
    assert door.reopen(SERVER, "/data/config/postgres", "postgres:17")
    assert written == [FILES]


def test_an_open_door_and_a_server_that_does_not_run_are_left_alone(
    programs: Programs, written: list[Mapping[str, str]]
) -> None:
    assert door.reopen(SERVER, "/data/config/postgres", "postgres:17")
    programs.answer("pg_postmaster_start_time", Failed("is not running"))
    assert not door.reopen(SERVER, "/data/config/postgres", "postgres:17")
    assert written == []


def test_a_door_that_cannot_be_looked_at_is_an_error(programs: Programs, written: list[Mapping[str, str]]) -> None:
    programs.answer("pg_read_binary_file", Failed("permission denied"))
    with pytest.raises(DbServerError, match="permission denied"):
        door.reopen(SERVER, "/data/config/postgres", "postgres:17")
    assert written == []
