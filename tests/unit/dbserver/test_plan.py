"""What a container shall be, and what of a real one is not as planned."""

from dataclasses import fields, replace
from typing import Any

import pytest

from dbserver import plan
from dbserver.docker import containers
from dbserver.docker.containers import Container, HealthCheck, Published
from dbserver.docker.privileges import Privileges
from dbserver.plan import ContainerPlan, Names, container_plan
from tests.unit.fakes import IDENTITY, Programs, as_planned, printed

NAMES = Names("/data/db-server", "/srv/backups", "nginx-network", "dbadmin", "db-server-postgres")
POSTGRES = container_plan("postgres", NAMES, "db-server-postgres", "postgres:17", 5432, 1024**3)
REDIS = container_plan("redis", NAMES, "db-server-redis", "redis:8", 6379, 256 * 1024**2)
ANOTHER = f"sha256:{'b' * 64}"


def real(programs: Programs, wanted: ContainerPlan, **changes: Any) -> Container:
    """Return a container as planned, read from what Docker prints of it, with changes."""
    programs.answer("container inspect", printed(as_planned(wanted)))
    return replace(containers.inspect([wanted.name])[wanted.name], **changes)


@pytest.mark.parametrize("wanted", [POSTGRES, REDIS], ids=["postgres", "redis"])
def test_a_container_as_planned_has_no_differences(programs: Programs, wanted: ContainerPlan) -> None:
    found = real(programs, wanted)
    assert plan.differences(wanted, found) == []
    assert plan.differences(wanted, found, IDENTITY) == []
    assert plan.replacing(wanted, found, IDENTITY) == []


CHANGED = {
    "command": ({"command": ("postgres",)}, "command: ['postgres'], declared is ['postgres', '-c', 'config_file="),
    "environment": ({"environment": {"PGDATA": "/elsewhere"}}, "environment: {'PGDATA': '/elsewhere', "),
    "volumes": (
        {"mounts": {"/var/lib/postgresql/data": "/elsewhere"}},
        "volumes: {'/var/lib/postgresql/data': '/elsewhere'}, declared is {'/var/lib/postgresql/data': '/data/",
    ),
    "health check": (
        {"health_check": HealthCheck(("CMD", "true"), 10, 5, 60, 5)},
        ("health check: CMD true (every 10 s, within 5 s, 5 retries, 60 s to start), "
        "declared is CMD pg_isready -U dbadmin -d postgres (every 5 s, within 5 s, 5 retries, 60 s to start)"),
    ),
    "no health check": ({"health_check": None}, "health check: None, declared is CMD pg_isready"),
    "another network": ({"networks": ("a", "nginx-network")}, "networks: ['a', 'nginx-network'], declared is ['nginx-"),
    "network alias": ({"aliases": ("db",)}, "network alias: none, declared is postgres"),
    "published port": (
        {"published": (Published("5432/tcp", "0.0.0.0", 5432),)},
        "published port: 0.0.0.0:5432->5432/tcp, declared is 127.0.0.1:5432->5432/tcp",
    ),
    "a volume that may be written to": ({"unwritable": ()}, "volumes that are only read: none, declared is /etc/post"),
    "shared memory": ({"shared_memory": 64 * 1024**2}, "shared memory: 67108864, declared is 1073741824"),
    "log": (
        {"log": ("json-file", "max-size=10m")}, "log: json-file, max-size=10m, declared is json-file, max-file=3, max-s"
    ),
    "time to stop": ({"stop_seconds": 0}, "seconds to stop: 0, declared is 60"),
    "privileges": (
        {"privileges": Privileges((), (), (), read_only=False, core=None)},
        ("privileges: capabilities none, dropped none; none; root writable, in memory none; core None, declared is "
        "capabilities CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_SETGID CAP_SETUID, dropped ALL; "
        "no-new-privileges:true; root read-only, in memory /root /tmp; core 0"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "told"), CHANGED.values(), ids=CHANGED)
def test_each_property_that_differs_is_told_with_both_values_and_replaces_the_container(
    programs: Programs, changes: dict[str, Any], told: str
) -> None:
    found = real(programs, POSTGRES, **changes)
    texts = plan.differences(POSTGRES, found)
    assert len(texts) == 1
    assert texts[0].startswith(told)
    assert plan.replacing(POSTGRES, found, IDENTITY) == texts


def test_redis_answers_nobody_beyond_the_host_unless_it_is_reached_from_outside(programs: Programs) -> None:
    limited = {"net.ipv4.ip_default_ttl": "1"}
    assert (POSTGRES.sysctls, REDIS.sysctls, replace(REDIS, address="10.0.0.5").sysctls) == ({}, limited, {})
    told = ["sysctls: {}, declared is {'net.ipv4.ip_default_ttl': '1'}"]
    found = real(programs, REDIS, sysctls={})
    assert plan.differences(REDIS, found) == plan.replacing(REDIS, found, IDENTITY) == told


# Another value of each field that a plan has.
OTHER: dict[str, Any] = {
    "server": "redis", "image": "postgres:18", "port": 1, "memory": 1, "data_root": "/other", "backups": "/other",
    "network": "other", "project": "other", "health_check": None, "command": ("other",), "environment": ("A=1",),
    "address": "10.0.0.5", "restart": "no", "processes": 1, "shared_memory": 1, "log_driver": "none", "log_options": {},
    "stop_seconds": 1,
}  # fmt: skip


@pytest.mark.parametrize("name", [field.name for field in fields(ContainerPlan) if field.name != "name"])
def test_every_field_of_a_plan_but_the_name_by_which_it_was_found_is_compared(programs: Programs, name: str) -> None:
    assert plan.differences(replace(POSTGRES, **{name: OTHER[name]}), real(programs, POSTGRES))


def test_an_address_is_published_where_the_server_speaks_tls_and_its_absence_is_a_difference(
    programs: Programs,
) -> None:
    planned = replace(POSTGRES, address="10.0.0.5")
    assert planned.published == (("5432/tcp", "127.0.0.1", 5432), ("5432/tcp", "10.0.0.5", 5432))
    assert replace(planned, server="redis").published[1] == ("6390/tcp", "10.0.0.5", 5432)
    assert plan.differences(planned, real(programs, POSTGRES, published=planned.published[::-1])) == []
    assert plan.replacing(planned, real(programs, POSTGRES), IDENTITY) == [
        "published port: 127.0.0.1:5432->5432/tcp, declared is 10.0.0.5:5432->5432/tcp, 127.0.0.1:5432->5432/tcp"
    ]


def test_ports_stand_in_the_order_in_which_docker_tells_them_of_a_container_that_stays(programs: Programs) -> None:
    for address, low_first in (("9.0.0.1", ["9.0.0.1", "127.0.0.1"]), ("192.0.2.2", ["127.0.0.1", "192.0.2.2"])):
        planned = replace(POSTGRES, address=address)
        for told in (planned.published, planned.published[::-1]):
            running = real(programs, POSTGRES, published=told, bindings=told)
            assert plan.in_order(planned, running) == told
        stopped = real(programs, POSTGRES, published=planned.published, bindings=())
        assert [each.address for each in plan.in_order(planned, stopped)] == low_first
        assert [each.address for each in plan.in_order(planned, None)] == low_first[::-1]
    redis = replace(POSTGRES, server="redis", address="10.0.0.5")
    assert [each.inner for each in plan.in_order(redis, None)] == ["6379/tcp", "6390/tcp"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"memory": 0}, "memory limit: 0, declared is 1073741824"),
        ({"swap": -1}, "memory with swap: -1, declared is 1073741824"),
        ({"restart_policy": "no"}, "restart policy: no, declared is always"),
        ({"pids": 0}, "limit of processes: 0, declared is 12000"),
    ],
)
def test_what_the_provider_changes_in_place_is_a_difference_that_replaces_nothing(
    programs: Programs, changes: dict[str, Any], told: str
) -> None:
    found = real(programs, POSTGRES, **changes)
    assert plan.differences(POSTGRES, found) == [told]
    assert plan.replacing(POSTGRES, found, IDENTITY) == []


