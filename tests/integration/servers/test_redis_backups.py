"""Redis backed up and restored while it runs: all of it, and one tenant's keys."""

import json
import random
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dbserver.backups import manifest as manifests
from tests.support.commands import Ran, run
from tests.support.lending import Lent
from tests.support.stack import Stack

FLIPS = 20


@pytest.fixture(scope="module")
def house(fenced: Lent) -> Stack:
    """Two tenants, append-only."""
    two = {"name": "two", "poolSize": 1, "redisPrefix": ["two.", "jobs"]}
    return fenced.admit({"name": "one", "poolSize": 1}, two)


@pytest.fixture(autouse=True)
def _empty(house: Stack) -> Iterator[None]:
    """Each test has Redis to itself, and leaves nothing but backups."""
    if house.redis_admin("INFO", "replication").find("role:master") < 0:
        house.redis_admin("REPLICAOF", "NO", "ONE")
    house.redis_admin("FLUSHALL")
    yield
    assert throwaways(house) == ""


def backed_up(stack: Stack, *flags: str) -> str:
    done = stack.script("backup-database.sh", "--redis", "--format", "json", *flags).ok()
    return str(json.loads(done.out)["backups"][0]["id"])


def restore(stack: Stack, backup: str, application: str = "", **options: Any) -> Ran:
    names = [application, backup] if application else [backup]
    argv = ["--redis", *names, "--confirm", application or "redis", "--format", "json"]
    return stack.script("restore-database.sh", *argv, **options)


def restored(stack: Stack, backup: str, application: str = "") -> dict[str, Any]:
    return dict(json.loads(restore(stack, backup, application).ok().out))


def directory(stack: Stack, backup: str) -> Path:
    return stack.project / "backups" / backup


def manifest(stack: Stack, backup: str) -> dict[str, Any]:
    return dict(json.loads((directory(stack, backup) / "manifest.json").read_text()))


def throwaways(stack: Stack) -> str:
    return run("docker", "ps", "-aq", "--filter", f"name={stack.redis}-restore").ok().out


def within(stack: Stack, script: str) -> str:
    """Run a shell script in the container, with `cli` as the administrator; binary arguments stay what they are."""
    cli = 'cli() { redis-cli --user dbadmin -e "$@"; }; REDISCLI_AUTH=$(cat /usr/local/etc/redis/admin-password)'
    return run("docker", "exec", "-i", stack.redis, "bash", "-c", f"{cli}; export REDISCLI_AUTH\n{script}").ok().out


def fill(stack: Stack) -> None:
    """Keys of every kind, of both tenants and of nobody, in two databases."""
    within(
        stack,
        r"""
        cli MSET one:a 1 one:b 2 'two.a' two nobodys x twoxa y
        cli HSET one:hash f1 v1 f2 v2; cli RPUSH one:list a b c; cli SADD one:set a b; cli ZADD one:zset 1.5 a
        cli XADD one:stream 7-1 field value; cli XGROUP CREATE one:stream readers 0
        cli SET one:ttl soon EX 5000; cli SET 'two.ttl' soon EX 5000
        cli SET $'one:b\n\xff"in' x; printf '\001\377\r\n\000end' | cli -x SET one:binary
        cli PFADD one:hll a b c; cli -n 3 SET elsewhere 3
        """,
    )


def digests(stack: Stack, *keys: str) -> list[str]:
    """Return the serialised value of each key, as text."""
    return [stack.redis_admin("DUMP", key) for key in keys]


KEPT = ("one:hash", "one:list", "one:zset", "one:binary", "one:hll", "two.a", "nobodys")


