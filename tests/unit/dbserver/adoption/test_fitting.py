"""What of an installation does not fit: each reason names what to do, and nothing else is a reason."""

from dataclasses import replace
from typing import Any

import pytest

from dbserver.adoption import fitting
from dbserver.adoption.found import Database, Postgres, Redis
from dbserver.docker.containers import Published
from tests.unit.dbserver.adoption.installed import (
    connected,
    container,
    database,
    installation,
    postgres,
    redis,
    role,
)

CRYPTO = database("crypto_ai_agent", "crypto")
PUBLISHED = Published("5432/tcp", "", 5432)


def refused(found: Postgres, other: Redis | None = None, left_out: tuple[str, ...] = (), **flags: bool) -> list[str]:
    allow = {"allow_open": False, **flags}
    return fitting.refusals(installation(found, other or redis()), left_out, **allow)


def only(reasons: list[str], *words: str) -> None:
    assert len(reasons) == 1, reasons
    assert [word for word in words if word not in reasons[0]] == [], reasons[0]


def test_the_original_fits() -> None:
    found = postgres(CRYPTO, database("postgres", "dbadmin"), database("dbadmin", "dbadmin"))
    assert refused(found) == []
    assert [each.name for each in fitting.declared(found, ())] == ["crypto_ai_agent"]


def test_data_on_a_volume_are_refused_with_the_copy_that_moves_them() -> None:
    mount = {"/var/lib/postgresql/data": "/var/lib/docker/volumes/pg/_data"}
    found = replace(postgres(CRYPTO), container=container("postgres", "", 5432, mounts=mount, binds={}))
    only(refused(found), "volume", "docker cp -a db-server-postgres:/var/lib/postgresql/data /data/db-server/postgres")


def test_data_deeper_than_the_mount_are_refused_with_the_place_where_they_have_to_be() -> None:
    found = postgres(CRYPTO, data_directory="/var/lib/postgresql/data/pgdata")
    reasons = refused(found)
    assert "/data/db-server/postgres/pgdata" in reasons[0]
    assert "/data/db-server/postgres/postgres" in reasons[0]


def test_data_in_two_places_are_refused() -> None:
    mount = {"/data": "/srv/redis"}
    other = replace(redis(), container=container("redis", "", 6379, mounts=mount, binds=mount))
    only(refused(postgres(CRYPTO), other), "/data/db-server and /srv")


def test_a_name_that_means_another_image_by_now_is_refused() -> None:
    only(refused(replace(postgres(CRYPTO), image_id="sha256:2")), "docker tag sha256:1 postgres:15")


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"recovery": True}, "standby"),
        ({"standbys": 1}, "standbys"),
        ({"tablespaces": ["fast"]}, "fast"),
        ({"methods": ["scram-sha-256", "trust"]}, "lets clients in by trust"),
    ],
)
def test_a_server_that_the_stack_could_not_run_as_it_is_is_refused(told: dict[str, Any], words: str) -> None:
    only(refused(postgres(CRYPTO, **told)), words)


def test_a_password_that_could_not_log_in_any_more_is_refused() -> None:
    only(refused(postgres(CRYPTO, roles=(role("crypto", verifier="md5abc"),))), "passwords of crypto", "md5")


@pytest.mark.parametrize(("address", "count"), [("172.18.0.4", 1), ("172.18.0.1", 0), ("127.0.0.1", 0), ("", 0)])
def test_an_application_that_comes_as_the_administrator_is_refused_but_not_the_host(address: str, count: int) -> None:
    reasons = refused(postgres(CRYPTO, connected=[connected("crypto_ai_agent", "dbadmin", address)]))
    assert len(reasons) == count
    assert all("as the administrator dbadmin" in reason for reason in reasons)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (postgres(database("shop", "dbadmin")), "belongs to the superuser dbadmin"),
        (postgres(database("Shop", "shop")), "cannot be declared"),
        (postgres(database("_shop", "shop")), "no application's name"),
        (postgres(database("shop", "shop", public="")), "no schema public"),
        (postgres(database("shop", "shop"), roles=(role("shop", member_of=[{"role": "pg_monitor"}]),)), "pg_monitor"),
        (postgres(database("shop", "shop"), roles=(role("bi"),), connected=[connected("shop", "bi")]), "bi are conn"),
    ],
)
def test_a_database_that_does_not_fit_is_refused_or_left_out(found: Postgres, words: str) -> None:
    name = found.databases[0].name
    only(refused(found), words, f"--leave-out {name}")
    assert refused(found, left_out=(name,)) == []
    assert any(f"database {name} is left as it is" in line for line in notices(found, left_out=(name,)))


