"""Files of elsewhere on a real server: every form comes in, and none does harm."""

import gzip
import json
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from infra.application_server import differences
from tests.support.commands import Ran, run
from tests.support.lending import Lent
from tests.support.stack import Stack

ELSEWHERE = """
CREATE ROLE stranger; CREATE ROLE reader;
CREATE DATABASE elsewhere OWNER stranger;
\\connect elsewhere
CREATE EXTENSION pg_trgm; CREATE EXTENSION citext;
SET ROLE stranger;
CREATE TABLE item (id serial PRIMARY KEY, name text);
INSERT INTO item (name) SELECT 'item ' || n FROM generate_series(1, 500) n;
INSERT INTO item (name) VALUES ('GRANT ALL ON item TO reader;'), (E'tab\\there'),
    ('-- PostgreSQL database dump complete');
GRANT SELECT ON item TO reader;
CREATE FUNCTION described() RETURNS text LANGUAGE plpgsql AS $body$
BEGIN
RETURN '
GRANT SELECT ON item TO reader;
';
END $body$;
CREATE VIEW names AS SELECT name FROM item;
SELECT lo_from_bytea(4711, 'a large object');
"""
FORMS = {"plain": ".sql", "custom": ".dump", "tar": ".tar", "directory": ""}
HEAD = "-- Dumped from database version 17.5\nCREATE TABLE item (id int);\n"
END = "\n--\n-- PostgreSQL database dump complete\n--\n"


@pytest.fixture(scope="module")
def shop(lent: Lent) -> Lent:
    """One application; a database of somebody else's is there only to be dumped."""
    made = lent.admit({"name": "shop", "poolSize": 10, "extensions": ["pg_trgm"]})
    in_container(made, "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-U", "dbadmin", stdin=ELSEWHERE)
    files = made.directory / "files"
    files.mkdir(exist_ok=True)
    for form, suffix in FORMS.items():
        target = f"/backups/{form}{suffix}"  # of all that the container may write to, `docker cp` sees what is mounted
        dumped = ["pg_dump", "-U", "dbadmin", f"--format={form}", "-f", target, "elsewhere"]
        in_container(made, *dumped)
        run("docker", "cp", f"{made.postgres}:{target}", str(files / f"{form}{suffix}")).ok()
    in_container(made, "psql", "-XAtq", "-U", "dbadmin", stdin="DROP DATABASE elsewhere; DROP ROLE stranger, reader;")
    plain = (files / "plain.sql").read_bytes()
    (files / "gz").write_bytes(gzip.compress(plain))
    (files / "zst").write_bytes(zstandard.ZstdCompressor().compress(plain))
    return made


def in_container(stack: Stack, *argv: str, stdin: str = "") -> Ran:
    return run("docker", "exec", "-i", stack.postgres, *argv, stdin=stdin).ok()


def as_shop(stack: Stack, sql: str) -> str:
    return in_container(stack, "psql", "-XAtq", "-U", "shop", "-d", "shop", stdin=sql).out.strip()


def restoring(stack: Stack, file: Path, *flags: str) -> Ran:
    return stack.script("restore-database.sh", "shop", str(file), "--confirm", "shop", "--format", "json", *flags)


def written(stack: Stack, text: str) -> Path:
    path = stack.directory / "hostile.sql"
    path.write_text(text)
    return path


def state(stack: Stack) -> str:
    """Everything that a file could have changed outside its own database."""
    return stack.sql(
        "SELECT (SELECT array_agg((oid, datname, datdba, datconnlimit, datallowconn)::text ORDER BY oid)"
        " FROM pg_database), (SELECT array_agg(to_jsonb(a) ORDER BY oid) FROM pg_authid a)"
    )


def cases(names: Iterable[str], alike: Collection[str]) -> list[Any]:
    """Return the cases of a test; those that are like another one are its long form."""
    return [pytest.param(name, marks=[pytest.mark.full] if name in alike else []) for name in names]


DUMPS = ("plain.sql", "gz", "zst", "custom.dump", "tar.tar", "directory")


