"""What a new cluster is told: nothing of it depends on the image's base system."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from dbserver import contract
from dbserver.plan import Names, container_plan
from dbserver.postgres import initialising
from tests.unit.fakes import Programs

NAMES = Names("/data", "/backups", "nginx-network", "dbadmin", "db-server-postgres")
PLAN = container_plan(contract.POSTGRES, NAMES, "db-server-postgres", "postgres:17", 5432, 1024)
OLDER = (
    "--encoding=UTF8 --data-checksums --auth-host=scram-sha-256"
    " --locale=C --lc-ctype=C.UTF-8 --text-search-config=english"
)


@pytest.mark.parametrize("major", ["17", "18", "20"])
def test_text_is_ordered_by_postgresql_itself_where_it_can(major: str) -> None:
    builtin = "--auth-host=scram-sha-256 --locale-provider=builtin --builtin-locale=C.UTF-8"
    assert initialising.arguments(major) == OLDER.replace("--auth-host=scram-sha-256", builtin)


@pytest.mark.parametrize("major", ["15", "16", "", "9.6"])
def test_an_older_server_orders_text_by_its_bytes(major: str) -> None:
    assert initialising.arguments(major) == OLDER


def test_the_environment_is_the_container_s_but_for_what_initdb_is_told() -> None:
    made, own = initialising.environment(PLAN, "17"), set(PLAN.environment)
    assert {each for each in made if each not in own} == {f"POSTGRES_INITDB_ARGS={initialising.arguments('17')}"}
    assert len(made) == len(PLAN.environment)


def test_a_cluster_is_made_by_root_on_no_network_with_nothing_but_its_own_directories() -> None:
    argv = initialising.command(PLAN, "17")
    assert {argv[i + 1] for i, word in enumerate(argv) if word == "--volume"} == {
        "/data/postgres:/target", "/data/postgres/.db-server-unfinished:/var/lib/postgresql/data",
        "/data/config/postgres:/etc/postgresql:ro",
    }  # fmt: skip
    assert argv[argv.index("--network") + 1] == "none"
    assert argv[-len(PLAN.command) - 1 :] == ["--", *PLAN.command]


def test_data_that_is_there_is_not_looked_at_again(
    programs: Programs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    plan = replace(PLAN, data_root=str(tmp_path))
    (tmp_path / "postgres").mkdir()
    programs.answer("docker run", "")
    initialising.initialise(plan, "17")
    (tmp_path / "postgres" / "PG_VERSION").write_text("17\n")
    initialising.initialise(plan, "17")
    assert len(programs.started("docker run")) == 1
