"""Every reason not to begin, with its way out, and every case that is none."""

from typing import Any

import pytest

from dbserver import refusals
from dbserver.docker.host import Directory, Occupant
from dbserver.docker.images import Image
from dbserver.docker.networks import Network
from dbserver.docker.ports import Holder
from tests.unit.fakes import POSTGRES_IMAGE, container

GIB = 1024**3
PATH = "/data/db-server/postgres"


def directory(**changes: Any) -> Directory:
    values: dict[str, Any] = {"exists": True, "filled": True, "free_bytes": 50 * GIB, "server_uid": 999}
    return Directory(PATH, **{**values, **changes})


def judged(server: str = "postgres", own: Any = None, **changes: Any) -> list[str]:
    return refusals.directory(server, directory(**changes), POSTGRES_IMAGE, own)


def test_a_missing_network_is_refused_with_the_command_that_creates_it() -> None:
    reason = "network nginx-network does not exist; create it: docker network create nginx-network"
    assert refusals.network("nginx-network", None, create=False) == [reason]


def test_a_network_that_is_there_or_will_be_made_is_no_reason() -> None:
    assert refusals.network("n", Network("n", "id", "bridge", ()), create=False) == []
    assert refusals.network("n", None, create=True) == []


def test_the_server_of_another_stack_is_refused_and_that_stack_named() -> None:
    own = container(labels={"com.database.stack": "prod"})
    reason = "container db-server-postgres belongs to stack prod; give this stack other containerNames, ports and data"
    assert refusals.owners([own], "unit", "dbadmin") == [reason]


def test_another_administrator_than_the_data_knows_is_refused_with_the_name_to_set() -> None:
    named = "the data in db-server-postgres knows its administrator as dbadmin; set postgres.adminUser to dbadmin"
    assert refusals.owners([container()], "unit", "boss") == [named]
    assert refusals.owners([container(labels={})], "unit", "boss") == [named], "nor is a container to be taken over"


@pytest.mark.parametrize(
    "own",
    [
        None,
        container(),
        container(labels={}),
        container(labels={"com.database.stack": ""}),
        container(environment={}),
        container(state="exited"),
    ],
    ids=["no container", "ours", "a stranger's", "an empty label", "no administrator in it, as Redis", "stopped"],
)
def test_our_own_server_and_one_that_belongs_to_no_stack_are_no_reason(own: Any) -> None:
    assert refusals.owners([own] if own else [], "unit", "dbadmin") == []


def test_every_container_that_is_not_ours_is_named() -> None:
    foreign = {"com.database.stack": "prod"}
    existing = [container(name="a", labels=foreign), container(name="b"), container(name="c", labels=foreign)]
    assert [reason.split()[1] for reason in refusals.owners(existing, "unit", "dbadmin")] == ["a", "c"]


def test_a_taken_port_names_each_holder_and_the_way_out() -> None:
    assert refusals.port(5432, [Holder("container old-db"), Holder("postgres (pid 7)")]) == [
        "port 5432 is taken by container old-db; stop it, or set another port in the configuration",
        "port 5432 is taken by postgres (pid 7); stop it, or set another port in the configuration",
    ]
    assert refusals.port(5432, []) == []


def test_an_address_that_the_host_does_not_have_is_refused_and_unknown_ones_are_not() -> None:
    assert refusals.address("10.0.0.5", ["192.0.2.2", "10.0.0.6"]) == [
        "tls.address 10.0.0.5 is no address of this host; it has 10.0.0.6, 192.0.2.2"
    ]
    assert refusals.address("10.0.0.5", ["10.0.0.5"]) == []
    assert refusals.address("10.0.0.5", []) == []


@pytest.mark.parametrize(
    ("own", "held"),
    [(None, False), (container(), True), (container(state="exited"), False), (container(published=()), False)],
    ids=["no container", "ours runs", "ours is stopped", "ours publishes nothing"],
)
def test_a_port_is_ours_only_while_our_container_runs(*, own: Any, held: bool) -> None:
    assert refusals.publishes(own, 5432) is held


def test_another_port_of_our_container_is_not_this_one() -> None:
    assert refusals.publishes(container(), 6379) is False


@pytest.mark.parametrize(
    ("own", "settled"),
    [
        (container(), True),
        (None, False),
        (container(state="exited"), False),
        (container(labels={}), False),
        (container(mounts={}), False),
        (container(mounts={"/var/lib/postgresql/data": "/elsewhere"}), False),
    ],
    ids=["as declared", "none", "stopped", "another image", "no mount", "another directory"],
)
def test_only_our_container_with_this_image_on_this_directory_needs_no_look(*, own: Any, settled: bool) -> None:
    assert refusals.settled(own, POSTGRES_IMAGE, PATH, "postgres") is settled


def test_good_data_and_an_empty_directory_are_no_reason() -> None:
    assert judged(version="17", owners=(("PG_VERSION", 999),)) == []
    assert judged(exists=False, filled=False, server_uid=-1) == []


def test_data_of_another_major_version_is_refused_with_the_image_that_reads_it() -> None:
    reason = f"{PATH} holds data of PostgreSQL 18, the image postgres:17 is 17: it would not start;"
    assert judged(version="18") == [f"{reason} set postgres.image to postgres:18"]


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("example.com/postgres:17.6-alpine", "example.com/postgres:18-alpine"),
        ("db-server-stand-in/postgres:17", "postgres:18"),
        ("company/database:prod", "the same one of version 18"),
    ],
)
def test_the_image_that_reads_the_data_is_of_the_same_build(name: str, way: str) -> None:
    (reason,) = refusals.directory("postgres", directory(version="18"), Image(name, "sha256:1", "17"), None)
    assert reason.endswith(f"set postgres.image to {way}")


