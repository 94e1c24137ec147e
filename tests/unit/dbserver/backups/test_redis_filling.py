"""What is refused before anything is touched, and what is compared, when Redis is restored."""

from pathlib import Path
from typing import Any

import pytest

from dbserver.backups import manifest as manifests
from dbserver.backups import redis_filling
from dbserver.backups.manifest import Manifest
from dbserver.backups.store import Backup
from dbserver.errors import DbServerError, RefusedError
from dbserver.redis.server import Server
from tests.unit.fakes import Programs, inspected, printed

SERVER = Server("db-server-redis", "dbadmin")
TOLD = {"expires": {"db0": 2}, "expiring_fields": 0}


def backup(**changes: Any) -> Backup:
    values: dict[str, Any] = {
        "id": "server.redis_1", "kind": manifests.REDIS, "application": "", "database": "", "server_version": "8.0.2",
        "server_major": 8, "tool_version": "0", "started": "2026-01-01T00:00:00+00:00", "duration_seconds": 1.0,
        "size": 1000, "parts": (), "database_size": 5000, "rows": (("redis", "db0", 5), ("redis", "db3", 1)),
        "properties": TOLD,
    }  # fmt: skip
    return Backup(Path("server.redis_1"), Manifest(**{**values, **changes}))


def running(programs: Programs, *, role: str = "master", maxmemory: int = 10_000, free: str = "1000 4096") -> None:
    programs.answer("ping", "PONG\n")
    programs.answer("INFO server", "redis_version:8.0.2\r\n")
    programs.answer("INFO replication", f"role:{role}\r\nmaster_host:h\r\nmaster_port:1\r\n")
    programs.answer("INFO memory", f"maxmemory:{maxmemory}\r\n")
    programs.answer("stat -fc", free)


@pytest.mark.parametrize(
    ("server", "changes", "reason"),
    [
        ({}, {"server_version": "8.2.0"}, "is of Redis 8.2.0, the server is 8.0.2"),
        ({}, {"server_version": "10.0.0"}, "is of Redis 10.0.0"),
        ({"role": "slave"}, {}, "is a replica of h:1"),
        ({"maxmemory": 4000}, {}, "the server may use"),
        ({"free": "0 4096"}, {}, "too little disk"),
    ],
)
def test_what_the_server_cannot_take_is_refused(
    programs: Programs, server: dict[str, Any], changes: dict[str, Any], reason: str
) -> None:
    running(programs, **server)
    with pytest.raises(RefusedError, match=reason):
        redis_filling.refuse(SERVER, backup(**changes))


@pytest.mark.parametrize("changes", [{}, {"server_version": "8.0.9"}, {"server_version": "7.4.1"}])
def test_what_the_server_can_take_is_not(programs: Programs, changes: dict[str, Any]) -> None:
    running(programs, maxmemory=0)
    redis_filling.refuse(SERVER, backup(**changes))


@pytest.mark.parametrize("found", [{"db0": 5, "db3": 1}, {"db0": 3, "db3": 1}])
def test_keys_that_expire_may_be_gone(found: dict[str, int]) -> None:
    redis_filling.compare(backup(), found)


@pytest.mark.parametrize(
    "found", [{"db0": 2, "db3": 1}, {"db0": 6, "db3": 1}, {"db0": 5}, {"db0": 5, "db3": 1, "db4": 1}, {}]
)
def test_other_numbers_of_keys_are_not_what_was_backed_up(found: dict[str, int]) -> None:
    with pytest.raises(DbServerError, match="not what was backed up: db"):
        redis_filling.compare(backup(), found)


def test_the_keys_of_each_database_are_read_from_what_redis_says(programs: Programs) -> None:
    said = "# Keyspace\r\ndb0:keys=5,expires=2,avg_ttl=0,subexpiry=0\r\ndb3:keys=1,expires=0,avg_ttl=0\r\n"
    programs.answer("INFO keyspace", said)
    assert redis_filling.counts(SERVER) == {"db0": 5, "db3": 1}


def test_a_foreign_container_with_the_throwaway_s_name_is_left_alone(programs: Programs) -> None:
    programs.answer("container inspect", printed(inspected("db-server-redis-restore")))
    with pytest.raises(RefusedError, match="none of ours"):
        redis_filling.clean_up(SERVER)
