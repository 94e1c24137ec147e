"""What happens just before a container is created: its name is free, its files are there."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dbserver import contract
from dbserver.docker import certificate, host
from dbserver.docker.host import Directory
from dbserver.errors import CommandError, RefusedError
from dbserver.plan import ContainerPlan, Names, container_plan
from dbserver.redis import access
from dbserver.redis import settings as redis_settings
from dbserver.redis.settings import Persistence
from infra import preparation
from tests.unit.fakes import NO_CONTAINER, Failed, Programs, connected, inspected, network, postgres_row, printed

MEMORY = 256 * 1024 * 1024


def plan(server: str) -> ContainerPlan:
    names = Names("/data/db-server", "/srv/backups", "nginx-network", "dbadmin", "db-server-postgres")
    return container_plan(server, names, f"db-server-{server}", "postgres:17", 1, 1)


def taken_over(files: Mapping[str, str] | None = None) -> None:
    made = plan("postgres")
    directory = contract.data_directory(made.data_root, made.server)
    preparation.prepare_container(made, "dbadmin", files or {}, "", lambda: host.make_directory(directory, made.image))


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Record what is made on the host, in order."""
    done: list[Any] = []
    monkeypatch.setattr(host, "make_directory", lambda path, _: done.append(path))
    monkeypatch.setattr(host, "write_files", lambda path, files, _, **__: done.append((path, dict(files))))
    return done


@pytest.mark.usefixtures("written")
def test_a_container_under_our_name_is_stopped_gracefully_and_removed_without_its_volumes(programs: Programs) -> None:
    connected(programs)
    programs.answer("container inspect", printed(inspected()))
    programs.answer("CHECKPOINT", "")
    programs.answer("docker stop", "")
    programs.answer("docker rm", "")
    taken_over()
    assert programs.calls[-3].stdin == "CHECKPOINT;\n"
    assert [call.argv for call in programs.calls[-2:]] == [
        ("docker", "stop", "--time", "60", "db-server-postgres"),
        ("docker", "rm", "db-server-postgres"),
    ]


@pytest.mark.usefixtures("written")
def test_a_container_that_serves_application_containers_is_not_taken_over(programs: Programs) -> None:
    connected(programs, postgres_row("172.18.0.4", 5))
    programs.answer("container inspect", printed(inspected()))
    with pytest.raises(RefusedError) as caught:
        taken_over()
    assert caught.value.message == (
        f"{contract.REFUSED} taking over db-server-postgres: application containers are connected:"
        " shop-blue (blue) 5 to postgres"
    )
    assert not programs.started("docker stop")


def test_nothing_is_prepared_for_a_redis_that_is_not_taken_over(programs: Programs, written: list[Any]) -> None:
    connected(programs, redis=[("172.18.0.5", "default", 3)])
    programs.answer("container inspect", printed(inspected("db-server-redis")))
    with pytest.raises(RefusedError, match=r"shop-green \(green\) 1 to redis"):
        preparation.prepare_redis(plan("redis"), {}, "dbadmin", is_open=True)
    assert written == []


