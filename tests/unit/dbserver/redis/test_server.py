"""The running Redis: an answer is PONG and nothing else; persistence changes without losing data."""

from typing import Any

import pytest

from dbserver.docker import host
from dbserver.errors import DbServerError, NotRunningError, RefusedError
from dbserver.redis import commands, convergence, settings, source
from dbserver.redis.server import Server
from dbserver.redis.settings import Persistence
from tests.unit.fakes import Clock, Failed, Programs

SERVER = Server("db-server-redis", "dbadmin")
MEMORY = 256 * 1024 * 1024
SAVED = (
    "# Persistence\r\nrdb_bgsave_in_progress:0\r\nrdb_last_bgsave_status:ok\r\naof_rewrite_in_progress:0\r\n"
    "aof_rewrite_scheduled:0\r\naof_last_bgrewrite_status:ok\r\n"
)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(convergence, "time", made)
    return made


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch, programs: Programs) -> list[tuple[int, str]]:
    """Record each file that is written, with the number of commands before it."""
    texts: list[tuple[int, str]] = []
    monkeypatch.setattr(
        host, "write_files", lambda _, files, __: texts.append((len(programs.calls), files["redis.conf"]))
    )
    return texts


def derived(persistence: Persistence, policy: str = "noeviction") -> dict[str, str]:
    return settings.derived(MEMORY, policy, persistence)


def running(programs: Programs, persistence: Persistence, info: str = SAVED) -> None:
    shown = "".join(f"{name}\n{value}\n" for name, value in derived(persistence).items())
    programs.answer(f"CONFIG GET {' '.join(derived(persistence))}\n", shown)
    programs.answer("INFO memory", "used_memory:1000000\r\n")
    programs.answer("CONFIG SET", "OK")
    programs.answer("BGSAVE SCHEDULE", "Background saving started")
    programs.answer("INFO persistence", info)
    programs.answer("sh -c if", "")


def changes(programs: Programs) -> list[str]:
    """Return what was sent that changes something."""
    sent = [" ".join(call.argv[len(commands.cli("", "")) :]) for call in programs.calls]
    return [text for text in sent if "CONFIG SET" in text or "BGSAVE" in text]


def apply(wanted: dict[str, str]) -> None:
    convergence.apply_settings(SERVER, wanted, "/config", "redis:8")


def aside(programs: Programs) -> list[str]:
    scripts = [call.argv[-1] for call in programs.started("sh -c if")]
    names = ("appendonlydir", "dump.rdb")
    until = "until-19700101T000000Z"
    return [name for script in scripts for name in names if f'mv "/data/{name}" "/data/{name}.{until}"' in script]


def test_any_answer_but_pong_is_none() -> None:
    """redis-cli succeeds where the reply is NOAUTH or LOADING."""
    loop = commands.wait_until_ready("c")[-1]
    assert loop.startswith('for i in $(seq 100); do [ "$(redis-cli ping 2>&1)" = PONG ] && exit 0;')
    assert loop.endswith("; exit 1")


REFUSED = Failed("NOPERM User default has no permissions to run the 'info' command")


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (REFUSED, "NOPERM User default has no permissions"),
        (Failed("Could not connect to Redis at 127.0.0.1:6379"), "Could not connect to Redis"),
        ("NOAUTH Authentication required.\n", "NOAUTH Authentication required"),
        ("", ""),
    ],
    ids=["refused", "gone", "not logged in", "silent"],
)
def test_an_administrator_who_is_not_answered_is_told_so_with_the_reason(
    programs: Programs, reply: Any, reason: str
) -> None:
    programs.answer("INFO server", reply)
    with pytest.raises(
        NotRunningError, match=f"^db-server-redis does not answer its administrator: {reason}"
    ) as caught:
        SERVER.answer()
    assert caught.value.hint == "./scripts/dbserver doctor"


def test_pong_is_followed_by_the_facts_of_the_server(programs: Programs) -> None:
    programs.answer("redis-cli ping", "")
    programs.answer("INFO server", "# Server\r\nredis_version:8.2.1\r\nos:Linux 6.1: x\r\n\r\n")
    assert SERVER.wait() == {"redis_version": "8.2.1", "os": "Linux 6.1: x"}
    assert ["ping" in call.text for call in programs.calls] == [True, False]


def test_a_server_as_declared_is_sent_no_change(programs: Programs, written: Any) -> None:
    running(programs, "append-only")
    apply(derived("append-only"))
    assert (changes(programs), aside(programs)) == ([], [])
    assert len(written) == 1


def test_a_new_policy_is_set_while_the_server_runs(programs: Programs, written: Any) -> None:
    running(programs, "append-only")
    apply(derived("append-only", "allkeys-lru"))
    assert changes(programs) == ["CONFIG SET maxmemory-policy allkeys-lru"]
    assert "maxmemory-policy allkeys-lru" in written[0][1]