def test_a_backup_says_how_many_keys_each_database_has_and_is_its_users_alone(house: Stack) -> None:
    fill(house)
    made = backed_up(house, "--note", "before 'it'", "--colour", "blue")
    told = manifest(house, made)
    assert (told["kind"], told["note"], told["colour"]) == ("redis", "before 'it'", "blue")
    assert told["rows"] == [["redis", "db0", 15], ["redis", "db3", 1]]
    assert told["properties"]["expires"] == {"db0": 2, "db3": 0}
    assert (told["properties"]["persistence"], told["properties"]["access"]) == ("append-only", "password")
    files = [path for path in directory(house, made).rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert house.script("dbserver", "verify", made).ok()
    assert made in house.script("dbserver", "backups", "server.redis").ok().out


@pytest.mark.full
@pytest.mark.parametrize(
    "persistence",
    [*(pytest.param(mode, marks=pytest.mark.full) for mode in ("none", "snapshot")), "append-only"],
)
def test_a_restore_brings_back_everything_whatever_the_persistence(house: Stack, persistence: str) -> None:
    house.configure(redis={"persistence": persistence})
    house.start().ok()
    fill(house)
    before, users = digests(house, *KEPT), house.redis_admin("ACL", "LIST")
    made = backed_up(house)
    house.redis_admin("FLUSHALL")
    house.redis_admin("MSET", "written", "since", "one:a", "changed")
    told = restored(house, made)
    assert (told["keys"], told["replaced"]) == (16, 2)
    assert digests(house, *KEPT) == before
    assert 4000 < int(house.redis_admin("TTL", "one:ttl")) <= 5000
    assert house.redis_admin("EXISTS", "written") == "0"
    assert house.redis_admin("ACL", "LIST") == users
    assert "role:master" in house.redis_admin("INFO", "replication")
    assert house.redis_admin("CONFIG", "GET", "masterauth").splitlines()[1:] in ([], [""])
    killed(house)
    assert house.redis_admin("DBSIZE") == ("0" if persistence == "none" else "15")
    if persistence != "none":
        assert digests(house, *KEPT) == before
        restored(house, told["before"])
        assert (house.redis_admin("GET", "written"), house.redis_admin("DBSIZE")) == ("since", "2")


def killed(stack: Stack) -> None:
    """Kill Redis, wait until Docker has started it again and it has loaded its data."""
    pid = stack.main_pid(stack.redis)
    stack.kill(stack.redis)
    pong = ["docker", "exec", stack.redis, "redis-cli", "ping"]
    stack.until(lambda: stack.main_pid(stack.redis) not in (0, pid) and run(*pong).out == "PONG\n", 60, what="PONG")


@pytest.mark.full
def test_a_tenant_gets_its_keys_back_and_the_others_keep_theirs(house: Stack) -> None:
    fill(house)
    house.redis_admin("MSET", "jobs", "two's", "jobs:1", "two's too")
    before = digests(house, *KEPT)
    stream = house.redis_admin("XINFO", "STREAM", "one:stream", "FULL")
    made = backed_up(house)
    house.redis_admin("DEL", "one:hash", "one:list", "one:binary", "one:stream", "one:ttl")
    house.redis_admin("MSET", "one:new", "x", "two.a", "other", "nobodys", "other")
    told = restored(house, made, "one")
    assert (told["keys"], told["replaced"]) == (11, 7)
    assert digests(house, *KEPT[:5]) == before[:5]
    assert house.redis_admin("XINFO", "STREAM", "one:stream", "FULL") == stream
    assert 4000 < int(house.redis_admin("TTL", "one:ttl")) <= 5000
    assert within(house, r"""cli EXISTS one:new; cli EXISTS $'one:b\n\xff"in'""").split() == ["0", "1"]
    assert house.redis_admin("MGET", "two.a", "nobodys", "twoxa").split() == ["other", "other", "y"]
    assert "db15" not in house.redis_admin("INFO", "keyspace")
    house.redis_admin("MSET", "jobs", "other", "jobs:2", "other")
    house.redis_admin("DEL", "jobs:1")
    restored(house, made, "two")
    assert house.redis_admin("MGET", "jobs", "jobs:1").splitlines() == ["two's", "two's too"]
    assert house.redis_admin("EXISTS", "jobs:2") == "0"
    assert house.redis_admin("MGET", "two.a", "nobodys", "twoxa").split() == ["two", "other", "y"]
    restored(house, told["before"], "one")
    assert within(house, "cli EXISTS one:new one:hash").split() == ["1"]
    killed(house)
    assert within(house, "cli EXISTS one:new one:hash").split() == ["1"]


@pytest.mark.full
def test_what_is_larger_than_a_client_may_send_comes_back_and_the_limits_are_as_before(house: Stack) -> None:
    limits = ("proto-max-bulk-len", "client-query-buffer-limit", "maxmemory-clients")
    before = house.redis_admin("CONFIG", "GET", *limits)
    fill = (
        "for i = 1, 320 do local t = {} for j = 1, 3200 do t[j] = tostring(math.random()) end"
        " redis.call('RPUSH', KEYS[1], table.concat(t)) end return redis.call('LLEN', KEYS[1])"
    )
    house.redis_admin("EVAL", fill, "1", "one:long")
    largest = int(house.redis_admin("CONFIG", "GET", limits[0]).split()[1])
    assert len(run_dump(house, "one:long")) > largest, "a client may send it: the test shows nothing"
    made, digest = backed_up(house), digests(house, "one:long")
    house.redis_admin("DEL", "one:long")
    restored(house, made, "one")
    assert digests(house, "one:long") == digest
    assert house.redis_admin("CONFIG", "GET", *limits) == before


def run_dump(stack: Stack, key: str) -> bytes:
    """Return a key as a restore sends it."""
    script = 'REDISCLI_AUTH=$(cat /usr/local/etc/redis/admin-password) redis-cli --user dbadmin --raw DUMP "$1"'
    argv = ["docker", "exec", stack.redis, "sh", "-c", script, "sh", key]
    return subprocess.run(argv, check=True, capture_output=True, timeout=60).stdout


@pytest.mark.full
def test_a_damaged_backup_is_refused_and_nothing_changes(house: Stack) -> None:
    fill(house)
    house.redis_admin("SET", "one:large", "".join(random.Random(1).choices("abcdef", k=3000)))
    made = backed_up(house)
    file = directory(house, made) / "dump.rdb"
    whole, chosen = file.read_bytes(), random.Random(2)
    for number in range(FLIPS):
        damaged = bytearray(whole)
        if number % 4:
            damaged[chosen.randrange(len(damaged))] ^= 1 << chosen.randrange(8)
        else:
            del damaged[chosen.randrange(len(damaged)) :]
        file.write_bytes(damaged)
        verified = house.script("dbserver", "verify", made)
        assert (verified.code, "DAMAGED" in verified.out) == (1, True), verified.text
    tried = restore(house, made)
    assert (tried.code, "is damaged" in tried.err) == (1, True), tried.text
    assert house.redis_admin("DBSIZE") == "16"
    file.write_bytes(whole)
    house.script("dbserver", "verify", made).ok()


@pytest.mark.full
def test_redis_check_rdb_alone_sees_truncation_and_flips(house: Stack) -> None:
    """As damage that happened before the checksums were taken would be."""
    fill(house)
    whole = (directory(house, backed_up(house)) / "dump.rdb").read_bytes()
    chosen = random.Random(3)
    script = "redis-check-rdb /dev/stdin >/dev/null 2>&1; echo $?"
    for number in range(FLIPS):
        damaged = bytearray(whole)
        if number % 2:
            damaged[chosen.randrange(9, len(damaged))] ^= 1 << chosen.randrange(8)
        else:
            del damaged[chosen.randrange(len(damaged)) :]
        path = house.directory / "damaged.rdb"
        path.write_bytes(damaged)
        with path.open("rb") as file:
            argv = ["docker", "exec", "-i", house.redis, "sh", "-c", script]
            assert run_with(file, *argv) != "0", number


def run_with(file: Any, *argv: str) -> str:
    return subprocess.run(argv, stdin=file, capture_output=True, text=True, check=True).stdout.strip()


def forged(stack: Stack, backup: str, **changes: Any) -> str:
    """Return a copy of a backup whose manifest says something else."""
    copy = f"{backup}-9"
    shutil.copytree(directory(stack, backup), directory(stack, copy))
    path = directory(stack, copy) / "manifest.json"
    path.write_text(manifests.render(replace(manifests.parse(path.read_text()), id=copy, **changes)))
    return copy


@pytest.mark.full
def test_what_this_server_cannot_take_is_refused(house: Stack) -> None:
    fill(house)
    made = backed_up(house)
    impossible: dict[str, dict[str, Any]] = {
        "is of Redis 9.1.0": {"server_version": "9.1.0"},
        "the server may use": {"database_size": 2**40},
        "too little disk": {"size": 2**60},
    }
    for reason, changes in impossible.items():
        copy = forged(house, made, **changes)
        tried = restore(house, copy)
        assert (tried.code, reason in tried.err) == (5, True), tried.text
        shutil.rmtree(directory(house, copy))
    house.redis_admin("REPLICAOF", "127.0.0.1", "1")
    tried, backup = restore(house, made), house.script("dbserver", "backup", "--redis")
    house.redis_admin("REPLICAOF", "NO", "ONE")
    for done in (tried, backup):
        assert (done.code, "is a replica of 127.0.0.1:1" in done.err) == (5, True), done.text
    unconfirmed = house.script("dbserver", "restore", "--redis", made)
    assert (unconfirmed.code, "--confirm redis" in unconfirmed.err) == (5, True), unconfirmed.text
    assert house.redis_admin("DBSIZE") == "15"


@pytest.mark.full
def test_clients_that_write_meanwhile_lose_nothing_unknown(house: Stack) -> None:
    fill(house)
    made = backed_up(house)
    stop, acknowledged = threading.Event(), [0] * 6
    threads = [threading.Thread(target=write, args=(house, client, acknowledged, stop)) for client in range(6)]
    for thread in threads:
        thread.start()
    try:
        house.until(lambda: min(acknowledged) > 5, what="six writers")
        told = restored(house, made)
        at_restore = list(acknowledged)
        house.until(lambda: all(now > then for now, then in zip(acknowledged, at_restore, strict=True)))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    live = members(house)
    assert 0 < told["away_seconds"] < 30, told
    restored(house, told["before"])
    before = members(house)
    assert all(before)
    lost = [set(range(count)) - one - other for count, one, other in zip(acknowledged, before, live, strict=True)]
    assert lost == [set()] * 6


def members(stack: Stack) -> list[set[int]]:
    return [set(map(int, stack.redis_admin("SMEMBERS", f"written:{client}").split())) for client in range(6)]


def write(stack: Stack, client: int, acknowledged: list[int], stop: threading.Event) -> None:
    """Add numbers one after the other; one that was not acknowledged is tried again."""
    script = 'REDISCLI_AUTH=$(cat /usr/local/etc/redis/admin-password) exec redis-cli --user dbadmin -e "$@"'
    while not stop.is_set():
        number = str(acknowledged[client])
        argv = ["docker", "exec", stack.redis, "sh", "-c", script, "sh", "SADD", f"written:{client}", number]
        acknowledged[client] += run(*argv).code == 0


@pytest.mark.full
@pytest.mark.parametrize("blow", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.full)])
def test_a_restore_that_is_ended_leaves_the_old_or_the_new_and_the_next_one_cleans_up(
    house: Stack, blow: signal.Signals
) -> None:
    house.redis_admin("SET", "one:is", "old")
    made = backed_up(house)
    house.redis_admin("MSET", "one:is", "new", "more", "1")
    script = str(house.project / "scripts" / "restore-database.sh")
    for follower in (False, True):
        process = house.popen(script, "--redis", made, "--confirm", "redis")
        if follower:
            follows(house)
        else:
            house.until(lambda: throwaways(house), 60, what="a throwaway")
        house.blow(process, blow)
        house.until(lambda: "role:master" in house.redis_admin("INFO", "replication"), 30, what="no replica")
        house.until(lambda: run_write(house).code == 0, 30, what="writes")
        found = (house.redis_admin("GET", "one:is"), house.redis_admin("EXISTS", "more"))
        assert found in (("old", "0"), ("new", "1"))
    restored(house, made)
    assert house.redis_admin("GET", "one:is") == "old"
    assert not list((house.project / "backups").glob(".server.redis_*"))