def test_one_owner_of_two_databases_is_refused() -> None:
    reasons = refused(postgres(database("shop", "app"), database("blog", "app")))
    assert [reason.partition(",")[0] for reason in reasons] == [
        "database shop belongs to app", "database blog belongs to app",
    ]  # fmt: skip


def test_leaving_out_what_is_not_there_is_refused() -> None:
    only(refused(postgres(CRYPTO), left_out=("shpo",)), "shpo", "no such database")


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (redis(info={"redis_version": "6.2.1"}), "too old"),
        (redis(info={"role": "slave"}), "replica"),
        (redis(users=("default", "shop")), "users of its own: shop"),
        (redis(dbfilename="other.rdb"), "dbfilename is other.rdb, and has to be dump.rdb"),
        (redis(appendfsync="always"), "CONFIG SET appendfsync everysec"),
        (redis(files=("appendonlydir",), appendonly="no"), "/data/db-server/redis/appendonlydir"),
        (redis(info={"db17": "keys=1,expires=0,avg_ttl=0"}), "db17"),
        (redis(maxmemory_policy="allkeys-lrm"), "allkeys-lrm cannot be declared"),
    ],
)
def test_a_redis_that_would_lose_something_is_refused(found: Redis, words: str) -> None:
    only(refused(postgres(CRYPTO), found), words)


def test_a_password_of_redis_is_given_up_only_where_somebody_says_so() -> None:
    only(refused(postgres(CRYPTO), redis(has_password=True)), "--allow-open-redis")
    assert refused(postgres(CRYPTO), redis(has_password=True), allow_open=True) == []


def notices(found: Postgres, other: Redis | None = None, left_out: tuple[str, ...] = ()) -> list[str]:
    return fitting.notices(installation(found, other or redis(maxmemory="100")), left_out)


def test_only_the_administrators_password_is_different_after_the_original() -> None:
    assert len(notices(postgres(CRYPTO))) == 1
    assert "password of dbadmin" in notices(postgres(CRYPTO))[0]


def changed(found: Postgres, **changes: Any) -> Postgres:
    return replace(found, container=replace(found.container, **changes))


BI = Database("shop", database("shop", "shop").properties, [role("shop"), role("bi")], 1, "x")


@pytest.mark.parametrize(
    ("found", "other", "words"),
    [
        (changed(postgres(CRYPTO), published=(PUBLISHED,)), None, "127.0.0.1 alone, not on every address"),
        (changed(postgres(CRYPTO), networks=("nginx-network", "old")), None, "not be on old any more"),
        (changed(postgres(CRYPTO), aliases=("db", "postgres")), None, "not be found as db any more"),
        (changed(postgres(CRYPTO), mounts={"/etc/pg.conf": "/x"}), None, "at /etc/pg.conf will not be"),
        (postgres(CRYPTO, roles=(role("crypto", verifier=""),)), None, "role crypto has no password"),
        (postgres(CRYPTO, roles=(role("crypto", createdb=True),)), None, "role crypto will lose createdb"),
        (postgres(BI), None, "bi have rights in shop, and will not be let in"),
        (postgres(CRYPTO), redis(appendonly="no", save=""), "the restart empties it"),
        (postgres(CRYPTO), redis(notify_keyspace_events="KEA"), "notify-keyspace-events KEA"),
    ],
)
def test_what_will_be_different_is_told_before(found: Postgres, other: Redis | None, words: str) -> None:
    assert [line for line in notices(found, other) if words in line]
