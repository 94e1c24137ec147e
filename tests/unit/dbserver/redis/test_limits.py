"""What clients and data may take of Redis' memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbserver.redis import limits
from dbserver.redis import settings as redis_settings

MIB = 1024 * 1024
PERSISTENCE = st.sampled_from(sorted(limits.SHARE))


def settings(memory: int, persistence: str = "append-only", **declared: str) -> dict[str, str]:
    return limits.derived(memory, persistence, {name.replace("_", "-"): v for name, v in declared.items()}).settings()


def faults(declared: dict[str, str]) -> list[str]:
    return limits.faults(256 * MIB, "append-only", {name.replace("_", "-"): v for name, v in declared.items()})


def test_these_limits_follow_from_128_mb() -> None:
    assert settings(128 * MIB) == {
        "maxmemory": str(64 * MIB),
        "proto-max-bulk-len": str(8 * MIB),
        "client-query-buffer-limit": str(16 * MIB),
        "maxmemory-clients": str(16 * MIB),
        "client-output-buffer-limit": (
            "normal 16777216 8388608 10 slave 16777216 16777216 60 pubsub 16777216 8388608 60"
        ),
        "maxclients": "10000",
        "timeout": "0",
        "tcp-keepalive": "30",
        "oom-score-adj": "yes",
    }


@given(st.integers(32, 1024 * 1024), PERSISTENCE)
def test_whatever_the_memory_nothing_is_wrong_with_what_follows_from_it(mebibytes: int, persistence: str) -> None:
    assert limits.faults(mebibytes * MIB, persistence, {}) == []


@given(st.integers(32, 1024 * 1024), st.sampled_from(["snapshot", "append-only"]))
def test_where_redis_saves_a_fork_may_copy_all_of_the_data(mebibytes: int, persistence: str) -> None:
    assert 2 * limits.derived(mebibytes * MIB, persistence, {}).maxmemory <= mebibytes * MIB


@given(st.integers(32, 1024 * 1024), PERSISTENCE, st.integers(1, 512))
def test_clients_that_do_nothing_are_ended_before_nobody_gets_in(mebibytes: int, persistence: str, value: int) -> None:
    for declared in ({}, {"proto-max-bulk-len": f"{value}m"}):
        found = limits.derived(mebibytes * MIB, persistence, declared)
        assert found.maxclients * limits.IDLE_CLIENT >= found.clients


def test_a_larger_value_alone_makes_room_for_itself_everywhere() -> None:
    found = settings(1024 * MIB, proto_max_bulk_len="64m")
    assert (found["proto-max-bulk-len"], found["maxmemory-clients"]) == (str(64 * MIB), str(128 * MIB))
    assert found["client-query-buffer-limit"] == str(128 * MIB)
    assert found["client-output-buffer-limit"].startswith(f"normal {128 * MIB} {64 * MIB} 10 ")
    assert int(found["maxclients"]) > 78_000


def test_what_is_declared_wins_in_the_form_that_redis_prints() -> None:
    found = settings(
        256 * MIB, maxmemory="100mb", maxclients="20000", timeout="300", tcp_keepalive="60",
        client_output_buffer_limit="replica 64mb 32mb 30 normal 32mb 8mb 5", client_query_buffer_limit="32m",
    )  # fmt: skip
    assert found["client-output-buffer-limit"] == (
        "normal 33554432 8388608 5 slave 67108864 33554432 30 pubsub 16777216 8388608 60"
    )
    assert [found[name] for name in ("maxmemory", "maxclients", "timeout", "tcp-keepalive")] == [
        str(100 * MIB), "20000", "300", "60",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"maxmemory": "much"}, "maxmemory: 'much' should be an amount of memory"),
        ({"maxmemory": "250m"}, "maxmemory: 250.0 MB and maxmemory-clients 16.0 MB should be at least 1 MB each"),
        ({"maxmemory": "0"}, "maxmemory: 0 B and"),
        ({"maxmemory_clients": "500k"}, "maxmemory-clients: 500.0 kB should be at least 1 MB"),
        ({"proto_max_bulk_len": "1k"}, "proto-max-bulk-len: 1.0 kB should be at least 1 MB"),
        ({"proto_max_bulk_len": "16m", "client_query_buffer_limit": "8m"}, "proto-max-bulk-len: 16.0 MB should be"),
        ({"proto_max_bulk_len": "32m", "maxmemory_clients": "16m"}, "and at most client-query-buffer-limit 16.0 MB"),
        ({"client_output_buffer_limit": "normal 0 0 0"}, "client-output-buffer-limit: the hard limit of normal"),
        ({"client_output_buffer_limit": "normal 4m 1m 5"}, "at least proto-max-bulk-len 8.0 MB"),
        ({"client_output_buffer_limit": "pubsub 0 0 0"}, "that of pubsub no 0"),
        ({"client_output_buffer_limit": "normal 4m"}, "client-output-buffer-limit: 'normal 4m' should be CLASS HARD"),
        ({"client_output_buffer_limit": "all 4m 4m 4"}, "should be CLASS HARD SOFT SECONDS of normal"),
        ({"client_output_buffer_limit": ""}, "should be CLASS HARD SOFT SECONDS"),
        ({"client_output_buffer_limit": "normal 16m 8m soon"}, "'normal 16m 8m soon' should be a whole number"),
        ({"maxclients": "1000"}, "maxclients: 1000 should be from 9869 to 1000000: with less, connections"),
        ({"maxclients": "9999999"}, "maxclients: 9999999 should be from"),
        ({"timeout": "5m"}, "timeout: '5m' should be a whole number"),
        ({"tcp_keepalive": "-1"}, "tcp-keepalive: '-1' should be a whole number"),
    ],
)
def test_nonsense_is_told_with_its_name(declared: dict[str, str], said: str) -> None:
    found = faults(declared)
    assert any(said in fault for fault in found), found


def test_every_setting_that_may_be_declared_is_one_of_the_server() -> None:
    assert {*limits.PARSE} - {"notify-keyspace-events"} <= {*settings(128 * MIB)}


@pytest.mark.parametrize(
    ("declared", "said"),
    [("", ""), ("KEA", "AKE"), ("Ex", "xE"), ("g$lshzxetdK", "AK"), ("EKxgm", "gxKEm"), ("Km", "Km")],
)
def test_events_of_keys_are_told_as_the_server_prints_them(declared: str, said: str) -> None:
    assert limits.events(declared) == said
    assert faults({"notify_keyspace_events": declared}) == []
    assert redis_settings.derived(256 * MIB, "noeviction", "none", {"notify-keyspace-events": declared})[
        "notify-keyspace-events"
    ] == (said)


@pytest.mark.parametrize("text", ["x", "K", "KE", "Kq", "all", "A", "K x", "Kx\n"])
def test_events_that_nobody_would_get_are_refused(text: str) -> None:
    (fault,) = faults({"notify_keyspace_events": text})
    assert fault.startswith(f"notify-keyspace-events: {text!r} should ")


def test_several_faults_are_told_at_once() -> None:
    assert len(faults({"timeout": "x", "maxclients": "y"})) == 2
    assert len(faults({"maxmemory": "300m", "maxclients": "1"})) == 2