def follows(stack: Stack) -> None:
    """Wait until Redis is a replica; asked all the time by one client in its container: it is one for a moment only."""
    asked = "until cli -r 1000000 INFO replication | grep -q role:slave; do [ $SECONDS -lt 100 ] || exit 1; done"
    within(stack, asked)


def run_write(stack: Stack) -> Ran:
    argv = [
        "sh",
        "-c",
        'REDISCLI_AUTH=$(cat /usr/local/etc/redis/admin-password) timeout 5 redis-cli --user dbadmin -e "$@"',
    ]
    return run("docker", "exec", stack.redis, *argv, "sh", "SET", "probe", "1")


def test_a_killed_backup_leaves_no_backup_and_nothing_at_work(house: Stack) -> None:
    within(house, "cli EVAL \"for i = 1, 100 do redis.call('SET', 'one:' .. i, string.rep('x', 50000)) end\" 0")
    script = str(house.project / "scripts" / "backup-database.sh")
    process = house.popen(script, "--redis")
    house.until(lambda: list((house.project / "backups").glob(".server.redis_*")), 30, what="the backup at work")
    house.blow(process, signal.SIGKILL)
    house.until(lambda: "--rdb" not in run("docker", "top", house.redis, "-o", "pid,args").ok().out, 30)
    before = house.script("dbserver", "backups", "server.redis").ok().out
    backed_up(house)
    assert not list((house.project / "backups").glob(".server.redis_*"))
    assert len(re.findall("server.redis_", before)) + 1 == len(
        re.findall("server.redis_", house.script("dbserver", "backups", "server.redis").ok().out)
    )


