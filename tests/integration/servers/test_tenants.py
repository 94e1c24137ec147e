"""No application reaches another's keys in Redis: every tenant against every prefix, and what is refused to all."""

from collections.abc import Iterator
from itertools import product
from urllib.parse import quote

import pytest

from tests.support.commands import run
from tests.support.lending import Lender, Lent
from tests.support.stack import Stack
from tests.support.tenants import ENTRIES, OLDER, PREFIXES, assert_refused, redis


@pytest.fixture(scope="module", params=["password", pytest.param("older", marks=pytest.mark.full)])
def house(lender: Lender, request: pytest.FixtureRequest) -> Iterator[Lent]:
    """Three tenants; the older Redis lacks a command that the rules would name."""
    with lender.lend(request.param, request.session) as lent:
        yield lent.admit(*ENTRIES)


def urls(stack: Lent) -> dict[str, str]:
    return {name: stack.variables(name)["REDIS_URL"] for name in PREFIXES}


def on_key(own: str, key: str) -> list[tuple[str, ...]]:
    """Commands that reach `key`, by themselves or from and to a key of one's own."""
    return [
        ("SET", own, "x"), ("SET", key, "x"), ("GET", key), ("RENAME", own, key), ("RENAME", key, own),
        ("COPY", own, key, "REPLACE"), ("COPY", key, own, "REPLACE"), ("SET", key, "x"),
        ("EVAL", "return redis.call('GET', KEYS[1])", "1", key), ("EVAL", f"return redis.call('GET', '{key}')", "0"),
        ("DUMP", key), ("TYPE", key), ("WATCH", key), ("GETDEL", key), ("BITOP", "NOT", key, own),
        ("EXPIRE", key, "60"), ("DEL", key), ("MSET", own, "x", key, "x"), ("LPUSH", f"{key}:l", "x"),
        ("LMOVE", f"{key}:l", f"{own}:l", "LEFT", "LEFT"), ("ZADD", f"{key}:z", "1", "a"),
        ("ZUNIONSTORE", f"{key}:u", "1", f"{own}:z"), ("XADD", f"{key}:x", "*", "f", "v"), ("UNLINK", key),
        ("PUBLISH", key, "x"), ("SPUBLISH", key, "x"), ("SUBSCRIBE", key), ("PSUBSCRIBE", f"{key[:-3]}*"),
    ]  # fmt: skip


def test_every_tenant_reaches_its_own_prefix_and_no_other(house: Lent) -> None:
    """`on` is a prefix without the colon, which is nobody's; "" is a key without any prefix."""
    known = urls(house)
    pairs = list(product(PREFIXES, (*PREFIXES.values(), "", "on")))
    house.redis_admin("MSET", *[text for prefix in PREFIXES.values() for text in (f"{prefix}kept", "secret")])
    tried, commands = [], []
    for name, prefix in pairs:
        own = f"{PREFIXES[name]}own"
        for command in on_key(own, f"{prefix}key"):
            allowed = PREFIXES[name] == prefix or command == ("SET", own, "x")
            tried.append(allowed)
            # A subscription that is allowed waits for messages until it is ended; one that is refused ends by itself.
            argv = redis(known[name], *command)
            commands.append(["timeout", "0.2", *argv[2:]] if allowed and "SUBSCRIBE" in command[0] else argv)
    results = house.attempts(commands, server="redis")
    assert len(results) == 15 * 28
    for allowed, done in zip(tried, results, strict=True):
        if not allowed:
            assert_refused(done)
        else:
            assert "NOPERM" not in done.text, f"{done.argv}:\n{done.text}"
            assert done.code in (0, 124), f"{done.argv}:\n{done.text}"
    kept = [house.redis_admin("GET", f"{prefix}kept") for prefix in PREFIXES.values()]
    assert kept == ["secret"] * 3


REFUSED = (
    """
KEYS *|KEYS one:*|SCAN 0|SCAN 0 MATCH one:*|RANDOMKEY|FLUSHALL|FLUSHDB|SWAPDB 0 1|MOVE one:kept 1
CONFIG GET *|CONFIG SET dir /tmp|CONFIG REWRITE|ACL LIST|ACL USERS|ACL SETUSER one ~*|ACL GETUSER two
CLIENT LIST|CLIENT KILL TYPE normal|CLIENT PAUSE 1|CLIENT TRACKING ON BCAST|CLIENT NO-EVICT on|MONITOR|SHUTDOWN NOSAVE
REPLICAOF localhost 1|SLAVEOF localhost 1|SAVE|BGSAVE|BGREWRITEAOF|SLOWLOG GET|LATENCY RESET
MODULE LIST|MODULE LOAD /tmp/x.so|FUNCTION LIST|FUNCTION FLUSH|SCRIPT FLUSH|SCRIPT KILL|PUBSUB CHANNELS
PSUBSCRIBE *|SORT one:l BY second.* GET second.*|SORT_RO one:l GET second.kept|MIGRATE h 1 one:kept 0 1|SYNC
RESTORE one:r 0 x|FAILOVER|LASTSAVE|ROLE|PFDEBUG GETREG one:kept|OBJECT FREQ second.kept
""".replace("\n", "|")
    .strip("|")
    .split("|")
)


