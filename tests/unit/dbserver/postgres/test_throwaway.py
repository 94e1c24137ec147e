"""The throwaway server: made as the stack makes its own, on no network, with what it may not change read-only."""

import pytest

from dbserver import contract, readiness
from dbserver.docker import host
from dbserver.docker.images import Image
from dbserver.errors import DbServerError
from dbserver.plan import Names, container_plan
from dbserver.postgres import initialising, throwaway
from dbserver.postgres.server import Server
from tests.unit.fakes import NO_CONTAINER, Clock, Failed, Programs

NAMES = Names("/data", "/backups", "nginx-network", "dbadmin", "db-server-postgres")
PLAN = container_plan(contract.POSTGRES, NAMES, "db-server-postgres", "postgres:17", 5432, 1024)
IMAGE = Image("postgres:18", "sha256:18", "18")


def test_it_is_a_first_start_of_the_stack_in_a_directory_of_its_own() -> None:
    argv = throwaway.run(PLAN, IMAGE, "/data/postgres.new", "prod")
    text = " ".join(argv)
    assert "--name db-server-postgres-upgrade --network none --label com.database.upgrade=prod" in text
    assert "type=bind,source=/data/postgres.new,target=/var/lib/postgresql/data" in argv
    assert "type=bind,source=/data/config/postgres,target=/etc/postgresql,readonly" in argv
    assert "type=bind,source=/backups,target=/backups,readonly" in argv
    assert "source=/data/postgres," not in text
    assert {argv[i + 1] for i, word in enumerate(argv) if word == "--env"} == set(initialising.environment(PLAN, "18"))
    assert argv[argv.index("postgres:18") + 1 :][: len(PLAN.command)] == list(PLAN.command)
    assert "synchronous_standby_names=" in argv, "or its first commits would wait for an archive that it has not"
    assert {"--read-only", "no-new-privileges:true", "/var/run/postgresql:mode=1777"} <= set(argv)
    assert "--publish" not in argv
    assert "--restart" not in argv


def test_a_plan_without_a_limit_of_memory_has_none() -> None:
    plan = container_plan(contract.POSTGRES, NAMES, "db-server-postgres", "postgres:17", 5432, 0)
    assert "--memory" not in throwaway.run(plan, IMAGE, "/data/postgres.new", "prod")


def test_it_is_gone_afterwards_where_it_does_not_start_too(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "time", Clock())
    monkeypatch.setattr(host, "make_directory", lambda *_: None)
    programs.answer("docker run", "")
    programs.answer("pg_isready", Failed("no"))
    programs.answer("container inspect", NO_CONTAINER)
    programs.answer("docker rm", "")
    with (
        pytest.raises(DbServerError, match="postgres:18 does not start with the settings of the stack"),
        throwaway.running(PLAN, IMAGE, "dbadmin", "/data/postgres.new", "prod"),
    ):
        pass
    assert len(programs.started("docker rm --force --volumes db-server-postgres-upgrade")) == 1


def test_overrides_go_through_standard_input_before_a_restart(programs: Programs) -> None:
    programs.answer("docker exec", "")
    programs.answer("docker restart", "")
    throwaway.take_overrides(Server("x-upgrade", "dbadmin"), IMAGE, "work_mem = '8MB'")
    first, second = programs.calls[:2]
    assert first.stdin == "work_mem = '8MB'\n"
    assert second.argv[:2] == ("docker", "restart")
