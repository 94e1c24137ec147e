"""What an application has to know: URLs that give their parts back, whatever is in them."""

from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbserver.applications import Application, environment, on_host, overlapping_prefixes, secrets

HOSTS = {"postgres": "db-server-postgres", "redis": "db-server-redis"}
NAMES = {
    "DATABASE_URL", "DB_HOST", "DB_PORT", "DB_NAME", "DB_USER", "DB_PASSWORD", "REDIS_URL", "REDIS_HOST", "REDIS_PORT",
    "REDIS_PREFIX",
}  # fmt: skip
TENANT = {"REDIS_USER", "REDIS_PASSWORD"}
PUBLISHED = {"postgres": ("127.0.0.1", 15432), "redis": ("127.0.0.1", 16379)}
PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1)
HOSTILE = ["a@b:c/d?e#f", "p%40ss word", "'\"\\$`;&|", "[::1]", "#", "?", "///", "a%b"]


def application(**changes: Any) -> Application:
    names = {"name": "shop", "database": "shop_data", "role": "shop_user"}
    values: dict[str, Any] = {**names, "pool_size": 5, "instances": 3}
    return Application(**{**values, **changes})


def test_without_a_password_the_url_has_no_place_for_one() -> None:
    found = environment(application(), HOSTS, "", None)
    assert found["DATABASE_URL"] == "postgresql://shop_user@db-server-postgres:5432/shop_data"
    assert found["DB_PASSWORD"] == ""


def check(role: str, database: str, password: str, redis_password: str) -> None:
    found = environment(application(role=role, database=database), HOSTS, password, redis_password)
    assert set(found) == NAMES | TENANT
    url = urlsplit(found["DATABASE_URL"])
    assert (url.scheme, url.hostname, url.port, url.query, url.fragment) == (
        "postgresql", "db-server-postgres", 5432, "", "",
    )  # fmt: skip
    assert unquote(url.username or "") == role == found["DB_USER"]
    assert unquote(url.password or "") == password == found["DB_PASSWORD"]
    assert unquote(url.path.removeprefix("/")) == database == found["DB_NAME"]
    tenant = urlsplit(found["REDIS_URL"])
    assert (tenant.scheme, tenant.hostname, tenant.port, tenant.path) == ("redis", "db-server-redis", 6379, "/0")
    assert (tenant.username, unquote(tenant.password or "")) == ("shop", redis_password)
    assert (found["REDIS_USER"], found["REDIS_PASSWORD"]) == ("shop", redis_password)
    check_on_host(found)
    assert {password, redis_password, found["DATABASE_URL"], found["REDIS_URL"]} <= set(secrets(found))


def check_on_host(found: dict[str, str]) -> None:
    """Address and port are others, everything else is the same."""
    moved = on_host(found, PUBLISHED, [])
    for scheme, name, port in (("postgresql", "DB", 15432), ("redis", "REDIS", 16379)):
        url = "DATABASE_URL" if name == "DB" else "REDIS_URL"
        was, now = urlsplit(found[url]), urlsplit(moved[url])
        assert (now.scheme, now.hostname, now.port) == (scheme, "127.0.0.1", port)
        assert (now.username, now.password, now.path, now.query) == (was.username, was.password, was.path, "")
        assert (moved.pop(f"{name}_HOST"), moved.pop(f"{name}_PORT")) == ("127.0.0.1", str(port))
        moved.pop(url)
    assert moved == {name: value for name, value in found.items() if name in moved}


@given(PRINTABLE, PRINTABLE, PRINTABLE, PRINTABLE)
def test_every_part_of_the_urls_is_read_back_as_it_was(
    role: str, database: str, password: str, redis_password: str
) -> None:
    check(role, database, password, redis_password)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_is_read_back_as_it_was(text: str) -> None:
    check(text, text, text, text)


def test_an_application_of_an_open_redis_needs_no_name_there() -> None:
    found = environment(application(redis_database=7), HOSTS, "the-password", None)
    assert found["REDIS_URL"] == "redis://db-server-redis:6379/7"
    assert set(found) == NAMES, "a user or a password that is empty would look like one that works"
    assert on_host(found, PUBLISHED, [])["REDIS_URL"] == "redis://127.0.0.1:16379/7"


def test_the_prefix_is_the_one_that_is_declared() -> None:
    assert environment(application(redis_prefix="cache:"), HOSTS, "the-password", None)["REDIS_PREFIX"] == "cache:"


def test_where_postgresql_is_reached_from_outside_a_program_on_the_host_is_told_to_encrypt() -> None:
    found = environment(application(), HOSTS, "", "redis-password")
    assert on_host(found, PUBLISHED, ["redis"])["DATABASE_URL"] == "postgresql://shop_user@127.0.0.1:15432/shop_data"
    moved = on_host(found, PUBLISHED, ["postgres", "redis"])
    assert moved["DATABASE_URL"] == "postgresql://shop_user@127.0.0.1:15432/shop_data?sslmode=require"
    assert moved["REDIS_URL"] == "redis://shop:redis-password@127.0.0.1:16379/0"


def test_what_lets_nobody_in_is_no_secret() -> None:
    assert secrets(environment(application(), HOSTS, "", None)) == []
    found = environment(application(redis_prefix="shop:"), HOSTS, "the password", "of-redis")
    assert set(secrets(found)) == {
        "the password", "the%20password", "of-redis", found["DATABASE_URL"], found["REDIS_URL"],
    }  # fmt: skip


def test_the_connections_are_those_of_every_pool_of_both_colours() -> None:
    assert application(pool_size=10, instances=3).connections == 60


def test_a_prefix_that_reaches_into_another_is_told_once_in_each_direction_that_holds() -> None:
    assert overlapping_prefixes([("a", "x"), ("b", "x:")]) == [
        "applications: the Redis prefix 'x' of a reaches into 'x:' of b"
    ]
    assert len(overlapping_prefixes([("a", "x"), ("b", "x")])) == 2
    assert overlapping_prefixes([("a", "x:"), ("b", "y:")]) == []