@pytest.mark.parametrize("name", cases(DUMPS, alike=("gz", "zst", "tar.tar", "directory")))
def test_every_form_comes_in_and_belongs_to_the_application(shop: Stack, name: str) -> None:
    done = restoring(shop, shop.directory / "files" / name).ok()
    told: dict[str, Any] = json.loads(done.out)
    assert told["rows"] == 504, "503 rows and a large object"
    assert as_shop(shop, "SELECT count(*) FROM item; SELECT count(*) FROM names") == "503\n503"
    assert as_shop(shop, "SELECT described()").strip() == "GRANT SELECT ON item TO reader;"
    assert as_shop(shop, "SELECT convert_from(lo_get(4711), 'UTF8')") == "a large object"
    assert as_shop(shop, "SELECT string_agg(DISTINCT pg_get_userbyid(relowner), ' ') FROM pg_class "
                         "WHERE relnamespace = 'public'::regnamespace") == "shop"  # fmt: skip
    assert (
        as_shop(shop, "SELECT string_agg(extname, ' ' ORDER BY extname) FROM pg_extension") == "citext pg_trgm plpgsql"
    )
    assert shop.sql("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'shop%'") == "1"
    assert as_shop(shop, "SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'public'") == "shop"


HOSTILE = {
    "a command of psql": ("\\! touch /tmp/harm", "restricted"),
    "a connection elsewhere": ("\\connect postgres", "restricted"),
    "a key of its own": ("SELECT 1;\n  \\unrestrict guessed", "unrestrict"),
    "a program": ("COPY item FROM PROGRAM 'touch /tmp/harm';", "permission denied"),
    "a file": ("COPY item FROM '/etc/passwd';", "permission denied"),
    "a superuser": ("ALTER ROLE shop SUPERUSER;", "permission denied"),
    "the application's password": ("ALTER ROLE shop PASSWORD 'x';", "permission denied"),
    "the live database": ("DROP DATABASE shop WITH (FORCE);", "must be owner"),
    "its limit": ("ALTER DATABASE shop CONNECTION LIMIT 0;", "must be owner"),
    "another database": ("CREATE DATABASE more;", "permission denied"),
    "the application's role": ("SET ROLE shop;", "permission denied"),
    "an end inside rows": ("COPY item (id) FROM stdin;\n1\n2\n", ""),
}


ALIKE = {"a file", "its limit", "another database", "the application's role", "the application's password"}
HARMS = cases(HOSTILE, ALIKE)


@pytest.mark.parametrize("harm", HARMS)
def test_fault_14_a_hostile_file_is_refused_with_its_line_and_changes_nothing(shop: Stack, harm: str) -> None:
    statement, why = HOSTILE[harm]
    before = state(shop)
    done = restoring(shop, written(shop, HEAD + statement + END))
    assert done.code == 1, done.text
    assert why in done.err
    assert "line " in done.err
    assert state(shop) == before
    in_container(shop, "test", "!", "-e", "/tmp/harm")


