"""What happens just before a container is created: its name is free, its files are there."""

from typing import Any

import pytest

from dbserver.docker import host
from dbserver.docker.host import Directory
from dbserver.redis import settings as redis_settings
from dbserver.redis.settings import Persistence
from infra import preparation
from infra.container import ContainerPlan
from tests.unit.fakes import NO_CONTAINER, POSTGRES_IMAGE, Programs, inspected, printed

MEMORY = 256 * 1024 * 1024


def plan(server: str) -> ContainerPlan:
    return ContainerPlan(server, f"db-server-{server}", POSTGRES_IMAGE, 1, 1, "/data/db-server", [], [], [])


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Record what is made on the host, in order."""
    done: list[Any] = []
    monkeypatch.setattr(host, "make_directory", lambda path, _: done.append(path))
    monkeypatch.setattr(host, "write_files", lambda path, files, _: done.append((path, dict(files))))
    return done


def test_a_container_under_our_name_is_stopped_gracefully_and_removed_without_its_volumes(programs: Programs) -> None:
    programs.answer("container inspect", printed(inspected()))
    programs.answer("docker stop", "")
    programs.answer("docker rm", "")
    preparation.take_over("db-server-postgres")
    assert [call.argv for call in programs.calls[1:]] == [
        ("docker", "stop", "--time", "60", "db-server-postgres"),
        ("docker", "rm", "db-server-postgres"),
    ]


def test_a_free_name_is_not_touched(programs: Programs) -> None:
    programs.answer("container inspect", NO_CONTAINER)
    preparation.take_over("db-server-postgres")
    assert len(programs.calls) == 1


def test_the_directory_and_the_files_are_there_before_the_container(programs: Programs, written: list[Any]) -> None:
    programs.answer("container inspect", NO_CONTAINER)
    preparation.prepare_container(plan("postgres"), {"postgresql.conf": "text"})
    assert written == ["/data/db-server/postgres", ("/data/db-server/config/postgres", {"postgresql.conf": "text"})]


@pytest.mark.parametrize(
    ("files", "wanted", "first"),
    [
        ((), "append-only", "yes"),
        ((), "snapshot", "no"),
        (("dump.rdb",), "append-only", "no"),
        (("dump.rdb", "appendonlydir"), "snapshot", "yes"),
        # The one file of Redis before 7; a newer Redis told not to append starts without what it holds.
        (("appendonly.aof",), "snapshot", "yes"),
        (("dump.rdb", "appendonly.aof"), "append-only", "yes"),
    ],
)
def test_redis_starts_under_the_persistence_of_the_data_that_is_there(
    programs: Programs,
    written: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    files: tuple[str, ...],
    wanted: Persistence,
    first: str,
) -> None:
    programs.answer("container inspect", NO_CONTAINER)
    there = Directory("/data/db-server/redis", exists=True, owners=tuple((name, 999) for name in files))
    monkeypatch.setattr(host, "inspect_directory", lambda *_: there)
    preparation.prepare_redis(plan("redis"), redis_settings.derived(MEMORY, "noeviction", wanted))
    assert f"\nappendonly {first}\n" in written[1][1]["redis.conf"]
