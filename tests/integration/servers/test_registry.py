"""The registry of applications in the server: an older one is read and carried over, a broken one is not empty."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from dbserver.postgres import registry
from dbserver.postgres.server import Server
from infra.application_server import differences
from tests.support.lending import ADMIN, Lent

ENTRY = {"name": "shop", "poolSize": 3, "instancesPerColour": 2, "redisPrefix": "its:"}
OLDER = """\
DROP TABLE dbserver.application;
CREATE TABLE dbserver.application (
    name text PRIMARY KEY, database text NOT NULL, role text NOT NULL, pool_size int NOT NULL,
    instances int NOT NULL, redis_database int NOT NULL, redis_prefix text NOT NULL,
    declared_at timestamptz NOT NULL DEFAULT now());
INSERT INTO dbserver.application VALUES ('shop', 'shop', 'shop', 3, 2, 0, 'its:');
"""


@pytest.fixture
def shop(lent: Lent) -> Iterator[Lent]:
    yield lent.admit(ENTRY)
    Server(lent.postgres, ADMIN).query(f"DROP TABLE dbserver.application;\n{registry.REGISTRY}", ADMIN)


def listed(stack: Lent) -> list[dict[str, Any]]:
    return list(json.loads(stack.script("dbserver", "list", "--format", "json").ok().out)["applications"])


def test_an_older_registry_is_read_as_it_is_and_carried_over(shop: Lent) -> None:
    server, before = Server(shop.postgres, ADMIN), listed(shop)
    connections = shop.script("dbserver", "connections").ok().out
    assert [each["name"] for each in before] == ["shop"]
    server.query(OLDER, ADMIN)
    for _ in range(2):
        assert listed(shop) == before
        assert shop.script("dbserver", "connections").ok().out == connections
        server.query(registry.REGISTRY, ADMIN)
    assert server.query("SELECT entry FROM dbserver.application", ADMIN) == (
        '{"instances": 2, "pool_size": 3, "redis_prefix": "its:", "redis_database": 0}'
    )


def test_a_registry_that_cannot_be_read_is_a_fault_and_no_empty_list(shop: Lent) -> None:
    shop.sql("ALTER TABLE dbserver.application DROP COLUMN name")
    tried = shop.script("dbserver", "list")
    assert (tried.code, 'column "name" does not exist' in tried.err) == (1, True), tried.text


@pytest.mark.parametrize(
    ("by_hand", "drift"),
    [
        ("ALTER DATABASE shop CONNECTION LIMIT 3", "database has a connection limit of its own"),
        ("ALTER DATABASE shop ALLOW_CONNECTIONS false", "database takes no connections"),
        ("UPDATE dbserver.application SET role = 'mallory' WHERE name = 'shop'", "the registry knows it otherwise"),
        ("UPDATE dbserver.application SET entry = entry || '{\"pool_size\": 99}'", "the registry knows it otherwise"),
        ("DELETE FROM dbserver.application", "the registry knows it otherwise"),
    ],
)
def test_what_somebody_changed_of_an_application_is_seen_by_the_next_update_and_repaired(
    shop: Lent, by_hand: str, drift: str
) -> None:
    assert differences(shop.made["shop"]) == []
    shop.sql(by_hand)
    assert differences(shop.made["shop"]) == [drift]
    assert shop.change(ENTRY) == []
    assert differences(shop.made["shop"]) == []
