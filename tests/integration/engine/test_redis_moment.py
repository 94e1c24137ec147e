"""Redis back to a second that is past, out of its append-only file, while it runs."""

import json
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import Ran, run
from tests.support.stack import Stack

pytestmark = pytest.mark.full  # two minutes: a second of Redis from its append-only file


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two tenants, append-only."""
    made = Stack(tmp_path_factory.mktemp("redis-moment"))
    made.configure(redis={"access": "password", "persistence": "append-only"})
    made.declare({"name": "one", "poolSize": 1}, {"name": "two", "poolSize": 1})
    made.start().ok()
    yield made
    made.remove()


def restore(stack: Stack, at: str, application: str = "", **options: Any) -> Ran:
    names = [application] if application else []
    argv = ["--redis", *names, "--at", at, "--confirm", application or "redis", "--format", "json"]
    return stack.script("restore-database.sh", *argv, **options)


def text(second: float) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat(" ")


class Writer:
    """Sets keys one after the other; notes of each when it was sent and when it was acknowledged."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.sent: list[float] = []
        self.acknowledged: list[float] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write)

    def __enter__(self) -> "Writer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _write(self) -> None:
        script = "REDISCLI_AUTH=$(cat /usr/local/etc/redis/admin-password) exec redis-cli --user dbadmin --raw"
        argv = ["docker", "exec", "-i", self.stack.redis, "sh", "-c", script]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as client:
            assert client.stdin
            assert client.stdout
            while not self._stop.is_set():
                self.sent.append(time.time())
                client.stdin.write(f"SET one:{len(self.sent) - 1} x\n")
                if client.stdout.readline() != "OK\n":
                    break
                self.acknowledged.append(time.time())
                time.sleep(0.002)
            client.stdin.close()

    def before(self, second: float) -> range:
        """Return how many keys are right at a second: at least those acknowledged before, at most those sent before."""
        certain = sum(1 for at in self.acknowledged if at < second)
        return range(certain, sum(1 for at in self.sent if at < second) + 1)


def numbers(stack: Stack) -> list[int]:
    return sorted(int(key.removeprefix("one:")) for key in stack.redis_admin("KEYS", "one:*").split())


def info(stack: Stack) -> dict[str, str]:
    lines = stack.redis_admin("INFO", "persistence").splitlines()
    return dict(line.strip().partition(":")[::2] for line in lines)


def rewrite(stack: Stack) -> None:
    before = int(info(stack)["aof_rewrites"])
    stack.redis_admin("BGREWRITEAOF")
    stack.until(
        lambda: (found := info(stack))["aof_rewrite_in_progress"] == "0" and int(found["aof_rewrites"]) > before, 30
    )


def throwaways(stack: Stack) -> str:
    return run("docker", "ps", "-aq", "--filter", f"name={stack.redis}-restore").ok().out


def back_up(stack: Stack, at: str) -> Ran:
    return stack.script("backup-database.sh", "--redis", "--at", at, "--format", "json")


def backed_up(stack: Stack, at: float) -> dict[str, Any]:
    return dict(json.loads(back_up(stack, text(at)).ok().out)["backups"][0])


def increment(stack: Stack) -> Path:
    """Return the file that Redis appends to."""
    return max((stack.data / "redis" / "appendonlydir").glob("*.incr.aof"), key=lambda path: path.stat().st_mtime)


@pytest.fixture(autouse=True)
def _empty(house: Stack) -> Iterator[None]:
    house.redis_admin("FLUSHALL")
    yield
    assert throwaways(house) == ""


@pytest.mark.parametrize(("seconds", "targets"), [(4, 2), pytest.param(40, 20, marks=pytest.mark.full)])
def test_at_any_second_there_is_everything_before_it_and_nothing_after_it(
    house: Stack, seconds: int, targets: int
) -> None:
    judge(house, seconds, targets)


@pytest.mark.full
def test_so_it_is_with_redis_7(stack: Stack) -> None:
    stack.configure(redis={"image": "redis:7"})
    stack.start().ok()
    judge(stack, 10, 5)


def judge(house: Stack, seconds: int, targets: int) -> None:
    """Write, rewrite the file in between, write on; look at seconds after that, and restore one."""
    with Writer(house) as writer:
        time.sleep(2)
        rewrite(house)
        since = time.time()
        time.sleep(seconds)
    assert len(writer.acknowledged) > 100
    chosen = random.Random()
    wanted = [chosen.uniform(since + 2, since + seconds) for _ in range(targets)]
    made = {at: backed_up(house, at) for at in wanted}
    for at, backup in made.items():
        assert backup["rows"] in writer.before(int(at)), (at, backup)
    assert numbers(house) == list(range(len(writer.acknowledged)))
    house.script("restore-database.sh", "--redis", made[wanted[0]]["id"], "--confirm", "redis").ok()
    assert numbers(house) == list(range(made[wanted[0]]["rows"]))


