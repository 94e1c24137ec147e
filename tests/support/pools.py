"""Containers of an application in two colours that hold connections, as their pools do."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.commands import Ran, run
from tests.support.stack import Stack

APPLICATION = "crypto-ai-agent"
ENTRIES = ({"name": APPLICATION, "role": "crypto", "poolSize": 5}, {"name": "other", "poolSize": 2})
REFUSED = 5


@contextmanager
def two_colours(stack: Stack) -> Iterator[dict[str, str]]:
    """A blue container with three connections to PostgreSQL, a green one with one, and a green one on Redis."""
    names = {
        "blue": pool(stack, "crypto-ai-backend-blue", 3),
        "green": pool(stack, "crypto-ai-backend-green", 1),
        "redis": redis_pool(stack, f"{APPLICATION}-worker-green", 2),
    }
    yield names
    remove(*names.values())


def pool(stack: Stack, name: str, count: int, statement: str = "SELECT 1;") -> str:
    """Start a container that holds idle connections to its database; return its name once they are there."""
    url = stack.variables(APPLICATION)["DATABASE_URL"]
    script = f"for i in $(seq {count}); do (echo '{statement}'; sleep 900) | psql -q '{url}' & done; wait"
    _run(stack, name, stack.postgres, script)
    before = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'crypto' AND client_addr = '{}'"
    address = stack.inspect(f"{stack.name}-{name}")["NetworkSettings"]["Networks"][stack.network]["IPAddress"]
    stack.until(lambda: stack.sql(before.format(address)) == str(count), 60, what=f"{count} connections of {name}")
    return f"{stack.name}-{name}"


def redis_pool(stack: Stack, name: str, count: int) -> str:
    url = stack.variables(APPLICATION)["REDIS_URL"]
    script = f"for i in $(seq {count}); do (echo PING; sleep 900) | redis-cli -u '{url}' & done; wait"
    _run(stack, name, stack.redis, script)
    address = stack.inspect(f"{stack.name}-{name}")["NetworkSettings"]["Networks"][stack.network]["IPAddress"]
    stack.until(lambda: stack.redis_admin("CLIENT", "LIST").count(f"addr={address}:") == count, 60, what=name)
    return f"{stack.name}-{name}"


def _run(stack: Stack, name: str, like: str, script: str) -> None:
    image = stack.inspect(like)["Config"]["Image"]
    argv = ["docker", "run", "-d", "--init", "--name", f"{stack.name}-{name}", "--network", stack.network]
    run(*argv, "--entrypoint", "sh", image, "-c", script).ok()


def remove(*names: str) -> None:
    run("docker", "rm", "-f", "-v", *names).ok()


def refused(tried: Ran, colours: dict[str, str]) -> None:
    """Judge that a verb was refused because the blue container is connected."""
    assert tried.code == REFUSED, tried.text
    assert f"{colours['blue']} (blue) 3 to postgres" in tried.err
    assert "--disconnect-applications" in tried.err