def test_append_only_is_switched_on_while_running_and_named_in_the_file_once_it_is_written(
    programs: Programs, written: list[tuple[int, str]]
) -> None:
    writing = SAVED.replace("aof_rewrite_in_progress:0", "aof_rewrite_in_progress:1")
    running(programs, "snapshot")
    programs.answer("INFO persistence", writing, writing, SAVED)
    apply(derived("append-only"))
    assert changes(programs) == ["CONFIG SET appendonly yes"]
    assert written[0][0] == len(programs.calls), "the file names the new persistence before its data is there"
    assert len(programs.started("INFO persistence")) == 4
    assert aside(programs) == []


def test_append_only_is_switched_off_after_a_snapshot_and_its_file_put_aside(programs: Programs, written: Any) -> None:
    running(programs, "append-only")
    apply(derived("snapshot"))
    assert changes(programs) == ["BGSAVE SCHEDULE", "CONFIG SET appendonly no"]
    assert aside(programs) == ["appendonlydir"]
    assert "appendonly no" in written[0][1]


def test_persistence_none_puts_all_files_aside_because_a_restart_would_read_them(
    programs: Programs, written: Any
) -> None:
    running(programs, "append-only")
    apply(derived("none"))
    more = f"CONFIG SET maxmemory {192 * 1024 * 1024}"
    assert changes(programs) == [more, "CONFIG SET save ", "CONFIG SET appendonly no"]
    assert aside(programs) == ["appendonlydir", "dump.rdb"]
    assert 'save ""' in written[0][1]


@pytest.mark.parametrize(
    ("before", "after", "failed"),
    [("snapshot", "append-only", "aof_last_bgrewrite_status"), ("append-only", "snapshot", "rdb_last_bgsave_status")],
)
def test_a_persistence_that_could_not_be_written_is_not_named_in_the_file(
    programs: Programs, written: Any, before: Persistence, after: Persistence, failed: str
) -> None:
    running(programs, before, SAVED.replace(f"{failed}:ok", f"{failed}:err"))
    with pytest.raises(DbServerError, match="could not write") as caught:
        apply(derived(after))
    assert caught.value.hint == "check the free disk space"
    assert written == []
    assert "CONFIG SET appendonly no" not in changes(programs)


def test_a_save_that_never_ends_is_an_error(programs: Programs, written: Any, clock: Clock) -> None:
    running(programs, "append-only", SAVED.replace("rdb_bgsave_in_progress:0", "rdb_bgsave_in_progress:1"))
    began = clock.now
    with pytest.raises(DbServerError, match="did not finish saving within 600 s"):
        apply(derived("snapshot"))
    assert 600 <= clock.now - began < 610
    assert written == []


def test_a_setting_that_redis_refuses_is_named(programs: Programs, written: Any) -> None:
    running(programs, "append-only")
    programs.answer("CONFIG SET", Failed("ERR Invalid argument"))
    with pytest.raises(DbServerError, match="Redis refuses maxmemory-policy allkeys-lru: ERR Invalid argument"):
        apply(derived("append-only", "allkeys-lru"))
    assert written == []


def test_the_certificate_is_read_again_in_one_command(programs: Programs) -> None:
    programs.answer("CONFIG SET", "OK")
    convergence.load_certificate(SERVER)
    path = "/usr/local/etc/redis/server.pem"
    assert changes(programs) == [f"CONFIG SET tls-cert-file {path} tls-key-file {path}"]


def test_the_port_for_tls_is_opened_last_and_is_not_that_of_a_throwaway() -> None:
    assert list(settings.ENCRYPTED)[-1] == "tls-port"
    assert settings.ENCRYPTED["tls-port"] != str(source.PORT)


def test_memory_below_what_is_used_is_refused_and_nothing_changed(programs: Programs, written: Any) -> None:
    running(programs, "append-only")
    programs.answer("INFO memory", "used_memory:50000000\r\n")
    less = settings.derived(64 * 1024 * 1024, "allkeys-lru", "append-only")
    with pytest.raises(RefusedError, match=r"uses 47.7 MB, with these settings it may use 32.0 MB") as caught:
        apply(less)
    assert "redis.settings.maxmemory" in caught.value.hint
    assert (changes(programs), written) == ([], [])


@pytest.mark.usefixtures("written")
def test_memory_above_what_is_used_is_taken_in_either_direction(programs: Programs) -> None:
    running(programs, "append-only")
    for memory in (64, 512):
        apply(settings.derived(memory * 1024 * 1024, "noeviction", "append-only"))
    assert [text.split()[3] for text in changes(programs) if "SET maxmemory " in text] == ["33554432", "268435456"]


def test_limits_are_lifted_for_a_while_and_put_back_also_after_a_failure(programs: Programs) -> None:
    found = {"proto-max-bulk-len": "8388608", "client-query-buffer-limit": "16777216", "maxmemory-clients": "16777216"}
    programs.answer("CONFIG GET", "".join(f"{name}\n{value}\n" for name, value in found.items()))
    programs.answer("CONFIG SET", "OK")

    def interrupted() -> None:
        with convergence.unlimited(SERVER):
            assert len(changes(programs)) == 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert changes(programs) == [
        "CONFIG SET proto-max-bulk-len 512mb client-query-buffer-limit 1gb maxmemory-clients 0",
        f"CONFIG SET {' '.join(word for pair in found.items() for word in pair)}",
    ]
