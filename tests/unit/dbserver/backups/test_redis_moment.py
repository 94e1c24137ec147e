"""What can be reached of the append-only file, what is refused, and how a copy of several increments is cut."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dbserver.backups import redis_making, redis_moment
from dbserver.backups.redis_making import Past, Wanted
from dbserver.backups.store import Store
from dbserver.errors import DbServerError, RefusedError, UsageError
from dbserver.redis import appended
from dbserver.redis.server import Server
from tests.unit.fakes import Failed, Programs, inspected, printed

SERVER = Server("db-server-redis", "dbadmin")
BASE, ONE, TWO, THREE = "1.base.rdb", "1.aof", "2.aof", "3.aof"
MANIFEST = "".join(
    f"file {name} seq 1 type {kind}\n" for name, kind in ((BASE, "b"), (ONE, "i"), (TWO, "i"), (THREE, "i"))
)
BEGUN, NOW = 1795698000, 1795701600
HEAD = f"AUX FIELD ctime = '{BEGUN}'\n"
MOUNTS = [{"Source": f"/data/{inner}", "Destination": inner} for inner in ("/data", "/usr/local/etc/redis")]
BEFORE, CUT, AFTER = "Truncate nothing in AOF", "Successfully truncated AOF", "AOF has nothing before timestamp"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Past]:
    """What a backup was made of."""
    taken: list[Past] = []
    monkeypatch.setattr(redis_making, "make", lambda _server, _kept, _wanted, past: taken.append(past))
    return taken


def running(programs: Programs, **answers: Any) -> None:
    """Prepare a server that appends since BEGUN, whose commands bear times from the beginning."""
    programs.answer("inspect db-server-redis-restore", Failed("No such container"))
    programs.answer("container inspect db-server-redis\n", printed({**inspected("db-server-redis"), "Mounts": MOUNTS}))
    programs.answer("TIME", f"{NOW}\n500000\n")
    programs.answer("INFO replication", f"role:{answers.get('role', 'master')}\r\n")
    programs.answer("INFO persistence", f"aof_last_write_status:{answers.get('write', 'ok')}\r\n")
    programs.answer("INFO keyspace", "")
    programs.answer("CONFIG GET", f"appendonly\n{answers.get('appends', 'yes')}\nsave\n\n")
    for words in ("docker create", "docker start", "docker rm", "PING", appended.COPY, appended.FINISH):
        programs.answer(words, "")
    programs.answer(appended.LOOK, f"{MANIFEST}\0{answers.get('head', HEAD)}")
    programs.answer("--truncate-to-timestamp", BEFORE)
    programs.answer(appended.FIRST, answers.get("first", AFTER))


def make(at: str = "-1min") -> redis_moment.Made:
    return redis_moment.make(SERVER, Store(Path("backups")), at, Wanted())


def finished(programs: Programs) -> list[str]:
    """Return the files that the copy's manifest names."""
    return [line.split()[1] for line in programs.started(appended.FINISH)[0].stdin.splitlines()]


def test_a_backup_is_made_of_the_beginning_of_the_second(programs: Programs, made: list[Past]) -> None:
    running(programs)
    found = make("2026-11-26 14:50:07.9+01")
    assert found.moment == made[0].moment == datetime(2026, 11, 26, 13, 50, 7, tzinfo=UTC)
    assert made[0].server.container == "db-server-redis-restore"
    cuts = [call.argv[-2:] for call in programs.calls if "redis-check-aof" in call.argv]
    last = str(int(found.moment.timestamp()) - 1)
    assert cuts == [(last, f"appendonlydir/{name}") for name in (ONE, TWO, THREE)]
    assert str(found.window) == "from 2026-11-26 13:00:01Z to 2026-11-26 14:00:00Z"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ([BEFORE, BEFORE, BEFORE], [ONE, TWO, THREE]),
        ([BEFORE, CUT, BEFORE], [ONE, TWO]),
        ([BEFORE, AFTER, BEFORE], [ONE]),
        ([CUT, BEFORE, BEFORE], [ONE]),
        ([AFTER, BEFORE, BEFORE], []),
    ],
)
def test_what_follows_the_second_is_left_out_in_whichever_file_it_begins(
    programs: Programs, made: list[Past], said: list[str], kept: list[str]
) -> None:
    running(programs)
    for name, answer in zip((ONE, TWO, THREE), said, strict=True):
        programs.answer(f"/{name}\n", answer)
    make()
    assert finished(programs) == [BASE, *kept]
    assert len(made) == 1


