"""What is declared for an installation: valid, nothing changed in a file that is there, and it behaves the same."""

from dataclasses import replace
from typing import Any

import pytest
import yaml

from dbserver import declared
from dbserver.adoption import configuration
from dbserver.adoption.found import Postgres, Redis
from dbserver.errors import UsageError
from dbserver.settings.model import Settings, load
from tests.unit.dbserver.adoption.installed import connected, database, installation, postgres, redis, role, setting

CRYPTO = database("crypto_ai_agent", "crypto", extensions=[{"name": "pg_trgm"}])
SHOP = database("shop", "shop")


def merged(content: dict[str, Any], found: Postgres, other: Redis | None = None) -> dict[str, Any]:
    return configuration.merged(content, installation(found, other or redis()), found.databases)


def faults(content: dict[str, Any], found: Postgres, other: Redis | None = None) -> list[str]:
    return configuration.contradictions(content, installation(found, other or redis()), found.databases)


def loaded(content: dict[str, Any]) -> Settings:
    """Read it as the program does, from the text that is written."""
    values = yaml.safe_load(configuration.text(content))["config"]
    return load({key.removeprefix("db-server:"): value for key, value in values.items()})


def test_what_is_declared_for_the_original_is_valid_and_keeps_every_password() -> None:
    found = postgres(CRYPTO, SHOP, roles=(role("shop", settings=["statement_timeout=45s"]),))
    settings = loaded(merged({}, found))
    assert settings.postgres.image == "postgres:15"
    assert settings.postgres.effective_settings["work_mem"] == "4MB"
    assert settings.postgres.effective_settings["max_connections"] == "100"
    assert settings.redis.persistence == "append-only"
    assert [(a.name, a.database, a.role, a.keep_password) for a in settings.applications] == [
        ("crypto-ai-agent", "crypto_ai_agent", "crypto", True), ("shop", "shop", "shop", True),
    ]  # fmt: skip
    assert settings.applications[0].extensions == ["pg_trgm"]
    assert settings.applications[1].settings == {"statement_timeout": "45s"}


def test_settings_that_are_nowhere_in_the_data_are_declared_and_others_are_not() -> None:
    inside = "/var/lib/postgresql/data"
    told = [
        setting("log_min_duration_statement", "250ms", "command line"),
        setting("max_connections", "300", "command line"),
        setting("listen_addresses", "*", "command line"),
        setting("jit", "off", "configuration file", "/etc/postgresql/mine.conf"),
        setting("timezone", "UTC", "configuration file", f"{inside}/postgresql.conf"),
        setting("deadlock_timeout", "2s", "configuration file", f"{inside}/postgresql.auto.conf"),
        setting("work_mem", "9MB", "configuration file", f"{inside}/postgresql.auto.conf"),
    ]
    found = postgres(CRYPTO, settings=told, max_connections=300)
    settings = loaded(merged({}, found)).postgres
    assert settings.settings == {"work_mem": "9MB", "log_min_duration_statement": "250ms", "jit": "off"}
    assert settings.max_connections == 300
    assert found.overrides == {"work_mem": "9MB"}


def test_what_stands_in_the_file_is_kept_and_what_is_missing_added() -> None:
    content = {
        "encryptionsalt": "v1:x",
        "config": {
            "db-server:standIns": "true",
            "db-server:postgres": {"memory": "4g", "settings": {"work_mem": "64MB"}},
            "db-server:applications": [
                {"name": "agent", "database": "crypto_ai_agent", "poolSize": 3, "extensions": ["citext"]},
                {"name": "new"},
            ],
        },
    }
    result = merged(content, postgres(CRYPTO, SHOP))
    assert result["encryptionsalt"] == "v1:x"
    values = result["config"]
    assert values["db-server:postgres"]["memory"] == "4g"
    assert values["db-server:postgres"]["settings"] == {"work_mem": "64MB", "shared_buffers": "128MB"}
    agent, new, shop = values["db-server:applications"]
    assert agent == {
        "name": "agent", "database": "crypto_ai_agent", "poolSize": 3, "extensions": ["citext", "pg_trgm"],
        "role": "crypto", "keepPassword": True,
    }  # fmt: skip
    assert new == {"name": "new"}
    assert shop["database"] == "shop"
    assert configuration.names(configuration.text(result))["crypto_ai_agent"] == "agent"
    assert merged(result, postgres(CRYPTO, SHOP)) == result, "a second run would write something else"


