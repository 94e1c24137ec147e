"""Redis' settings: what persistence means, and with which of them the data on disk is read."""

import pytest

from dbserver.redis import limits, settings
from dbserver.redis.settings import Persistence

MIB = 1024 * 1024
POINTS = "3600 1 300 100 60 10000"


@pytest.mark.parametrize(
    ("persistence", "append_only", "save"),
    [("none", "no", ""), ("snapshot", "no", POINTS), ("append-only", "yes", POINTS)],
)
def test_a_persistence_means_these_settings_and_back(persistence: Persistence, append_only: str, save: str) -> None:
    found = settings.derived(256 * MIB, "noeviction", persistence)
    assert found == {
        **limits.derived(256 * MIB, persistence, {}).settings(),
        "maxmemory-policy": "noeviction",
        "appendonly": append_only,
        "appendfsync": "everysec",
        "aof-timestamp-enabled": "yes",
        "save": save,
        "notify-keyspace-events": "",
    }
    assert settings.persistence_of(found) == persistence


@pytest.mark.parametrize("wanted", ["none", "snapshot", "append-only"])
@pytest.mark.parametrize(
    ("has_append_only", "has_snapshot", "first"),
    [(True, True, "yes"), (True, False, "yes"), (False, True, "no"), (False, False, None)],
)
def test_a_server_starts_under_the_persistence_of_the_data_that_is_there(
    *, wanted: Persistence, has_append_only: bool, has_snapshot: bool, first: str | None
) -> None:
    declared = settings.derived(256 * MIB, "noeviction", wanted)
    found = settings.first_settings(declared, has_append_only=has_append_only, has_snapshot=has_snapshot)
    assert found == {**declared, "appendonly": first or declared["appendonly"]}


def test_the_first_settings_leave_the_declared_ones_as_they_are() -> None:
    declared = settings.derived(256 * MIB, "noeviction", "none")
    settings.first_settings(declared, has_append_only=True, has_snapshot=True)["save"] = "changed"
    assert declared == settings.derived(256 * MIB, "noeviction", "none")


def test_the_file_is_exactly_this() -> None:
    assert settings.render(settings.derived(256 * MIB, "noeviction", "none")) == (
        "# Rendered by the db-server stack: change its configuration, not this file.\n"
        "dir /data\n"
        "port 6379\n"
        "bind * -::*\n"
        "protected-mode no\n"
        "aclfile /usr/local/etc/redis/users.acl\n"
        "dbfilename dump.rdb\n"
        "appenddirname appendonlydir\n"
        "aof-timestamp-enabled yes\n"
        "appendfsync everysec\n"
        "appendonly no\n"
        "client-output-buffer-limit normal 16777216 8388608 10 slave 33554432 33554432 60 pubsub 16777216 8388608 60\n"
        "client-query-buffer-limit 16777216\n"
        "maxclients 10000\n"
        "maxmemory 201326592\n"
        "maxmemory-clients 16777216\n"
        "maxmemory-policy noeviction\n"
        'notify-keyspace-events ""\n'
        "oom-score-adj yes\n"
        "proto-max-bulk-len 8388608\n"
        'save ""\n'
        "tcp-keepalive 30\n"
        "timeout 0\n"
    )


@pytest.mark.parametrize("persistence", ["none", "snapshot", "append-only"])
def test_no_line_of_the_file_lacks_a_value(persistence: Persistence) -> None:
    lines = settings.render(settings.derived(256 * MIB, "noeviction", persistence)).splitlines()[1:]
    assert all(len(line.split(maxsplit=1)) == 2 for line in lines), lines
