"""What happens just before a container is created: its name is free, its files are there."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dbserver.docker import host
from dbserver.docker.host import Directory
from dbserver.redis import access
from dbserver.redis import settings as redis_settings
from dbserver.redis.settings import Persistence
from infra import preparation
from infra.container import ContainerPlan
from tests.unit.fakes import NO_CONTAINER, POSTGRES_IMAGE, Failed, Programs, inspected, printed

MEMORY = 256 * 1024 * 1024


def plan(server: str) -> ContainerPlan:
    return ContainerPlan(server, f"db-server-{server}", POSTGRES_IMAGE, 1, 1, "/data/db-server", [], [], [])


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Record what is made on the host, in order."""
    done: list[Any] = []
    monkeypatch.setattr(host, "make_directory", lambda path, _: done.append(path))
    monkeypatch.setattr(host, "write_files", lambda path, files, _, **__: done.append((path, dict(files))))
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
    preparation.prepare_redis(
        plan("redis"), redis_settings.derived(MEMORY, "noeviction", wanted), "dbadmin", is_open=True
    )
    assert f"\nappendonly {first}\n" in written[1][1]["redis.conf"]


def prepared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, is_open: bool = True) -> Path:
    """Prepare Redis on a directory of this test; return where its files are."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    made = replace(plan("redis"), data_root=str(tmp_path))
    preparation.prepare_redis(
        made, redis_settings.derived(MEMORY, "noeviction", "none"), "dbadmin", is_open=is_open
    )  # fmt: skip
    return tmp_path / "config" / "redis"


def test_the_password_of_redis_administrator_is_private_and_its_rules_know_it(
    programs: Programs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    programs.answer("container inspect", NO_CONTAINER)
    files = prepared(monkeypatch, tmp_path)
    password = (files / "admin-password").read_text()
    assert (files / "admin-password").stat().st_mode & 0o777 == 0o600
    assert len(password) >= 32
    assert (files / "users.acl").read_text() == access.rules("dbadmin", [access.hashed(password)], None)


def test_where_access_is_by_password_nobody_may_do_anything_before_the_tenants_are_there(
    programs: Programs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    programs.answer("container inspect", NO_CONTAINER)
    files = prepared(monkeypatch, tmp_path, is_open=False)
    assert (files / "users.acl").read_text().splitlines()[1].endswith("-@all +ping")


def test_the_password_and_the_users_of_a_container_before_stay(
    programs: Programs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    programs.answer("container inspect", NO_CONTAINER)
    files = prepared(monkeypatch, tmp_path)
    before = [(files / name).read_text() for name in ("admin-password", "users.acl")]
    prepared(monkeypatch, tmp_path, is_open=False)
    assert [(files / name).read_text() for name in ("admin-password", "users.acl")] == before


def test_rules_that_were_lost_are_made_again_for_the_password_that_is_there(
    programs: Programs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Killed between the two files; with other rules no operation could log in any more."""
    programs.answer("container inspect", NO_CONTAINER)
    files = prepared(monkeypatch, tmp_path)
    (files / "users.acl").unlink()
    prepared(monkeypatch, tmp_path)
    password = (files / "admin-password").read_text()
    assert access.hashed(password) in (files / "users.acl").read_text()


def test_postgres_gets_its_settings_and_who_may_connect(programs: Programs, written: list[Any]) -> None:
    programs.answer("container inspect", NO_CONTAINER)
    programs.answer("network inspect", Failed("Error response from daemon: network n not found"))
    preparation.prepare_postgres(plan("postgres"), {"work_mem": "4MB"}, "dbadmin", "n")
    assert set(written[1][1]) == {"postgresql.conf", "pg_hba.conf"}
