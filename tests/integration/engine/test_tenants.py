"""The users of Redis as the engine keeps them: through kills, changes by hand, another access, a new password."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.support.commands import run
from tests.support.stack import Stack
from tests.support.tenants import ENTRIES, OLDER, assert_refused, redis

pytestmark = pytest.mark.full  # each starts the engine several times


@pytest.fixture(scope="module", params=["redis:8", OLDER])
def house(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Stack]:
    """Three tenants; the older Redis lacks a command that the rules would name."""
    made = Stack(tmp_path_factory.mktemp("house"))
    made.configure(redis={"access": "password", "image": request.param})
    made.declare(*ENTRIES)
    made.start().ok()
    yield made
    made.remove()


def urls(stack: Stack) -> dict[str, str]:
    return {name: each["REDIS_URL"] for name, each in stack.output("applications").items()}


def assert_fenced(stack: Stack, known: dict[str, str]) -> None:
    """The same tenants with the same passwords, and nobody without one."""
    tried = stack.attempts(
        [redis(known["one"], "SET", "one:n", "1"), redis(known["two"], "GET", "one:n"),
         redis(f"redis://{stack.redis}:6379/0", "GET", "one:n")],
        server="redis",
    )  # fmt: skip
    assert tried[0].ok().out == "OK"
    assert_refused(tried[1])
    assert tried[2].code != 0, tried[2].text


def answers(stack: Stack) -> bool:
    return run("docker", "exec", stack.redis, "redis-cli", "ping").out == "PONG\n"


def test_users_survive_a_restart_a_kill_and_a_removed_container(house: Stack) -> None:
    known = urls(house)
    run("docker", "restart", "--time", "60", house.redis).ok()
    house.until(lambda: answers(house), what="PONG after the restart")
    assert_fenced(house, known)
    pid = house.main_pid(house.redis)
    house.kill(house.redis)
    house.until(lambda: house.main_pid(house.redis) not in (0, pid) and answers(house), what="PONG after the kill")
    assert_fenced(house, known)
    run("docker", "rm", "-f", "-v", house.redis).ok()
    house.start().ok()
    assert urls(house) == known
    assert_fenced(house, known)
    house.assert_clean()


def test_users_changed_by_hand_are_seen_and_repaired(house: Stack) -> None:
    known = urls(house)
    for change in (["one", "~*"], ["intruder", "on", "nopass", "~*", "+@all"], ["default", "~*", "+@all"]):
        house.redis_admin("ACL", "SETUSER", *change)
    house.redis_admin("ACL", "DELUSER", "three")
    done = house.pulumi("preview", "--refresh", "--expect-no-changes")
    assert done.code != 0, done.text
    assert "redis-users" in done.text
    house.start().ok()
    assert_fenced(house, known)
    assert "intruder" not in house.redis_admin("ACL", "USERS")
    assert house.attempts([redis(known["three"], "SET", "three:n", "1")], server="redis")[0].ok().out == "OK"
    house.assert_clean()


def say(client: "subprocess.Popen[str]", command: str) -> str:
    assert client.stdin
    assert client.stdout
    client.stdin.write(f"{command}\n")
    client.stdin.flush()
    return client.stdout.readline().strip()


def test_access_switches_between_open_and_password_while_the_server_runs(house: Stack) -> None:
    known, identity, started = urls(house), house.ids()[1], house.started_at(house.redis)
    before = house.config["applications"]
    try:
        house.configure(redis={**house.config["redis"], "access": "open"})
        house.declare({"name": "three", "poolSize": 1, "redisDatabase": 3})
        house.start().ok()
        opened = urls(house)
        assert opened["one"] == f"redis://{house.redis}:6379/0"
        assert opened["three"] == f"redis://{house.redis}:6379/3"
        commands = [redis(opened["three"], "SET", "numbered", "3"), redis(opened["three"], "GET", "numbered"),
                    redis(opened["one"], "EXISTS", "numbered"), redis(opened["one"], "KEYS", "*")]  # fmt: skip
        said = [done.ok().out for done in house.attempts(commands, server="redis")]
        assert said[:3] == ["OK", "3", "0"]
        stayed = ["docker", "exec", "-i", house.redis, "redis-cli"]
        with subprocess.Popen(stayed, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
            assert say(client, "SET left open") == "OK"
            house.configure(redis={**house.config["redis"], "access": "password"}, applications=before)
            house.start().ok()
            said_after = say(client, "GET left")
            assert "NOPERM" in said_after or "NOAUTH" in said_after, said_after
            client.kill()
    finally:
        house.configure(redis={**house.config["redis"], "access": "password"}, applications=before)
    assert urls(house) == known
    assert_fenced(house, known)
    assert (house.ids()[1], house.started_at(house.redis)) == (identity, started)
    house.assert_clean()


def test_a_rotated_password_replaces_the_old_one_in_both_servers(house: Stack) -> None:
    before = house.output("applications")
    house.declare({"name": "one", "poolSize": 1, "passwordVersion": 2})
    house.start().ok()
    after = house.output("applications")
    assert after["two"] == before["two"]
    select = ["psql", "-XAtq", "-c", "SELECT 1"]
    old, new = house.attempts([[*select, each["one"]["DATABASE_URL"]] for each in (before, after)])
    assert "password authentication failed" in old.out
    assert new.ok().out == "1"
    old, new = house.attempts([redis(each["one"]["REDIS_URL"], "SET", "one:n", "1") for each in (before, after)],
                              server="redis")  # fmt: skip
    assert old.code != 0, old.text
    assert new.ok().out == "OK"
    house.assert_clean()
