"""What status shows of containers that are gone, down, or not those that the engine has made."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.support.commands import Ran, run
from tests.support.shown import SCHEMA, server
from tests.support.stack import Stack


def test_a_server_that_is_down_is_exit_code_3_and_the_other_s_figures_are_there(running: Stack) -> None:
    running.kill(running.redis)
    running.until(lambda: server(running, "redis")["restarts"] == 1, what="a restart")
    running.until(lambda: running.script("status.sh").code == 0, what="both servers back")
    run("docker", "stop", "--time", "60", running.postgres).ok()
    done = running.script("status.sh", "--format", "json")
    assert done.code == 3
    Draft202012Validator(SCHEMA).validate(json.loads(done.out))
    assert server(running, "postgres")["fault"].startswith("container is exited")
    assert server(running, "postgres")["uptime_seconds"] is None
    assert server(running, "redis")["redis"]["used_memory"] > 0
    metrics = running.script("status.sh", "--format", "prometheus")
    assert metrics.code == 3
    assert f'dbserver_up{{container="{running.postgres}",server="postgres",stack="{running.name}"}} 0.0' in metrics.out
    run("docker", "rm", running.postgres).ok()
    assert f"container {running.postgres} does not exist" in running.script("status.sh").out


def made_by_hand(stack: Stack, data: Path) -> Ran:
    """Replace Redis's container by one that somebody has typed."""
    image = stack.inspect(stack.redis)["Config"]["Image"]
    run("docker", "rm", "-f", "-v", stack.redis).ok()
    return run(
        "docker", "run", "-d", "--name", stack.redis, "--network", stack.network, "--restart", "always",
        "--label", f"com.database.stack={stack.name}", "--label", "com.database.server=redis",
        "--volume", f"{data}:/data", "--volume", f"{stack.data}/config/redis:/usr/local/etc/redis",
        "--env", "PASSWORD=of-somebody", "--health-cmd", "false", "--health-interval", "1s", "--health-retries", "1",
        image, "redis-server", "/usr/local/etc/redis/redis.conf", "--loglevel", "verbose",
    )  # fmt: skip


@pytest.mark.full
def test_a_container_made_anew_by_hand_shows_how_it_differs_and_that_it_is_unhealthy(running: Stack) -> None:
    other = running.directory / "other"
    made_by_hand(running, other).ok()
    running.until(lambda: server(running, "redis")["health"] == "unhealthy", 60, what="an unhealthy container")
    shown = server(running, "redis")
    assert shown["answers"] == "PONG"
    named = {difference.partition(":")[0]: difference for difference in shown["differences"]}
    assert {"command", "volumes", "health check", "published port", "memory limit", "network alias"} <= set(named)
    assert "label com.database.image" in named
    assert "label com.database.stack" not in named
    assert str(other) in named["volumes"]
    assert "'--loglevel', 'verbose'" in named["command"]
    assert named["environment"] == "environment: PASSWORD added, declared is none of it"
    done = running.script("status.sh")
    assert done.code == 3
    assert f"SICK {running.redis}" in done.out
    assert server(running, "postgres")["differences"] == []
