"""Where the administrator's sessions come from, and how each of them begins."""

import ast
from pathlib import Path

from dbserver.postgres import commands, dump
from tests.unit.test_rooms import MODULES, ROOT

# Who starts PostgreSQL's clients: the guarded psql, a person's own psql, a stranger's, the dumps.
CLIENTS = {"psql", "pg_dump", "pg_dumpall", "pg_restore", "vacuumdb"}
MAKERS = {
    "dbserver/postgres/commands.py", "dbserver/postgres/foreign.py", "dbserver/postgres/dump.py",
    "dbserver/postgres/beside.py",
}  # fmt: skip


def constants(path: Path) -> set[str]:
    return {node.value for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)}  # fmt: skip


def test_sql_goes_to_a_database_through_the_guarded_session_alone() -> None:
    makers = {str(path.relative_to(ROOT)) for path in MODULES if CLIENTS & constants(path)}
    # In the names of verbs, of commands that a person is told, and of programs whose faults are read.
    assert makers - MAKERS <= {"dbserver/cli/verbs/applications.py", "dbserver/actions/shells.py"}


def test_a_session_begins_with_what_the_server_s_version_knows() -> None:
    assert commands.psql("c", "dbadmin", "shop", 30)[4:7] == ["sh", "-c", (
        'PGOPTIONS="-c role=none -c local_preload_libraries= -c statement_timeout=30000 -c lock_timeout=10s'
        " -c idle_in_transaction_session_timeout=0 -c default_transaction_read_only=off -c quote_all_identifiers=off"
        ' -c search_path=pg_catalog -c synchronous_commit=local"\n'
        '[ "${PG_MAJOR%%.*}0" -lt 140 ] ||'
        ' PGOPTIONS="$PGOPTIONS -c idle_session_timeout=0 -c client_connection_check_interval=2s"\n'
        '[ "${PG_MAJOR%%.*}0" -lt 170 ] || PGOPTIONS="$PGOPTIONS -c transaction_timeout=0"\n'
        'export PGOPTIONS; exec "$0" "$@"'
    )]  # fmt: skip


def test_a_dump_is_not_ended_by_what_an_owner_has_stored() -> None:
    begin = " ".join(dump.inside("c", "session", ["pg_dump"]))
    for setting in ("role=none", "local_preload_libraries=", "statement_timeout=0", "idle_session_timeout=0"):
        assert f"-c {setting}" in begin
    assert "PGCLIENTENCODING" not in begin, "a dump is in its database's own encoding"