def test_what_was_before_a_rewrite_is_refused_with_what_can_be_reached(house: Stack) -> None:
    house.redis_admin("SET", "one:is", "old")
    before = time.time()
    time.sleep(1)
    rewrite(house)
    since = time.time()
    tried = restore(house, text(before))
    assert (tried.code, "it reaches from 2" in tried.err) == (2, True), tried.text
    house.until(lambda: time.time() > since + 3, what="three seconds")
    house.redis_admin("SET", "one:more", "new")
    assert backed_up(house, since + 2)["rows"] == 1, "the base alone"


def test_a_tenant_gets_a_second_back_and_the_others_keep_what_they_have(house: Stack) -> None:
    house.redis_admin("MSET", "one:is", "old", "two:is", "old", "one:gone", "1")
    time.sleep(1)
    second = int(time.time()) + 1
    time.sleep(1.1)
    house.redis_admin("MSET", "one:is", "new", "two:is", "new", "one:more", "1")
    house.redis_admin("DEL", "one:gone")
    told = restore(house, text(second + 0.9), "one")
    shown = json.loads(told.ok().out)
    assert (shown["at"], shown["keys"], shown["replaced"]) == (f"{text(second)[:19]}Z", 2, 2)
    assert "the append-only file reaches from" in told.err
    assert house.redis_admin("MGET", "one:is", "one:gone", "one:more", "two:is").split("\n") == ["old", "1", "", "new"]
    assert manifest(house, shown["backup"])["started"] == text(second).replace(" ", "T")


def test_a_copy_that_was_torn_by_a_crash_is_read_and_a_damaged_one_is_not(house: Stack) -> None:
    house.redis_admin("MSET", "one:a", "1", "one:b", "2")
    time.sleep(1)
    second = int(time.time()) + 1
    time.sleep(1.1)
    house.redis_admin("SET", "one:c", "torn")
    run("docker", "stop", house.redis).ok()
    with increment(house).open("r+b") as file:
        file.truncate(file.seek(-3, 2))
    run("docker", "start", house.redis).ok()
    house.until(lambda: "PONG" in run("docker", "exec", house.redis, "redis-cli", "ping").out, 30)
    assert house.redis_admin("EXISTS", "one:c") == "0"
    assert backed_up(house, second)["rows"] == 2
    whole = increment(house).read_bytes()
    at = whole.rindex(b"one:b") - 4
    increment(house).write_bytes(whole[:at] + b"$9999" + whole[at + 4 :])
    tried = back_up(house, text(second))
    increment(house).write_bytes(whole)
    assert (tried.code, "is damaged" in tried.err) == (1, True), tried.text
    assert house.redis_admin("MGET", "one:a", "one:b").split() == ["1", "2"]


@pytest.mark.parametrize("blow", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.full)])
def test_a_run_that_is_ended_leaves_redis_as_it_was_and_the_next_one_cleans_up(
    house: Stack, blow: signal.Signals
) -> None:
    house.redis_admin("SET", "one:is", "old")
    time.sleep(1)
    second = int(time.time()) + 1
    time.sleep(1.1)
    house.redis_admin("SET", "one:is", "new")
    files = sorted(path.name for path in (house.data / "redis").rglob("*"))
    settings = house.redis_admin("CONFIG", "GET", "*aof*")
    script = str(house.project / "scripts" / "backup-database.sh")
    process = house.popen(script, "--redis", "--at", text(second))
    house.until(lambda: throwaways(house), 60, what="a throwaway")
    house.blow(process, blow)
    assert house.redis_admin("GET", "one:is") == "new"
    assert sorted(path.name for path in (house.data / "redis").rglob("*")) == files
    assert house.redis_admin("CONFIG", "GET", "*aof*") == settings
    assert backed_up(house, second)["rows"] == 1
    assert not list((house.project / "backups").glob(".server.redis_*"))


def test_without_an_append_only_file_of_its_own_there_is_no_moment(house: Stack) -> None:
    for mode, save in (("none", ""), ("snapshot", "3600 1")):
        house.redis_admin("CONFIG", "SET", "appendonly", "no", "save", save)
        tried = restore(house, "-1s")
        assert (tried.code, f"redis.persistence is {mode}" in tried.err) == (2, True), tried.text
    house.redis_admin("CONFIG", "SET", "appendonly", "yes")
    house.until(lambda: info(house)["aof_rewrite_in_progress"] == "0", 30)


@pytest.mark.full
def test_commands_that_bear_no_time_cannot_be_reached(house: Stack) -> None:
    """As those are that a server wrote before it was told to write times."""
    house.redis_admin("CONFIG", "SET", "aof-timestamp-enabled", "no")
    rewrite(house)
    house.redis_admin("SET", "one:undated", "1")
    time.sleep(2)
    undated = time.time()
    house.redis_admin("CONFIG", "SET", "aof-timestamp-enabled", "yes")
    time.sleep(1.1)
    house.redis_admin("SET", "one:dated", "1")
    time.sleep(2)
    tried = back_up(house, text(undated))
    assert (tried.code, "does not reach to" in tried.err) == (2, True), tried.text
    assert backed_up(house, time.time())["rows"] == 2


def manifest(stack: Stack, backup: str) -> dict[str, Any]:
    return dict(json.loads((stack.project / "backups" / backup / "manifest.json").read_text()))
