"""The throwaway server: who reaches it, what it takes along, and whose keys are meant."""

import pytest

from dbserver.redis import source
from dbserver.redis.source import Part


def test_nobody_but_the_running_server_reaches_the_throwaway() -> None:
    argv = source.create("db-redis", "dbadmin", "sha256:1", "/data/config/redis", 1024)
    assert argv[:8] == [
        "docker", "create", "--name", "db-redis-restore", "--label", "com.database.restore=db-redis",
        "--network", "container:db-redis",
    ]  # fmt: skip
    assert argv[argv.index("--volume") + 1] == "/data/config/redis:/usr/local/etc/redis:ro"
    assert argv[argv.index("--memory") + 1] == "1024"
    assert "--bind 127.0.0.1 --port 6380" in source.START
    assert "user default off" in source.START
    assert {"--read-only", "no-new-privileges:true", "CAP_KILL"} <= set(argv), (
        "its `timeout` ends another user's server"
    )
    assert "--memory" not in source.create("db-redis", "dbadmin", "sha256:1", "/c", 0)


def test_no_command_has_a_password_in_its_arguments() -> None:
    part = Part(0, ("shop:", "jobs."))
    for argv in (
        source.switch("c", "dbadmin"),
        source.hand_over("c", "dbadmin", part, 15),
        source.pause("c", "dbadmin"),
    ):
        assert argv[:2] == ["docker", "exec"]
        assert "$(cat /usr/local/etc/redis/admin-password)" in " ".join(argv)


@pytest.mark.parametrize(
    ("part", "patterns"),
    [(Part(0, ("shop:",)), ["shop:*"]), (Part(0, ("shop:", "jobs.")), ["shop:*", "jobs.*"]), (Part(3, ("",)), ["*"])],
)
def test_an_application_s_keys_are_those_with_its_beginnings_or_a_database(part: Part, patterns: list[str]) -> None:
    assert part.patterns == patterns
    assert source.replace(part, 15)[2:] == ["0", str(part.database), "15", *patterns]
    assert source.hand_over("c", "dbadmin", part, 15)[-len(patterns) - 3 :] == [
        str(part.database), "15", "dbadmin", *patterns,
    ]  # fmt: skip