def test_damage_before_the_second_is_an_error_and_nothing_is_made(programs: Programs, made: list[Past]) -> None:
    running(programs)
    programs.answer(f"/{TWO}\n", "AOF 2.aof is not valid. Use the --fix option to try fixing it.")
    with pytest.raises(DbServerError, match=r"2\.aof of the append-only file is damaged: AOF 2\.aof is not valid"):
        make()
    assert made == []
    assert programs.started("docker rm")


def test_a_rewrite_meanwhile_is_a_copy_of_the_new_files_and_one_after_the_other_an_error(
    programs: Programs, made: list[Past]
) -> None:
    running(programs)
    programs.answer(appended.COPY, Failed("gone", appended.CHANGED), "")
    make()
    assert len(programs.started(appended.LOOK)) == 2
    programs.answer(appended.COPY, Failed("gone", appended.CHANGED))
    with pytest.raises(DbServerError, match="rewritten again and again"):
        make()
    programs.answer(appended.COPY, Failed("No space left on device"))
    with pytest.raises(DbServerError, match="could not be copied: No space left"):
        make()
    programs.answer(appended.COPY, Failed("for two copies of 7 bytes", appended.FULL))
    with pytest.raises(RefusedError, match="too little disk where Docker keeps volumes: for two copies"):
        make()
    programs.answer(appended.LOOK, Failed("", appended.CHANGED))
    with pytest.raises(DbServerError, match="rewritten again and again"):
        make()
    assert len(made) == 1


@pytest.mark.parametrize(
    ("at", "answers"),
    [
        ("-59min", {}),
        ("2026-11-26 13:00:01Z", {}),
        ("-0s", {}),
        ("-10min", {"first": f"{CUT}\n#TS:{NOW - 601}\r\n"}),
    ],
)  # fmt: skip
def test_what_the_file_reaches_is_made(programs: Programs, made: list[Past], at: str, answers: dict[str, str]) -> None:
    running(programs, **answers)
    programs.answer("TIME", f"{NOW}\n0\n", f"{NOW}\n0\n", f"{NOW + 3}\n0\n")
    make(at)
    assert len(made) == 1


@pytest.mark.parametrize(
    ("at", "answers", "reason"),
    [
        ("-61min", {}, "it reaches from 2026-11-26 13:00:01Z to 2026-11-26 14:00:00Z"),
        ("2026-11-26 13:00:00Z", {}, "does not reach to 2026-11-26 13:00:00Z"),
        ("2026-11-26 14:00:01Z", {}, "does not reach to"),
        ("-10min", {"first": f"{CUT}\n#TS:{NOW - 600}\r\n"}, "it reaches from 2026-11-26 13:50:01Z"),
        ("-10min", {"first": BEFORE}, "no second can be reached yet"),
        ("-10min", {"head": f"AUX FIELD ctime = '{NOW}'"}, "no second can be reached yet"),
        ("-10min", {"head": "Wrong signature"}, "does not say when it was begun"),
        ("-10min", {"appends": "no"}, "redis.persistence is none"),
        ("2026-11-26 13:30:00", {}, "has no time zone"),
    ],
)
def test_what_the_file_does_not_reach_is_refused(
    programs: Programs, made: list[Past], at: str, answers: dict[str, str], reason: str
) -> None:
    running(programs, **answers)
    with pytest.raises(UsageError, match=reason):
        make(at)
    assert made == []


@pytest.mark.parametrize(("answers", "fault"), [({"role": "slave"}, RefusedError), ({"write": "err"}, DbServerError)])
def test_a_file_that_is_not_of_the_server_s_own_content_is_not_read(
    programs: Programs, made: list[Past], answers: dict[str, str], fault: type[DbServerError]
) -> None:
    running(programs, **answers)
    with pytest.raises(fault):
        make()
    assert made == []
    assert programs.started("docker create") == []


def test_the_copy_is_taken_once_what_was_acknowledged_is_in_the_file(
    programs: Programs, made: list[Past], monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    running(programs)
    programs.answer("TIME", *(f"{NOW + second}\n0\n" for second in (0, 0, 1, 2, 3)))
    monkeypatch.setattr("time.sleep", waited.append)
    make("-0s")
    assert len(waited) == 2
    assert len(made) == 1