def test_another_image_is_a_difference(programs: Programs) -> None:
    found = real(programs, POSTGRES, image="postgres:16")
    assert plan.differences(POSTGRES, found) == ["image: postgres:16, declared is postgres:17"]


def test_a_new_image_under_the_same_name_is_one_too_where_it_is_here(programs: Programs) -> None:
    found = real(programs, POSTGRES)
    assert plan.differences(POSTGRES, found, ANOTHER) == [f"image identity: {IDENTITY}, declared is {ANOTHER}"]
    assert plan.replacing(POSTGRES, found, ANOTHER) == plan.differences(POSTGRES, found, ANOTHER)


@pytest.mark.parametrize("planned", [POSTGRES, replace(POSTGRES, image="db-server-stand-in/postgres:17")])
@pytest.mark.parametrize("image", ["postgres:17", "db-server-stand-in/postgres:17"])
def test_a_stand_in_counts_as_the_image_it_stands_for(programs: Programs, planned: ContainerPlan, image: str) -> None:
    assert plan.differences(planned, real(programs, POSTGRES, image=image)) == []


@pytest.mark.parametrize(("label", "value"), [("com.database.server", "redis"), ("com.database.image", ANOTHER)])
def test_a_label_that_was_changed_is_told_by_its_name(programs: Programs, label: str, value: str) -> None:
    found = real(programs, POSTGRES)
    changed = replace(found, labels={**found.labels, label: value})
    assert plan.replacing(POSTGRES, changed, IDENTITY) == [f"label {label}: {value}, declared is {found.labels[label]}"]


def test_what_the_stack_does_not_declare_may_be_as_it_likes(programs: Programs) -> None:
    found = real(programs, REDIS)
    other = replace(
        found,
        environment={**found.environment, "TZ": "UTC"},
        labels={**found.labels, "com.example": "1"},
        aliases=(*found.aliases, "cache"),
        exit_code=1,
        state="exited",
    )
    assert plan.differences(REDIS, other) == []


def test_every_difference_is_told(programs: Programs) -> None:
    found = real(programs, REDIS, memory=1, image="redis:7", networks=())
    assert [text.partition(":")[0] for text in plan.differences(REDIS, found)] == ["image", "networks", "memory limit"]
    assert [text.partition(":")[0] for text in plan.replacing(REDIS, found, IDENTITY)] == ["image", "networks"]


def test_the_password_that_the_first_start_reads_is_one_that_nobody_knows() -> None:
    assert "POSTGRES_PASSWORD_FILE=/proc/sys/kernel/random/uuid" in POSTGRES.environment
