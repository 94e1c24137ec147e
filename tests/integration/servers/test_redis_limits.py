"""Nobody without a password ends Redis or locks others out, and no single application by what it writes."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from dbserver.redis import convergence, server
from tests.support.attacks import Client, command, idle, overwrite, sent
from tests.support.commands import run, until
from tests.support.lending import ADMIN, Lent

MIB = 1024 * 1024
KEYS = 500


@pytest.fixture(scope="module")
def house(fenced: Lent) -> Iterator[Lent]:
    fenced.admit({"name": "one", "poolSize": 1}, {"name": "two", "poolSize": 1})
    two = tenant(fenced, "two")
    for key in range(KEYS):
        assert two.ask("SET", f"two:{key}", key) == b"+OK"
    two.close()
    yield fenced
    fenced.redis_admin("FLUSHALL")
    fenced.redis_admin("BGREWRITEAOF")


@pytest.fixture(autouse=True)
def _nobody_was_harmed(house: Lent) -> Iterator[None]:
    """The server runs on, nothing in its container was killed for memory, and the neighbour's keys are there."""
    before = house.started_at(house.redis), kills(house)
    yield
    assert (house.started_at(house.redis), kills(house)) == before
    two = tenant(house, "two")
    assert two.ask("EXISTS", *(f"two:{key}" for key in range(KEYS))) == b":%d" % KEYS
    two.close()


def kills(house: Lent) -> str:
    """Return what the kernel says of kills, by either version of its control groups."""
    script = "cd /sys/fs/cgroup; grep -hs '^oom_kill ' memory.events memory/memory.oom_control"
    said = run("docker", "exec", house.redis, "sh", "-c", script).out
    assert said.startswith("oom_kill "), said
    return said


def address(house: Lent) -> str:
    return str(house.inspect(house.redis)["NetworkSettings"]["Networks"][house.network]["IPAddress"])


def tenant(house: Lent, name: str) -> Client:
    return Client(address(house), name, house.made[name]["redis_password"])


def figure(house: Lent, section: str, name: str) -> int:
    lines = house.redis_admin("INFO", section).splitlines()
    return int(next(line.partition(":")[2] for line in lines if line.startswith(f"{name}:")))


def ended(house: Lent) -> int:
    """Return how many clients were disconnected for what they held."""
    return sum(
        figure(house, "stats", name) for name in ("evicted_clients", "client_output_buffer_limit_disconnections")
    )


def fill(house: Lent, seconds: float) -> dict[int, bytes]:
    """Let one application write, again and again, as much as the memory takes; a twentieth is for what surrounds it."""
    size = 20_000
    room = int(house.redis_admin("CONFIG", "GET", "maxmemory").split()[1]) - figure(house, "memory", "used_memory")
    one = [tenant(house, "one") for _ in range(3)]
    written = overwrite(one, "one:", int((room - 12 * MIB) / (1.05 * size)), size, seconds, lambda: synced(house))
    for client in one:
        client.close()
    return written


def synced(house: Lent) -> None:
    """Wait while Redis keeps what is written because the disk is busy: that is beside `maxmemory`, and can end it."""
    with closing(tenant(house, "two")) as two:
        until(
            lambda: int(two.told("INFO", "persistence").partition(b"aof_buffer_length:")[2].split()[0]) < 4 * MIB, 120
        )


@pytest.fixture
def full(house: Lent) -> Iterator[None]:
    """One application has filled the memory: there is no room but that which is kept for clients."""
    fill(house, 0)
    yield
    house.redis_admin("EVAL", "for _, k in ipairs(redis.call('KEYS', 'one:*')) do redis.call('UNLINK', k) end", "0")


@pytest.mark.usefixtures("full")
def test_a_value_of_400_mb_is_refused_when_it_is_announced_and_many_large_ones_are_ended(house: Lent) -> None:
    liar = Client(address(house))
    liar.send(b"*2\r\n$4\r\nPING\r\n$400000000\r\n")
    assert liar.replies.readline().startswith(b"-ERR Protocol error: invalid bulk length")
    liar.close()
    with sent(address(house), 40, b"*2\r\n$4\r\nPING\r\n$8000000\r\n" + b"x" * 7_900_000):
        assert house.redis_admin("PING") == "PONG"


@pytest.mark.usefixtures("full")
def test_answers_that_nobody_reads_are_thrown_away_with_their_client(house: Lent) -> None:
    before = ended(house)
    with sent(address(house), 40, command("PING", b"x" * 10_000) * 3000):
        assert house.redis_admin("PING") == "PONG"
    assert ended(house) > before


@pytest.mark.usefixtures("full")
def test_10100_connections_that_do_nothing_lock_nobody_out(house: Lent) -> None:
    """At once, or within the second after which Redis has counted what they hold."""
    with idle(address(house), 10_100):
        until(lambda: run("docker", "exec", house.redis, "redis-cli", "ping").out.strip() == "PONG", 5)
        assert house.redis_admin("PING") == "PONG"
        assert house.script("status.sh").ok()
        two = tenant(house, "two")
        assert two.ask("EXISTS", "two:0") == b":1"
        two.close()


def test_one_application_makes_no_value_larger_than_a_client_may_send(house: Lent) -> None:
    one = tenant(house, "one")
    for name, attempt in {
        "SETRANGE": ("SETRANGE", "one:range", 400_000_000, "x"),
        "SETBIT": ("SETBIT", "one:bit", 3_200_000_000, "1"),
        "script": ("EVAL", "return redis.call('SETRANGE', KEYS[1], 400000000, 'x')", 1, "one:script"),
    }.items():
        reply = one.ask(*attempt)
        assert reply.startswith(b"-ERR"), (name, reply)
    one.close()
    assert figure(house, "memory", "used_memory") < 32 * MIB


def test_overwriting_all_of_the_data_while_the_append_only_file_is_rewritten_loses_nothing(house: Lent) -> None:
    rewrites = figure(house, "persistence", "aof_rewrites")
    written = fill(house, 6)
    assert figure(house, "persistence", "aof_rewrites") > rewrites, "it was not written again meanwhile"
    until(lambda: figure(house, "persistence", "aof_rewrite_in_progress") == 0, 60)
    assert "aof_last_bgrewrite_status:ok" in house.redis_admin("INFO", "persistence")
    one = tenant(house, "one")
    for key, head in written.items():
        assert one.told("GETRANGE", f"one:{key}", 0, 7) == head
    one.close()


def test_what_killed_saves_have_left_is_removed_and_what_one_is_writing_stays(house: Lent) -> None:
    left = [
        f"/data/temp-{name}" for name in ("17.rdb", "1700000000.1.rdb", "rewriteaof-17.aof", "rewriteaof-bg-17.aof")
    ]
    until(lambda: figure(house, "persistence", "rdb_bgsave_in_progress") == 0, 120)
    inside = ["docker", "exec", house.redis, "sh", "-c"]
    run(*inside, f"touch -d '2 days ago' {' '.join(left)}; touch /data/temp-18.rdb").ok()
    convergence.remove_left_over(server.Server(house.redis, ADMIN))
    assert run(*inside, "cd /data; ls -d temp-*; rm /data/temp-18.rdb").ok().out.split() == ["temp-18.rdb"]
