"""What an application may put into names, values and errors is data: it forges no line, and stops nobody's verb."""

import json
import re
import subprocess
import threading
from collections.abc import Iterator

import pytest

from tests.support.attacks import Client
from tests.support.commands import Ran, run
from tests.support.lending import Lent
from tests.support.shop import as_role, backed_up

# PostgreSQL leaves U+2028 in JSON as it is; a terminal obeys what follows ESC.
NAMES = r"""
CREATE TABLE U&"a\2028b" (n int);
ALTER ROLE shop SET search_path = E'public', E'a\u2028{boom', E'\u20280|forged';
CREATE COLLATION odd (provider = icu, locale = 'en', version = '1.1');
CREATE TABLE sorted (x text COLLATE odd);
CREATE INDEX U&"ix\001b]0;pwned\0007\000amend: harm" ON sorted (x);
CREATE INDEX U&"ix\2028y" ON sorted (x);
SET client_min_messages = error;
DO $$ BEGIN RAISE LOG E'x\u20282026-11-29 00:00:00.000 UTC [1] blog@blog PANIC:  forged \x1b]0;pwned\x07'; END $$;
"""
BECOME = """
CREATE FUNCTION public.become() RETURNS boolean VOLATILE LANGUAGE plpgsql AS $$ BEGIN
  RAISE LOG 'become runs, super %', (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user);
  IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
    EXECUTE 'COPY (SELECT ''ALTER ROLE shop SUPERUSER'') TO PROGRAM ''psql -U dbadmin -d postgres''';
  END IF; RETURN true; END $$;
"""


@pytest.fixture(scope="module")
def town(lent: Lent) -> Lent:
    return lent.admit({"name": "shop", "poolSize": 5}, {"name": "blog", "poolSize": 2}, {"name": "gone"})


@pytest.fixture(autouse=True)
def _no_superuser(town: Lent) -> Iterator[None]:
    yield
    assert town.sql("SELECT rolname FROM pg_catalog.pg_roles WHERE rolsuper", "postgres") == "dbadmin"
    assert "become runs, super t" not in run("docker", "logs", town.postgres).text


def test_what_others_have_granted_keeps_no_application_from_being_dropped(town: Lent) -> None:
    as_role(town, "CREATE TABLE lent (n int); GRANT SELECT ON lent TO gone; GRANT CONNECT ON DATABASE shop TO gone")
    with town.configured(applications=[each for each in town.config["applications"] if each["name"] != "gone"]):
        town.script("dbserver", "drop", "gone", "--confirm", "gone").ok()
    assert as_role(town, "SELECT count(*) FROM lent") == "0"
    as_role(town, "DROP TABLE lent")


def test_no_name_and_no_setting_of_an_application_stops_a_verb_or_reaches_the_terminal(town: Lent) -> None:
    as_role(town, NAMES)
    Client(address(town)).ask("EVAL", "return redis.error_reply('X\\11used_memory foo')", "0")
    try:
        told = {verb: town.script("dbserver", *verb.split()) for verb in ("start", "status", "list", "backup --all")}
        told["logs --application blog"] = town.script("dbserver", "logs", "--application", "blog")
        found = town.script("dbserver", "doctor")
    finally:
        as_role(town, r'DROP TABLE sorted, U&"a\2028b"; DROP COLLATION odd; ALTER ROLE shop RESET search_path')
    assert {verb: done.code for verb, done in told.items()} == dict.fromkeys(told, 0), told
    assert "forged" not in told["logs --application blog"].out
    assert found.code == 0, found.text
    assert_harmless(found, "ix ]0;pwned  mend: harm", "ix y")
    assert_harmless(town.script("dbserver", "logs", "postgres"), "forged  ]0;pwned")


def test_who_is_refused_by_redis_chooses_nothing_of_what_doctor_reads(town: Lent) -> None:
    town.redis_admin("ACL", "LOG", "RESET")
    try:
        for name in ("a\x1eb", "x\ncount\nNaN\nreason\nauth", "\x1b]0;pwned\x07", "line\u2028line"):
            Client(address(town)).ask("AUTH", name, "x")
        found = town.script("dbserver", "doctor", "--format", "json")
        shown = town.script("dbserver", "doctor")
    finally:
        town.redis_admin("ACL", "LOG", "RESET")
    causes = {each["cause"] for each in json.loads(found.out)["findings"] if each["severity"] == "fault"}
    assert causes == {"redis-password-wrong"}, found.out
    assert_harmless(shown, "a b")