def test_a_tenant_learns_nothing_of_others_and_has_no_right_over_the_server(house: Lent) -> None:
    known = urls(house)
    for done in house.attempts([redis(known["one"], *text.split()) for text in REFUSED], server="redis"):
        assert_refused(done)
    in_scripts = [
        "KEYS', '*",
        "SCAN', '0",
        "RANDOMKEY",
        "FLUSHALL",
        "CONFIG', 'GET', '*",
        "PUBLISH', 'x', 'y",
    ]
    scripts = [redis(known["one"], "EVAL", f"return redis.call('{text}')", "0") for text in in_scripts]
    for done in house.attempts(scripts, server="redis"):
        assert done.code != 0, done.text
    assert house.redis_admin("GET", "second.kept") in ("secret", "")


def test_a_tenant_has_what_client_libraries_need(house: Lent) -> None:
    needed = [
        "CLIENT SETNAME worker", "CLIENT GETNAME", "CLIENT ID", "HELLO 3", "PING",
        "INFO", "INFO everything", "DBSIZE", "EVAL return(redis.call('INFO')) 0",
        "SCRIPT LOAD return(1)", "SCRIPT EXISTS x", "MULTI", "SELECT 0", "COMMAND COUNT", "ECHO x", "TIME",
    ]  # fmt: skip
    for done in house.attempts([redis(urls(house)["one"], *text.split()) for text in needed], server="redis"):
        done.ok()
    named = redis(urls(house)["one"], "CLIENT", "SETINFO", "LIB-NAME", "lib")
    (done,) = house.attempts([named], server="redis")
    if house.config["redis"].get("image") == OLDER and done.code != 0:
        assert "unknown subcommand" in done.text.lower(), "not that it is forbidden"
    else:
        done.ok()


def test_what_a_tenant_is_told_of_the_server_names_no_key_and_no_other_tenant(house: Lent) -> None:
    known = urls(house)
    house.redis_admin("SET", "second.smith", "valuable")
    others = [redis(known["two"], *text) for text in (("GET", "one:smith"), ("CLIENT", "SETNAME", "worker-of-two"))]
    asked = redis(known["one"], "INFO", "everything")
    told = house.attempts([*others, asked], server="redis")[-1].ok().out
    assert "# Keyspace" in told
    for word in ("smith", "valuable", "worker-of-two", "user=", known["two"].split("@")[0]):
        assert word not in told


def test_only_a_tenant_that_asks_for_it_may_scan(house: Lent) -> None:
    house.redis_admin("SET", "second.kept", "secret")
    url = urls(house)["two"]
    scan, keys, random, other = house.attempts(
        [redis(url, *text.split()) for text in ("SCAN 0 COUNT 1000", "KEYS *", "RANDOMKEY", "GET one:kept")],
        server="redis",
    )
    assert "second.kept" in scan.ok().out
    for done in (keys, random, other):
        assert_refused(done)


def healthy(stack: Stack) -> bool:
    return bool(stack.inspect(stack.redis)["State"]["Health"]["Status"] == "healthy")


def test_who_comes_without_a_password_may_only_ping(house: Lent) -> None:
    url = f"redis://{house.redis}:6379/0"
    texts = ("GET one:kept", "SET x y", "KEYS *", "INFO", "ACL WHOAMI", "SELECT 1", "PUBLISH x y", "EVAL return(1) 0")
    assert house.attempts([redis(url, "PING")], server="redis")[0].ok().out == "PONG"
    for done in house.attempts([redis(url, *text.split()) for text in texts], server="redis"):
        assert done.code != 0, done.text
        assert "NOPERM" in done.out or "NOAUTH" in done.out, done.text
    for user in ("one:wrong", "dbadmin:wrong", "nobody:x"):
        wrong = redis(f"redis://{user}@{house.redis}:6379/0", "GET", "one:kept")
        assert house.attempts([wrong], server="redis")[0].code != 0
    assert run("docker", "exec", house.redis, "redis-cli", "ping").ok().out == "PONG\n"
    house.until(lambda: healthy(house), 20, what="healthy")
    assert house.script("status.sh").ok().out.count("ok  ") == 2


def test_the_administrator_s_declared_password_is_postgresql_s_alone(house: Lent) -> None:
    """Redis' users have no addresses: what is known beyond the host would open it from everywhere."""
    url = f"redis://dbadmin:{quote(house.output('adminPassword'), safe='')}@{house.redis}:6379/0"
    refused = house.attempts([redis(url, "CONFIG", "GET", "maxmemory")], server="redis")[0]
    assert refused.code != 0, refused.text
    assert "WRONGPASS" in refused.out, refused.text
    assert house.redis_admin("ACL", "WHOAMI") == "dbadmin"
