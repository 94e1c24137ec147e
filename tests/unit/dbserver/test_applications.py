"""What an application has to know: URLs that give their parts back, whatever is in them."""

from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbserver.applications import Application, environment, overlapping_prefixes

HOSTS = {"postgres": "db-server-postgres", "redis": "db-server-redis"}
NAMES = {
    "DATABASE_URL", "DB_HOST", "DB_PORT", "DB_NAME", "DB_USER", "DB_PASSWORD", "REDIS_URL", "REDIS_HOST", "REDIS_PORT",
}  # fmt: skip
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
    assert set(found) == NAMES
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


def test_the_connections_are_those_of_every_pool_of_both_colours() -> None:
    assert application(pool_size=10, instances=3).connections == 60


def test_a_prefix_that_reaches_into_another_is_told_once_in_each_direction_that_holds() -> None:
    assert overlapping_prefixes([("a", "x"), ("b", "x:")]) == [
        "applications: the Redis prefix 'x' of a reaches into 'x:' of b"
    ]
    assert len(overlapping_prefixes([("a", "x"), ("b", "x")])) == 2
    assert overlapping_prefixes([("a", "x:"), ("b", "y:")]) == []