def address(town: Lent) -> str:
    return str(town.inspect(town.redis)["NetworkSettings"]["Networks"][town.network]["IPAddress"])


def assert_harmless(done: Ran, *parts: str) -> None:
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028]", done.text), ascii(done.text)
    assert not re.search(r"^\s*mend: harm", done.text, re.MULTILINE)
    for part in parts:
        assert part in done.text, ascii(done.text)


def test_a_view_in_a_counted_table_s_place_runs_nothing(town: Lent) -> None:
    as_role(town, f"{BECOME} CREATE TABLE aaa (n int); CREATE TABLE bbb (n int)")
    argv = ["docker", "exec", "-i", town.postgres, "psql", "-XAtq", "-U", "shop", "-d", "shop"]
    made: list[Ran] = []
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holding:
        assert holding.stdin
        assert holding.stdout
        holding.stdin.write("BEGIN; LOCK TABLE aaa;\n\\echo held\n")
        holding.stdin.flush()
        assert holding.stdout.readline() == "held\n"
        backup = threading.Thread(target=lambda: made.append(town.script("dbserver", "backup", "shop")))
        backup.start()
        town.until(lambda: town.sql("SELECT count(*) FROM pg_locks WHERE NOT granted", "shop") != "0")
        as_role(town, "DROP TABLE bbb; CREATE VIEW bbb AS SELECT 1 AS n WHERE public.become()")
        holding.stdin.close()
        backup.join()
    assert made[0].code == 1, made[0].text
    assert "bbb" in made[0].err
    as_role(town, "DROP VIEW bbb; DROP TABLE aaa; DROP FUNCTION become()")


def test_a_name_forges_no_entry_of_a_dump_s_list(town: Lent) -> None:
    as_role(town, f"{BECOME} CREATE TABLE victim (n int CHECK (become())); INSERT INTO victim VALUES (1)")
    as_role(town, "CREATE DOMAIN forge AS int")
    listed = run("docker", "exec", town.postgres, "sh", "-c", "pg_dump -Fc -U shop shop | pg_restore -l").ok().out
    number = re.findall(r"^(\d+); .* TABLE DATA public victim", listed, re.MULTILINE)[0]
    as_role(town, f'ALTER DOMAIN forge RENAME TO U&"f shop\\000b{number}; 0 0 ACL public x dbadmin\\000b;"')
    backed_up(town)
    town.script("dbserver", "drill", "shop").ok()
    as_role(town, "DROP TABLE victim; DROP FUNCTION become()")


def test_nobody_else_reads_what_is_half_restored(town: Lent) -> None:
    as_role(
        town,
        "CREATE FUNCTION slow(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS"
        " $$ BEGIN IF current_database() <> 'shop' THEN PERFORM pg_sleep(2); END IF; RETURN n; END $$;"
        " CREATE TABLE s AS SELECT 1 AS n; CREATE INDEX ON s (public.slow(n));"
        " CREATE TABLE told AS SELECT 'of shop alone' AS secret; GRANT SELECT ON told TO PUBLIC;",
    )
    backed_up(town)
    done: list[Ran] = []
    drill = threading.Thread(target=lambda: done.append(town.script("dbserver", "drill", "shop")))
    drill.start()
    tried: list[Ran] = []
    while drill.is_alive():
        for name in town.sql("SELECT datname FROM pg_database WHERE datname ~ '^shop__'", "postgres").split():
            tried += [run("docker", "exec", town.postgres, "psql", "-U", "blog", "-d", name, "-c", "TABLE told")]
    drill.join()
    assert done[0].code == 0, done[0].text
    assert any("permission denied for database" in each.text for each in tried)
    assert not any("of shop alone" in each.text for each in tried)
    as_role(town, "DROP TABLE s, told; DROP FUNCTION slow(int)")