def test_a_newer_image_is_refused_with_the_verb_that_upgrades() -> None:
    found = refusals.directory("postgres", directory(version="17"), Image("postgres:18", "sha256:18", "18"), None)
    assert [reason.endswith("; ./scripts/dbserver upgrade postgres --to 18 brings it there") for reason in found] == [
        True
    ]


@pytest.mark.parametrize("exists", [True, False])
def test_no_new_server_is_made_where_the_data_stands_beside(*, exists: bool) -> None:
    beside = ("postgres.17-20261123t140507z",)
    reasons = judged(exists=exists, filled=False, beside=beside)
    assert [f"{PATH} holds no data, {beside[0]} beside it does" in reason for reason in reasons] == [True]
    assert judged("redis", exists=exists, filled=False, beside=beside) == []
    assert judged(version="17", beside=beside) == []


def test_no_new_server_is_made_where_the_archive_has_the_lost_one() -> None:
    (reason,) = refusals.archived(PATH, "/srv/archive")
    assert f"{PATH} holds no data, the archive /srv/archive does; ./scripts/dbserver restore --all" in reason


def test_the_version_of_postgres_is_no_matter_for_redis() -> None:
    assert judged("redis", version="16") == []


@pytest.mark.parametrize("uid", [0, 1000])
def test_data_of_another_owner_is_refused_with_the_command_that_hands_it_over(uid: int) -> None:
    assert judged(owners=(("PG_VERSION", uid),)) == [
        f"{PATH}/PG_VERSION belongs to uid {uid}, the server runs as 999; chown -R 999 {PATH}"
    ]


@pytest.mark.parametrize(("uid", "refused"), [(0, False), (999, False), (1000, True)])
def test_redis_hands_over_files_of_root_itself_but_no_others(*, uid: int, refused: bool) -> None:
    assert bool(judged("redis", owners=(("dump.rdb", uid),))) is refused


def test_a_directory_in_use_by_another_container_is_refused_and_the_container_named() -> None:
    occupant = Occupant(4711, "f" * 64, "postgres -D /x ")
    reason = f"{PATH} is in use by process 4711 (postgres -D /x) of container ffffffffffff;"
    way_out = "a second server would destroy the data: stop the first one"
    assert judged(own=container(), occupants=(occupant,)) == [f"{reason} {way_out}"]


def test_a_directory_in_use_by_a_process_of_the_host_is_refused() -> None:
    assert judged(own=container(), occupants=(Occupant(4711, "", "postgres"),)) == [
        f"{PATH} is in use by process 4711 (postgres); a second server would destroy the data: stop the first one"
    ]


def test_our_own_container_may_use_its_directory() -> None:
    assert judged(own=container(), occupants=(Occupant(4711, "c" * 64, "postgres"),)) == []


@pytest.mark.parametrize(("free", "refused"), [(GIB - 1, True), (GIB, False)])
def test_less_than_a_gibibyte_of_room_is_refused(*, free: int, refused: bool) -> None:
    reason = f"{PATH}: only 1023 MB free, at least 1024 MB are needed"
    assert judged(free_bytes=free) == ([reason] if refused else [])


def test_all_reasons_of_a_directory_are_told_at_once() -> None:
    found = judged(version="16", owners=(("PG_VERSION", 1),), occupants=(Occupant(1, "", "x"),), free_bytes=0)
    assert len(found) == 4


REDIS_7 = Image("redis:7", "sha256:7", "7")


@pytest.mark.parametrize(
    ("newer", "known", "way"),
    [
        ("8.0.2", "Redis 8.0.2", "set redis.image to redis:8"),
        ("unknown", "a newer Redis", "set redis.image to it"),
    ],
)
def test_data_of_a_newer_redis_is_refused_with_the_image_that_reads_it(newer: str, known: str, way: str) -> None:
    reason = f"{PATH} holds data of {known}, which the image redis:7 cannot read: it would not start; {way}"
    assert refusals.directory("redis", directory(newer=newer), REDIS_7, None) == [reason]


@pytest.mark.parametrize(
    ("label", "state", "refused"),
    [("8", "running", True), ("7", "running", False), ("8", "exited", False), ("", "running", False)],
)
def test_a_newer_redis_that_runs_is_not_replaced_by_an_older_one(*, label: str, state: str, refused: bool) -> None:
    own = container(name="db-server-redis", state=state, labels={"com.database.version": label})
    assert bool(refusals.directory("redis", directory(), REDIS_7, own)) == refused


@pytest.mark.parametrize(("server", "oldest"), [("postgres", 15), ("redis", 7)])
def test_an_image_older_than_any_that_was_tried_is_refused(server: str, oldest: int) -> None:
    assert refusals.version(server, Image("x", "sha256:x", str(oldest))) == []
    assert refusals.version(server, Image("x:latest", "sha256:x", "")) == []
    (reason,) = refusals.version(server, Image(f"x:{oldest - 1}", "sha256:x", str(oldest - 1)))
    assert reason.endswith(f"{server} has to be {oldest} or newer: set {server}.image")


def test_a_context_that_the_engine_does_not_know_is_refused_with_the_variable_that_it_knows() -> None:
    assert refusals.context("", "unix:///var/run/docker.sock") == []
    (reason,) = refusals.context("far", "tcp://far:2376")
    assert "context far" in reason
    assert reason.endswith("export DOCKER_HOST=tcp://far:2376")
