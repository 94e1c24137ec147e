"""Tenants of one Redis that asks for passwords, and what refuses them."""

from typing import Any

from tests.support.commands import Ran

OLDER = "redis:7"
PREFIXES = {"one": "one:", "two": "second.", "three": "three:"}
# Of these `two` may scan.
ENTRIES: tuple[dict[str, Any], ...] = (
    {"name": "one", "poolSize": 1},
    {"name": "two", "poolSize": 1, "redisPrefix": "second.", "redisScan": True},
    {"name": "three", "poolSize": 1},
)


def redis(url: str, *command: str) -> list[str]:
    return ["timeout", "20", "redis-cli", "-e", "--no-auth-warning", "-u", url, *command]


def assert_refused(done: Ran) -> None:
    assert done.code != 0, f"{done.argv[6:]} was not refused:\n{done.text}"
    refusals = (
        "NOPERM",
        "ACL failure in script",
        "The user executing the script can't",
        "command not allowed",
    )  # the third is Redis 7.0's for the second; the last: DEBUG and MODULE are shut for everybody
    assert any(refusal in done.text for refusal in refusals), f"{done.argv[6:]}:\n{done.text}"
