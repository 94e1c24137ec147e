"""The compose file and compose's labels: from the one plan, without a secret, and never over somebody else's file."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from dbserver import compose, contract
from dbserver.docker.images import Image
from dbserver.plan import ALLOCATOR, ContainerPlan, Names, container_plan
from tests.unit.fakes import IDENTITY, POSTGRES_IMAGE

NAMES = Names("/data/db-server", "/srv/backups", "nginx-network", "dbadmin", "db-server-postgres")
REDIS_IMAGE = Image("redis:8", f"sha256:{'b' * 64}", "8")
POSTGRES = container_plan("postgres", NAMES, "db-server-postgres", "postgres:17", 5432, 1024**3)
REDIS = container_plan("redis", NAMES, "db-server-redis", "redis:8", 6379, 256 * 1024**2)


def rendered(postgres: ContainerPlan = POSTGRES) -> str:
    return compose.render("unit", [(postgres, POSTGRES_IMAGE), (REDIS, REDIS_IMAGE)])


def document(postgres: ContainerPlan = POSTGRES) -> Any:
    return yaml.safe_load(rendered(postgres))


def test_the_file_says_what_the_integration_document_asks_for() -> None:
    found = document()
    assert found["name"] == "db-server-postgres"
    assert found["networks"] == {"shared": {"name": "nginx-network", "external": True}}
    for server in contract.SERVERS:
        service = found["services"][server]
        assert service["container_name"] == f"db-server-{server}"
        assert service["restart"] == "always"
        assert service["networks"] == {"shared": {"aliases": [server]}}


def test_an_address_for_tls_is_a_port_of_the_service() -> None:
    service = document(replace(POSTGRES, address="10.0.0.5"))["services"]["postgres"]
    assert service["ports"] == ["127.0.0.1:5432:5432", "10.0.0.5:5432:5432"]
    assert "sysctls" not in service


def test_a_service_is_the_plan_of_its_container() -> None:
    service = document()["services"]["redis"]
    assert service == {
        "image": "redis:8",
        "container_name": "db-server-redis",
        "command": list(REDIS.command),
        "environment": dict.fromkeys(("JE_MALLOC_CONF", "MALLOC_CONF"), ALLOCATOR),
        "labels": {
            "com.database.server": "redis", "com.database.version": "8", "com.database.stack": "unit",
            "com.database.image": REDIS_IMAGE.identity,
        },
        "restart": "always",
        "ports": ["127.0.0.1:6379:6379"],
        "volumes": [
            {"type": "bind", "source": "/data/db-server/redis", "target": "/data", "read_only": False},
            {"type": "bind", "source": "/data/db-server/config/redis", "target": "/usr/local/etc/redis",
             "read_only": True},
        ],
        "networks": {"shared": {"aliases": ["redis"]}},
        "healthcheck": {
            "test": [word.replace("$", "$$") for word in REDIS.health_check.test], "interval": "5s", "timeout": "5s",
            "start_period": "60s", "retries": 5,
        },
        "mem_limit": "256m",
        "memswap_limit": "256m",
        "shm_size": "1024m",
        "cap_drop": ["ALL"],
        "cap_add": ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID"],
        "security_opt": ["no-new-privileges:true"],
        "read_only": True,
        "tmpfs": ["/root:mode=0700,size=1m", "/tmp:mode=1777,size=64m"],
        "pids_limit": 12000,
        "sysctls": {"net.ipv4.ip_default_ttl": "1"},
        "ulimits": {"core": 0},
        "logging": {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}},
        "stop_grace_period": "60s",
    }  # fmt: skip


def test_what_compose_would_take_for_a_variable_is_written_so_that_it_does_not() -> None:
    odd = replace(POSTGRES, environment=["PGDATA=/a$b=c"], command=["postgres", "${x}"], backups="/srv/$HOME")
    service = document(odd)["services"]["postgres"]
    assert service["environment"] == {"PGDATA": "/a$$b=c"}
    assert service["command"] == ["postgres", "$${x}"]
    assert "/srv/$$HOME" in [volume["source"] for volume in service["volumes"]]


def test_the_labels_are_those_by_which_compose_finds_its_containers() -> None:
    found = compose.labels(POSTGRES, POSTGRES_IMAGE) | compose.place(Path("/srv/database-server"), "abc")
    assert found == {
        "com.docker.compose.project": "db-server-postgres",
        "com.docker.compose.service": "postgres",
        "com.docker.compose.container-number": "1",
        "com.docker.compose.oneoff": "False",
        "com.docker.compose.image": IDENTITY,
        "com.docker.compose.config-hash": "abc",
        "com.docker.compose.project.config_files": "/srv/database-server/docker-compose.yml",
        "com.docker.compose.project.working_dir": "/srv/database-server",
    }


def test_without_compose_there_is_a_hash_all_the_same_because_compose_overlooks_containers_without_one() -> None:
    assert compose.place(Path("/srv"), None)["com.docker.compose.config-hash"] == "unknown"


def test_what_compose_has_made_is_told_from_what_an_update_has_made() -> None:
    ours = compose.labels(POSTGRES, POSTGRES_IMAGE) | compose.place(Path("/srv"), "abc")
    assert not compose.made(ours)
    assert compose.made({**ours, "com.docker.compose.version": "2.26.1"})


def test_a_container_that_stays_keeps_what_names_a_checkout_and_a_version_of_compose() -> None:
    known = compose.place(Path("/elsewhere"), "old")
    made = {**compose.labels(POSTGRES, POSTGRES_IMAGE), **known, "com.docker.compose.version": "2.26.1"}
    assert compose.kept(made) == known


@pytest.mark.parametrize(
    ("container", "project"),
    [("db-server-postgres", "db-server-postgres"), ("Shop.DB_1", "shop-db_1")],
)
def test_the_project_is_named_after_a_container_in_letters_that_compose_takes(container: str, project: str) -> None:
    assert contract.compose_project(container) == project


def test_somebody_else_s_file_is_foreign_and_ours_is_not(tmp_path: Path) -> None:
    assert compose.foreign(tmp_path) == []
    (tmp_path / "docker-compose.yml").write_text(rendered())
    assert compose.foreign(tmp_path) == []
    (tmp_path / "docker-compose.yml").write_text("services: {}\n")
    (tmp_path / "compose.yaml").write_bytes(b"\xff")
    assert compose.foreign(tmp_path) == ["compose.yaml", "docker-compose.yml"]


def test_what_cannot_be_read_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "docker-compose.yml").mkdir()
    assert compose.foreign(tmp_path) == ["docker-compose.yml"]


def test_a_file_that_is_not_as_declared_is_stale_and_that_of_another_stack_is_not(tmp_path: Path) -> None:
    text, path = rendered(), tmp_path / "docker-compose.yml"
    assert compose.stale(tmp_path, text) == "is missing"
    path.write_text(text)
    assert compose.stale(tmp_path, text) == ""
    path.write_text(text.replace("1024m", "64m"))
    assert compose.stale(tmp_path, text) == "is not as declared"
    path.write_text(text.replace("Pulumi.unit.yaml", "Pulumi.other.yaml"))
    assert compose.stale(tmp_path, text) == ""
