"""The reading of a plain dump: what is left out, and whether it is whole."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbserver.backups.script import Script

END = b"--\n-- PostgreSQL database dump complete\n--\n"


def passed(text: bytes, *schemas: str) -> bytes:
    return b"".join(Script(schemas).lines(io.BytesIO(text)))


def complete(text: bytes) -> bool:
    script = Script()
    list(script.lines(io.BytesIO(text)))
    return script.complete


@pytest.mark.parametrize(
    "line",
    [
        b"ALTER TABLE public.item OWNER TO other;",
        b"ALTER FUNCTION public.f(a text, b integer) OWNER TO \"Other\";",
        b"GRANT SELECT ON TABLE public.item TO reader;",
        b"REVOKE ALL ON SCHEMA public FROM PUBLIC;",
        b"ALTER DEFAULT PRIVILEGES FOR ROLE other IN SCHEMA public GRANT SELECT ON TABLES TO reader;",
        b"SET SESSION AUTHORIZATION 'other';",
        b"COMMENT ON EXTENSION hstore IS 'pairs; it''s so';",
        b"\\restrict 0Ab",
        b"\\unrestrict 0Ab",
    ],
)  # fmt: skip
def test_owners_and_grants_leave_an_empty_line(line: bytes) -> None:
    assert passed(b"SELECT 1;\n" + line + b"\nSELECT 2;\n") == b"SELECT 1;\n\nSELECT 2;\n"
    assert passed(line + b"\r\nSELECT 2;\n") == b"\r\nSELECT 2;\n"


@pytest.mark.parametrize(
    "text",
    [
        b"GRANT SELECT ON a TO b; DROP TABLE c;\n",
        b"COPY t (a) FROM stdin;\nGRANT ALL ON x TO y;\n\\.\nSELECT 1;\n",
        b"CREATE FUNCTION f() AS $_$\nGRANT ALL ON x TO y;\n$_$;\n",
        b"CREATE FUNCTION f() AS $a$ $b$\nGRANT ALL ON x TO y;\n$a$;\n",
        b"SELECT '\nGRANT ALL ON x TO y;\n';\n",
        b"SELECT E'\\'\nGRANT ALL ON x TO y;\n';\n",
        b"SELECT 1 /*\nGRANT ALL ON x TO y;\n*/;\n",
        b"CREATE TABLE \"odd\nGRANT ALL ON x TO y;\n\" ();\n",
        b"SELECT 1 AS\nGRANT;\n",
        b"\\connect postgres\n",
        b"CREATE SCHEMA other;\n",
    ],
)  # fmt: skip
def test_what_only_looks_so_stays(text: bytes) -> None:
    assert passed(text, "made") == text


@pytest.mark.parametrize(
    "before",
    [b"COPY t (a) FROM stdin;\n1\n\\.\n\n", b"CREATE FUNCTION f() AS $$ it's $$;\n", b"SELECT 'a' -- it's\n;\n",
     b"-- it's one\n\n", b"/* it's one */\n", b"SELECT a$b$ FROM c;\n", b"SELECT E'\\\\';\n", b"SELECT 'c:\\';\n"],
)  # fmt: skip
def test_after_it_a_statement_begins(before: bytes) -> None:
    assert passed(before + b"GRANT ALL ON x TO y;\n") == before + b"\n"


def test_a_schema_that_is_there_is_not_made_again() -> None:
    assert passed(b'CREATE SCHEMA made;\nCREATE SCHEMA "Odd";\n', "made", "Odd") == b"\n\n"


@pytest.mark.parametrize("after", [b"", b"\n\n", b"-- by hand\n", b"\\unrestrict abc\n\n"])
def test_a_dump_is_complete_where_its_last_line_is_pg_dump_s(after: bytes) -> None:
    assert complete(b"SELECT 1;\n" + END + after)


@pytest.mark.parametrize(
    "text",
    [b"", b"SELECT 1;\n", END[:-20], END + b"SELECT 1;\n", END + b"COPY t FROM stdin;\n", b"SELECT '\n" + END,
     b"COPY t (a) FROM stdin;\n" + END, b"SELECT $$\n" + END + b"$$;\n", b"SELECT 1\n" + END],
)  # fmt: skip
def test_it_is_not_where_anything_is_open_or_follows(text: bytes) -> None:
    assert not complete(text)


@given(st.lists(st.sampled_from([b"SELECT ", b"'", b"$$", b"$a$", b'"', b"--", b"/*", b"*/", b"E'", b"\\", b";", b"\n",
                                 b"COPY t FROM stdin;\n", b"\\.\n", b"GRANT a TO b;\n", b"x"])))  # fmt: skip
def test_no_file_gets_another_number_of_lines(pieces: list[bytes]) -> None:
    text = b"".join(pieces)
    assert passed(text).count(b"\n") == text.count(b"\n")