@pytest.mark.full
def test_faults_2_3_and_4_a_file_that_ends_early_is_refused(shop: Lent) -> None:
    plain = (shop.directory / "files" / "plain.sql").read_text()
    rows = plain.index("item 200")
    before = state(shop)
    for cut in (plain[:rows], plain[: plain.index("\n\n", rows) + 1]):
        done = restoring(shop, written(shop, cut))
        assert (done.code, "is incomplete" in done.err) == (1, True), done.text
    for name in ("custom.dump", "gz"):
        whole = (shop.directory / "files" / name).read_bytes()
        short = shop.directory / "short"
        short.write_bytes(whole[: len(whole) * 2 // 3])
        assert restoring(shop, short).code == 1
    assert state(shop) == before


@pytest.mark.full
def test_fault_22_a_valid_file_without_a_table_is_taken_only_where_that_is_wanted(shop: Lent) -> None:
    as_shop(shop, "CREATE TABLE IF NOT EXISTS item (id int)")
    before = state(shop)
    empty = written(shop, "SET client_encoding = 'UTF8';" + END)
    done = restoring(shop, empty)
    assert (done.code, "--allow-empty" in done.err) == (5, True), done.text
    assert state(shop) == before
    restoring(shop, empty, "--allow-empty").ok()
    assert as_shop(shop, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == "0"


def test_fault_13_what_is_no_dump_and_what_is_newer_than_the_server_is_refused_before_anything(shop: Lent) -> None:
    before = state(shop)
    assert restoring(shop, written(shop, "\0\0")).code == 2
    newer = restoring(shop, written(shop, "-- Dumped from database version 99.1\n" + END))
    assert (newer.code, "PostgreSQL 99" in newer.err) == (5, True), newer.text
    assert state(shop) == before


SHOP = """
DROP TABLE IF EXISTS item CASCADE; DROP TABLE IF EXISTS kind; DROP SCHEMA IF EXISTS old CASCADE;
CREATE TABLE kind (id int PRIMARY KEY); INSERT INTO kind VALUES (1);
CREATE TABLE item (id serial PRIMARY KEY, kind int REFERENCES kind, name text CHECK (name <> ''));
INSERT INTO item (kind, name) SELECT 1, 'item ' || n FROM generate_series(1, 100) n;
CREATE SCHEMA old; CREATE TABLE old.item (id int);
"""


@pytest.mark.full
def test_a_backup_is_restored_as_a_database_beside_and_single_tables_as_a_schema(shop: Lent) -> None:
    as_shop(shop, SHOP)
    backup = json.loads(shop.script("backup-database.sh", "shop", "--format", "json").ok().out)["backups"][0]["id"]
    as_shop(shop, "DELETE FROM item WHERE id > 10")
    before = state(shop)
    verb = ("dbserver", "restore", "shop", backup, "--format", "json")
    told = json.loads(shop.script(*verb, "--table", "item", "--table", "public.kind").ok().out)
    assert (told["tables"], told["rows"]) == (["item", "kind"], 101)
    where = told["schema"]
    assert as_shop(shop, f"SELECT count(*), max(name) FROM {where}.item; SELECT count(*) FROM item") == (
        "100|item 99\n10"
    )
    assert as_shop(shop, f"SELECT nspowner::regrole FROM pg_namespace WHERE nspname = '{where}'") == "shop"
    assert state(shop) == before
    for faulty in (["--table", "item", "--table", "old.item"], ["--table", "public.none"], ["--into", "no good"],
                   ["--into", "a", "--table", "item"]):  # fmt: skip
        refused = shop.script(*verb, *faulty)
        assert refused.code == 2, refused.text
    assert shop.script(*verb, "--into", "shop").code == 5
    assert state(shop) == before
    told = json.loads(shop.script(*verb, "--into", "shop_before").ok().out)
    assert (told["database"], told["schema"]) == ("shop_before", "")
    assert shop.sql("SELECT count(*) FROM item", "shop_before") == "100"
    assert shop.sql("SELECT purpose FROM dbserver.database WHERE name = 'shop_before'") == "beside"
    assert shop.sql("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'shop_before'") == "shop"
    as_shop(shop, f"DROP SCHEMA {where} CASCADE")
    shop.sql("DROP DATABASE shop_before")
    assert differences(shop.made["shop"]) == []


def test_fault_14_a_table_of_a_hostile_file_gets_no_right_in_the_live_database(shop: Lent) -> None:
    as_shop(shop, SHOP)
    harm = "query_to_xml('SELECT * FROM public.kind', true, true, '') IS NOT NULL"
    file = written(
        shop,
        f"CREATE TABLE kind (id int); INSERT INTO kind VALUES (1);\nCREATE TABLE item (id int);\n"
        f"INSERT INTO item VALUES (1);\nALTER TABLE item ADD CHECK ({harm});\n" + END,
    )
    before = state(shop)
    tried = shop.script("dbserver", "restore", "shop", str(file), "--table", "item")
    assert (tried.code, "permission denied" in tried.err) == (1, True), tried.text
    assert shop.sql("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'restored%'", "shop") == "0"
    assert state(shop) == before
    plain = shop.script("dbserver", "restore", "shop", str(file), "--table", "kind").ok()
    assert "in the schema restored_" in plain.out
