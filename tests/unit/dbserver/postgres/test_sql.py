"""SQL: whatever stands in a name or a value stays there."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbserver.postgres import sql

TEXT = st.text(st.characters(exclude_characters="\x00"))
HOSTILE = ["'; DROP DATABASE x; --", '"; DROP ROLE x; --', "\\'", "a\\", "''", '""', "$$", "\n", "E'x'", "数据"]


def parsed_identifier(text: str) -> str:
    assert re.fullmatch(r'"([^"]|"")*"', text, re.DOTALL), text
    return text[1:-1].replace('""', '"')


def parsed_literal(text: str) -> str:
    """Return what the server reads, with standard_conforming_strings on and off."""
    if text.startswith(" E"):
        assert re.fullmatch(r" E'([^'\\]|''|\\\\)*'", text, re.DOTALL), text
        return text[3:-1].replace("''", "'").replace("\\\\", "\\")
    assert re.fullmatch(r"'([^'\\]|'')*'", text, re.DOTALL), text
    return text[1:-1].replace("''", "'")


@given(TEXT)
def test_a_name_is_read_back_as_it_was(name: str) -> None:
    assert parsed_identifier(sql.identifier(name)) == name


@given(TEXT)
def test_a_value_is_read_back_as_it_was(value: str) -> None:
    assert parsed_literal(sql.literal(value)) == value


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_is_read_back_as_it_was(text: str) -> None:
    assert parsed_identifier(sql.identifier(text)) == text
    assert parsed_literal(sql.literal(text)) == text


def test_a_value_with_a_nul_is_refused_before_it_reaches_the_server() -> None:
    with pytest.raises(ValueError, match="NUL"):
        sql.literal("a\x00b")


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        (sql.create_database('o"x'), 'CREATE DATABASE "o""x";\n'),
        (sql.reset_overrides(["work_mem", 'a"b']), 'ALTER SYSTEM RESET "work_mem";\nALTER SYSTEM RESET "a""b";\n'),
        (sql.reset_overrides([]), ""),
        (sql.LOAD_TIME, "SELECT pg_conf_load_time();\n"),
        (sql.RELOAD, "SELECT pg_reload_conf();\n"),
    ],
)
def test_a_statement_is_exactly_this(statement: str, text: str) -> None:
    assert statement == text


def test_a_password_is_set_with_logging_switched_off_before() -> None:
    first, second = sql.set_password("dbadmin", "SCRAM-SHA-256$x").splitlines()
    assert first == (
        "SET log_statement = 'none'; SET log_min_duration_statement = -1; SET log_min_error_statement = 'panic';"
    )
    assert second == "ALTER ROLE \"dbadmin\" PASSWORD 'SCRAM-SHA-256$x';"


STATE = sql.state("o'x", ["Work_Mem", "a'b"], {"pg_hba.conf": "/etc/it's/pg_hba.conf"})


def test_the_state_of_a_server_is_asked_for_in_one_query_with_every_name_quoted() -> None:
    assert STATE.count("rolname = 'o''x'") == STATE.count("datname = 'o''x'") == 1
    assert STATE.count("WHERE lower(s.name) IN ('work_mem', 'a''b')) found") == 2
    assert "EXISTS (SELECT FROM pg_settings WHERE pending_restart)" in STATE
    assert re.findall(r"'(verifier|database|overridden|pending|settings|files)', [^p]", STATE) == [
        "verifier", "database", "overridden", "pending", "settings", "files",
    ]  # fmt: skip


def test_a_file_is_asked_for_as_bytes_and_one_that_is_missing_is_no_error() -> None:
    one = "'pg_hba.conf', encode(pg_read_binary_file('/etc/it''s/pg_hba.conf', 0, 10000000, true), 'base64')"
    assert f"'files', json_build_object({one})" in STATE


@given(st.lists(TEXT))
def test_the_use_of_databases_is_asked_for_by_their_names_alone(names: list[str]) -> None:
    listed = sql.usage(names).partition("WHERE datname IN (")[2].removesuffix(");\n")
    assert listed == ", ".join(sql.literal(name) for name in names)


def test_settings_are_looked_up_by_their_small_letters() -> None:
    asked = sql.state("a", ["DateStyle", "work_mem"], {})
    assert "WHERE lower(s.name) IN ('datestyle', 'work_mem')) found)" in asked


def test_the_faults_of_a_file_leave_out_what_only_waits_for_a_restart() -> None:
    statement = sql.file_faults("/etc/it's.conf")
    assert "f.sourcefile = '/etc/it''s.conf'" in statement
    assert "s.context IS NOT DISTINCT FROM 'postmaster' AND f.error = 'setting could not be applied'" in statement


@pytest.mark.parametrize(
    "statement",
    [
        sql.answer(),
        sql.state("a", ["b"], {"c": "/d"}),
        sql.file_faults("/x"),
        sql.usage(["a"]),
        sql.EXTENSIONS,
    ],
)
def test_every_query_is_one_complete_statement(statement: Any) -> None:
    assert statement.endswith(";\n")
    assert statement.count(";") == 1


def test_which_settings_take_a_restart_is_for_the_server_to_say() -> None:
    assert sql.restarting(["Max_Connections", "it's"]) == (
        "SELECT coalesce(json_agg(name ORDER BY name), '[]') FROM pg_settings"
        " WHERE pending_restart OR (context = 'postmaster' AND lower(name) IN ('max_connections', 'it''s'));\n"
    )
    assert "lower(name) IN (NULL)" in sql.restarting([])


def test_an_extension_is_made_where_it_asks_to_be_and_else_in_public() -> None:
    # Whatever comes first on the search path: that is PostgreSQL's own schema.
    assert sql.create_extension("pg_trgm") == (
        "SELECT format('CREATE EXTENSION IF NOT EXISTS %I SCHEMA %I', 'pg_trgm', coalesce((SELECT v.schema"
        " FROM pg_available_extension_versions v JOIN pg_available_extensions a"
        " ON a.name = v.name AND a.default_version = v.version WHERE v.name = 'pg_trgm'), 'public')) \\gexec\n"
    )