def test_what_a_killed_restore_of_a_tenant_left_is_removed_and_gets_into_no_backup(house: Stack) -> None:
    within(house, "cli -n 15 MSET dbserver:restoring 1 one:on-its-way 1; cli -n 14 SET somebody 1")
    left = ["--name", f"{house.redis}-restore", "--label", f"com.database.restore={house.redis}"]
    run("docker", "create", *left, house.inspect(house.redis)["Image"]).ok()
    assert manifest(house, backed_up(house))["rows"] == [["redis", "db14", 1]]
    assert throwaways(house) == ""


@pytest.mark.full
def test_with_open_access_only_a_database_of_its_own_is_restored(house: Stack) -> None:
    before = house.config["applications"]
    try:
        house.configure(redis={"access": "open"})
        house.declare({"name": "two", "poolSize": 1, "redisDatabase": 3, "redisPrefix": "two."})
        house.start().ok()
        fill(house)
        made = backed_up(house)
        tried = restore(house, made, "one")
        assert (tried.code, "redis.access is open" in tried.err) == (5, True), tried.text
        house.cli("-n", "3", "MSET", "elsewhere", "changed", "more", "1")
        house.cli("SET", "nobodys", "kept")
        told = restored(house, made, "two")
        assert (told["keys"], told["replaced"]) == (1, 2)
        assert (house.cli("-n", "3", "GET", "elsewhere"), house.cli("GET", "nobodys")) == ("3", "kept")
        assert house.cli("-n", "3", "DBSIZE") == "1"
    finally:
        house.configure(redis={"access": "password"}, applications=before)
        house.start().ok()
    house.assert_clean()