@pytest.mark.usefixtures("written")
def test_an_operator_may_let_a_take_over_cut_applications_off(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBSERVER_DISCONNECT_APPLICATIONS", "yes")
    connected(programs, postgres_row("172.18.0.4", 5))
    programs.answer("container inspect", printed(inspected()))
    programs.answer("CHECKPOINT", "")
    programs.answer("docker stop", "")
    programs.answer("docker rm", "")
    taken_over()
    assert len(programs.started("docker rm")) == 1


@pytest.mark.usefixtures("written")
def test_a_container_that_stands_still_serves_nobody_and_is_not_asked(programs: Programs) -> None:
    programs.answer("container inspect", printed(inspected(Status="exited")))
    programs.answer("docker stop", "")
    programs.answer("docker rm", "")
    taken_over()
    assert not programs.started("network inspect")


@pytest.mark.usefixtures("written")
def test_a_free_name_is_not_touched(programs: Programs) -> None:
    programs.answer("container inspect", NO_CONTAINER)
    taken_over()
    assert len(programs.calls) == 1


def test_the_directory_and_the_files_are_there_before_the_container(programs: Programs, written: list[Any]) -> None:
    programs.answer("container inspect", NO_CONTAINER)
    taken_over({"postgresql.conf": "text"})
    assert written == [("/data/db-server/config/postgres", {"postgresql.conf": "text"}), "/data/db-server/postgres"]


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
    monkeypatch.setattr(host, "direct", lambda: False)
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
    assert (files / "users.acl").read_text() == access.rules("dbadmin", access.hashed(password), None)


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
    programs.answer("docker run", "")
    preparation.prepare_postgres(plan("postgres"), {"work_mem": "4MB"}, "dbadmin", "n", "17")
    assert set(written[0][1]) == {"postgresql.conf", "pg_hba.conf"}


@pytest.mark.parametrize("filled", [True, False], ids=["data", "a new directory"])
def test_commits_wait_for_the_archive_from_the_start_but_not_while_new_data_is_made(
    programs: Programs, written: list[Any], monkeypatch: pytest.MonkeyPatch, *, filled: bool
) -> None:
    programs.answer("container inspect", NO_CONTAINER)
    programs.answer("network inspect", Failed("Error response from daemon: network n not found"))
    monkeypatch.setattr("dbserver.docker.host.held_files", lambda *_: {"PG_VERSION"} if filled else set())
    waiting = {"synchronous_standby_names": "db_server_archive", "work_mem": "4MB"}
    programs.answer("docker run", "")
    preparation.prepare_postgres(plan("postgres"), waiting, "dbadmin", "n", "17")
    assert ("synchronous_standby_names" in written[0][1]["postgresql.conf"]) == filled
    assert "work_mem" in written[0][1]["postgresql.conf"]


def test_the_cluster_is_made_once_its_settings_are_there_and_before_anybody_is_stopped(
    programs: Programs, written: list[Any]
) -> None:
    connected(programs)
    programs.answer("container inspect", printed(inspected()))
    programs.answer("CHECKPOINT", "")
    programs.answer("docker run", Failed("initdb: error: no room"))
    with pytest.raises(CommandError, match="no room"):
        preparation.prepare_postgres(plan("postgres"), {}, "dbadmin", "nginx-network", "17")
    assert [path for path, _ in written] == ["/data/db-server/config/postgres"]
    assert not programs.started("docker stop")


@pytest.mark.usefixtures("written")
def test_a_container_of_elsewhere_is_kept_for_the_way_back_where_adopt_says_so(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(contract.KEEP_VARIABLE, "yes")
    connected(programs)
    programs.answer("container inspect", printed(inspected()))
    for verb in ("CHECKPOINT", "docker update", "docker stop", "docker rename"):
        programs.answer(verb, "")
    taken_over()
    assert [call.argv for call in programs.calls[-3:]] == [
        ("docker", "update", "--restart", "no", "db-server-postgres"),
        ("docker", "stop", "--time", "60", "db-server-postgres"),
        ("docker", "rename", "db-server-postgres", "db-server-postgres-before-adoption"),
    ]


@pytest.mark.usefixtures("written")
def test_a_container_of_a_stack_is_never_kept(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(contract.KEEP_VARIABLE, "yes")
    connected(programs)
    entry = inspected()
    entry["Config"]["Labels"] = {contract.LABEL_STACK: "dev"}
    programs.answer("container inspect", printed(entry))
    programs.answer("CHECKPOINT", "")
    programs.answer("docker stop", "")
    programs.answer("docker rm", "")
    taken_over()
    assert len(programs.started("docker rm")) == 1


def test_whoever_has_the_name_serves_until_the_files_are_there(programs: Programs, written: list[Any]) -> None:
    connected(programs)
    programs.answer("container inspect", printed(inspected()))
    programs.answer("CHECKPOINT", "")
    programs.answer("docker stop", Failed("it does not stop"))
    with pytest.raises(CommandError):
        taken_over({"postgresql.conf": "text"})
    assert [each if isinstance(each, str) else each[0] for each in written] == [
        "/data/db-server/config/postgres", "/data/db-server/postgres",
    ]  # fmt: skip


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize("server", ["postgres", "redis"])
def test_the_certificate_is_there_before_the_container(
    programs: Programs, monkeypatch: pytest.MonkeyPatch, server: str
) -> None:
    done: list[Any] = []
    monkeypatch.setattr(certificate, "write", lambda *what: done.append(what))
    monkeypatch.setattr(host, "make_private_directory", lambda *_: None)
    monkeypatch.setattr(host, "make_closed_directory", lambda *_: None)
    monkeypatch.setattr(host, "held_files", lambda *_: set())
    programs.answer("container inspect", NO_CONTAINER)
    programs.answer("network inspect", network())
    programs.answer("docker run", "")
    for pem in ("", "key and certificate"):
        if server == "postgres":
            preparation.prepare_postgres(plan(server), {}, "dbadmin", "nginx-network", "17", pem)
        else:
            wanted = redis_settings.derived(MEMORY, "noeviction", "none")
            preparation.prepare_redis(plan(server), wanted, "dbadmin", pem, is_open=False)
    assert done == [(f"/data/db-server/config/{server}", "key and certificate", "postgres:17", server)]
