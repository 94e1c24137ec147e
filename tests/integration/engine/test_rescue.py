"""A machine is lost: from the copy alone to a running server."""

import json
import signal
import socket
import ssl
import struct
from datetime import UTC, datetime
from pathlib import Path

import pyrage
import pytest

from dbserver import moment
from dbserver.docker.ports import addresses
from tests.support.commands import Ran, run
from tests.support.keys import public, written
from tests.support.lost import lose, rescuing
from tests.support.stack import Stack

pytestmark = pytest.mark.full  # two minutes: a machine is lost and brought back

ROWS = "SELECT count(*), sum(n) FROM item"
ITEMS = "SELECT array_agg(n ORDER BY n) FROM item"


def rescue(stack: Stack, there: Path, key: Path, *more: str) -> Ran:
    return run(*rescuing(stack, there, key), *more, env=stack.env(), cwd="/")


@pytest.mark.full
def test_a_lost_machine_comes_back_from_the_copied_backups_although_the_first_rescue_was_killed(
    stack: Stack, tmp_path: Path
) -> None:
    there, key = tmp_path / "there", written(tmp_path / "identity.txt", pyrage.x25519.Identity.generate())
    there.mkdir()
    stack.declare({"name": "shop", "poolSize": 3}, {"name": "blog", "poolSize": 2})
    stack.configure(offsite={"url": f"file://{there}", "recipients": [public(key)]})
    archive = {"enabled": True, "containerName": f"{stack.name}-archive"}
    stack.configure(backupRecipients=[public(key)], redis={"access": "password"}, archive=archive)
    stack.start().ok()
    stack.sql("CREATE TABLE item AS SELECT n FROM generate_series(1, 1000) n; ALTER TABLE item OWNER TO shop", "shop")
    stack.sql("CREATE DATABASE by_hand; CREATE ROLE reader LOGIN; GRANT shop TO reader")
    stack.sql("ALTER ROLE reader IN DATABASE shop SET work_mem = '5MB'; ALTER DATABASE by_hand SET jit = off")
    stack.redis_admin("SET", "shop:greeting", "hello")
    before = stack.variables("shop")
    stack.script("dbserver", "backup", "--all").ok()
    stack.script("dbserver", "backup", "--redis").ok()
    stack.script("dbserver", "offsite", "push").ok()
    lose(stack)
    killed = stack.popen(*rescuing(stack, there, key), "--backups")
    names = "docker", "ps", "--format", "{{.Names}}"
    stack.until(lambda: f"{stack.postgres}-upgrade" in run(*names).out, what="the server that is filled")
    assert stack.blow(killed, signal.SIGKILL) == -signal.SIGKILL
    rescued = rescue(stack, there, key, "--backups").ok()
    told = json.loads(rescued.out)
    assert {part["subject"] for part in told["parts"]} >= {"shop", "blog", "database.by_hand", "server.globals"}
    assert stack.sql(ROWS, "shop") == "1000|500500"
    assert stack.sql("SELECT relowner::regrole FROM pg_class WHERE relname = 'item'", "shop") == "shop"
    assert stack.sql("SELECT pg_has_role('reader', 'shop', 'MEMBER')") == "t"
    stored = stack.sql("SELECT count(*) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase "
                       "WHERE setconfig && ARRAY['work_mem=5MB', 'jit=off']")  # fmt: skip
    assert stored == "2"
    assert stack.redis_admin("GET", "shop:greeting") == "hello"
    assert stack.variables("shop") == before, "applications connect with what they know"
    login = f"psql -XAtq '{before['DATABASE_URL']}' -c '{ROWS}'; redis-cli -u '{before['REDIS_URL']}' GET shop:greeting"
    assert stack.client(login).out.split()[:1] == ["1000|500500"]
    stack.assert_clean()
    stack.script("status.sh").ok()
    again = rescue(stack, there, key)
    assert (again.code, "exists" in again.err or "state of stack" in again.err) == (5, True), again.text
    assert [path.name for path in stack.data.glob("postgres*")] == ["postgres"]