def test_a_password_that_the_file_gives_is_not_unknown() -> None:
    content = {"config": {"db-server:applications": [{"name": "shop", "password": {"secure": "v1:x"}}]}}
    assert "keepPassword" not in merged(content, postgres(SHOP))["config"]["db-server:applications"][0]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("postgres", {"image": "postgres:17"}, "postgres.image is postgres:17, found is postgres:15"),
        ("postgres", {"containerName": "other"}, "postgres.containerName"),
        ("redis", {"access": "password"}, "redis.access is password, found is open"),
        ("redis", {"persistence": "none"}, "redis.persistence"),
        ("network", {"name": "other"}, "network.name is other"),
        ("dataDirectory", "/srv/x", "dataDirectory is /srv/x"),
        ("redis", {"memory": "32m"}, "redis.memory is 32m"),
        ("postgres", {"memory": "130m"}, "too little for shared_buffers"),
        ("applications", [{"name": "shop", "role": "other"}], "shop has the role other"),
        ("postgres", {"maxConnections": 32}, "connections would be declared, max_connections is 32"),
    ],
)
def test_what_in_the_file_contradicts_what_was_found_is_refused(key: str, value: object, words: str) -> None:
    used = redis(info={"used_memory": str(100 * 1024 * 1024)})
    found = postgres(SHOP, connected=[connected("shop", "shop", total=11)])
    reasons = faults({"config": {f"db-server:{key}": value}}, found, used)
    assert len(reasons) == 1, reasons
    assert words in reasons[0]


def test_nothing_contradicts_an_empty_file() -> None:
    assert faults({}, postgres(CRYPTO, SHOP)) == []


@pytest.mark.parametrize(
    ("used", "room", "pools"),
    [
        ({"a": 0, "b": 0}, 87, {"a": 10, "b": 10}),
        ({"a": 15, "b": 2}, 87, {"a": 15, "b": 10}),
        ({"a": 15, "b": 2}, 40, {"a": 15, "b": 5}),
        ({"a": 15, "b": 2}, 10, {"a": 15, "b": 2}),
        ({}, 10, {}),
    ],
)
def test_a_pool_is_never_smaller_than_what_is_connected(used: dict[str, int], room: int, pools: object) -> None:
    assert configuration.pool_sizes(used, room) == pools


def test_the_memory_is_that_of_the_container_or_enough_for_the_server_as_it_is_set() -> None:
    found = postgres(SHOP, shared_buffers=1024**3)
    assert configuration.postgres_memory(found) == 4 * 1024**3
    limited = replace(found, container=replace(found.container, memory=3 * 1024**3))
    assert configuration.postgres_memory(limited) == 3 * 1024**3


@pytest.mark.parametrize(("maximum", "used"), [(100 * 1024**2, 5), (0, 500 * 1024**2), (0, 5)])
def test_redis_keeps_its_maxmemory_or_gets_one_with_room(maximum: int, used: int) -> None:
    found = redis(maxmemory=str(maximum), info={"used_memory_peak": str(used)})
    assert configuration.redis_memory(found) // 2 >= (maximum or 2 * used)
    none = redis(maxmemory=str(maximum), appendonly="no", info={"used_memory_peak": str(used)})
    assert configuration.redis_memory(none) * 3 // 4 >= (maximum or 2 * used)


@pytest.mark.parametrize(
    "text",
    [
        "a: [", "- a", "config: 3", "config: {'db-server:postgres': x}", "config: {'db-server:applications': {a: 1}}",
        "config: {'db-server:applications': [shop]}", "config: {'db-server:applications': [{database: shop}]}",
        "config: {'db-server:postgres': {maxConnections: many}}", "config: {'db-server:redis': {memory: much}}",
        "config: {'db-server:applications': [{name: shop, poolSize: '5'}]}",
    ],
)  # fmt: skip
def test_a_file_that_is_no_configuration_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        declared.judge("prod", text)


def test_no_secret_is_among_the_changes() -> None:
    before = "encryptionsalt: v1:old\nconfig:\n  db-server:adminPassword:\n    secure: v1:x\n"
    after = "encryptionsalt: v1:new\nconfig:\n  a: b\n"
    assert not [line for line in configuration.changes(before, after, "f") if "v1:" in line]
    assert configuration.changes(after, after, "f") == ()