def archived(stack: Stack, there: Path, key: Path) -> datetime:
    """Start a stack whose archive is copied, with three rows and a fourth one since; return a time after the second."""
    there.mkdir()
    stack.declare({"name": "shop", "poolSize": 3})
    stack.configure(offsite={"url": f"file://{there}", "recipients": [public(key)]})
    stack.configure(archive={"enabled": True, "containerName": f"{stack.name}-archive"})
    stack.start().ok()
    stack.sql("CREATE TABLE item (n int); ALTER TABLE item OWNER TO shop; INSERT INTO item VALUES (1)", "shop")
    stack.script("dbserver", "backup", "--all").ok()
    stack.script("dbserver", "archive", "--base-backup").ok()
    stack.script("dbserver", "offsite", "push").ok()
    stack.sql("INSERT INTO item VALUES (2)", "shop")
    between = datetime.now(UTC)
    stack.script("dbserver", "archive", "--base-backup").ok()
    stack.sql("INSERT INTO item VALUES (3)", "shop")
    pushed = json.loads(stack.script("dbserver", "offsite", "push", "--format", "json").ok().out)["pushed"]
    assert {name.split(".")[1] for name in pushed if name.startswith("archive.")} >= {"log", "incremental"}
    stack.sql("INSERT INTO item VALUES (4)", "shop")
    return between


@pytest.mark.full
def test_a_lost_machine_comes_back_from_the_copied_archive_although_the_first_rescue_was_killed(
    stack: Stack, tmp_path: Path
) -> None:
    there, key = tmp_path / "there", written(tmp_path / "identity.txt", pyrage.x25519.Identity.generate())
    between = archived(stack, there, key)
    before = stack.variables("shop")
    stack.script("dbserver", "offsite", "verify", "--identity", str(key)).ok()
    reach = json.loads(stack.script("dbserver", "offsite", "list", "--format", "json").ok().out)["windows"]
    assert reach[-1]["start"] < between.isoformat() < reach[-1]["end"]
    stack.script("dbserver", "offsite", "prune").ok()
    lose(stack)
    late = rescue(stack, there, key, "--at", "2126-01-01 00:00:00Z")
    assert (late.code, "is not in the copied archive" in late.err) == (2, True), late.text
    killed = stack.popen(*rescuing(stack, there, key))
    names = "docker", "ps", "--format", "{{.Names}}"
    stack.until(lambda: f"{stack.postgres}-moment" in run(*names).out, what="the server that is recovered")
    assert stack.blow(killed, signal.SIGKILL) == -signal.SIGKILL
    told = json.loads(rescue(stack, there, key).ok().out)
    assert [part["subject"] for part in told["parts"]] == ["archive"]
    assert stack.sql(ITEMS, "shop") == "{1,2,3}", "what was pushed, no more, no less"
    assert stack.variables("shop") == before, "applications connect with what they know"
    login = f"psql -XAtq '{before['DATABASE_URL']}' -c 'SELECT count(*) FROM item'"
    assert stack.client(login).out.split()[:1] == ["3"]
    stack.assert_clean()
    stack.script("status.sh").ok()
    known = {"archive", "config", "postgres", "redis", "run"}
    assert {path.name for path in stack.data.iterdir()} <= known


def test_a_lost_machine_comes_back_as_it_was_at_any_moment_before_the_last_push(stack: Stack, tmp_path: Path) -> None:
    there, key = tmp_path / "there", written(tmp_path / "identity.txt", pyrage.x25519.Identity.generate())
    between = archived(stack, there, key)
    lose(stack)
    rescue(stack, there, key, "--at", moment.written(between)).ok()
    assert stack.sql(ITEMS, "shop") == "{1,2}"


@pytest.mark.full
def test_a_stack_with_tls_comes_back_on_another_address_under_the_authority_that_clients_trust(
    stack: Stack, tmp_path: Path
) -> None:
    there, key = tmp_path / "there", written(tmp_path / "identity.txt", pyrage.x25519.Identity.generate())
    there.mkdir()
    old, new = addresses()[:2]
    stack.declare({"name": "shop", "poolSize": 3})
    stack.configure(offsite={"url": f"file://{there}", "recipients": [public(key)]}, tls={"address": old})
    stack.start().ok()
    before = stack.output("tls")
    stack.script("dbserver", "backup", "--all").ok()
    stack.script("dbserver", "offsite", "push").ok()
    lose(stack)
    rescue(stack, there, key, "--tls-address", new).ok()
    assert (stack.data / "config" / "passwords" / "shop" / "generated.json").exists()
    after = stack.output("tls")
    assert (after["address"], after["caCertificate"]) == (new, before["caCertificate"])
    context = ssl.create_default_context(cadata=before["caCertificate"])
    with socket.create_connection((new, stack.postgres_port), timeout=10) as plain:
        plain.sendall(struct.pack("!II", 8, 80877103))  # SSLRequest
        assert plain.recv(1) == b"S"
        with context.wrap_socket(plain, server_hostname=new) as secured:
            assert secured.getpeercert()
    stack.assert_clean()
