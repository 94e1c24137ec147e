"""How a fault is told: its path, its value, what is allowed, what was meant; and never a secret."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from dbserver.settings import faults as words
from dbserver.settings import file, types
from dbserver.settings.model import Settings, faults
from dbserver.units import parse_bytes
from tests.support.faulty import LINES, TWELVE
from tests.unit.dbserver.settings.test_model import TABLE, nested

SHOP = {"name": "shop"}
SECRET = "hunter2"
NAME = "letters, digits, _, . and -, at most 128, beginning with a letter or a digit"
PATH = "an absolute path without colon, comma and control characters, and without a / at its end"


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("applications", "shop", "'shop' should be a list"),
        ("applications", {}, "a mapping should be a list"),
        ("applications", "[{password: hunter2}", "a text should be a list"),
        ("applications", ["shop"], ".0: 'shop' should be a mapping of keys"),
        ("redis", [], "a list should be a mapping of keys"),
        ("network.name", None, "null should be a text"),
        ("network.create", "true", "'true' should be true or false, without quotes"),
        ("network.create", 1, "1 should be true or false"),
        ("postgres.port", "5432", "'5432' should be a whole number, without quotes"),
        ("postgres.port", "many", "'many' should be a whole number"),
        ("postgres.port", 5432.5, "5432.5 should be a whole number"),
        ("postgres.port", True, "true should be a whole number"),
        ("postgres.port", 0, "0 should be from 1 to 65535"),
        ("postgres.maxConnections", 9, "9 should be from 10 to 10000"),
        ("postgres.memory", "255MB", "'255MB' should be at least 256m"),
        ("postgres.memory", 1024, "1024 should be at least 256m"),
        ("redis.memory", "much", "'much' should be an amount of memory such as 512m or 2g"),
        ("archive.keep", "10s", "'10s' should be from 60s to 3660d"),
        ("archive.baseBackup", "never", "'never' is no schedule; allowed: hourly, daily 03:30,"),
        ("offsite.keep.daily", -1, "-1 should be at least 0"),
        ("redis.evictionPolicy", "allkeys_lru", "'allkeys_lru' should be 'noeviction', 'allkeys-lru',"),
        ("postgres.containerName", "my pg", f"'my pg' should be {NAME}"),
        ("postgres.containerName", "x" * 129, f"'{'x' * 60}...' should be {NAME}"),
        ("dataDirectory", "data", f"'data' should be {PATH}"),
        ("dataDirectory", "/a/../b", "'/a/../b' should be written as /b"),
        ("tls.address", "127.0.0.1", "'127.0.0.1' is the loopback, on which the servers are published anyway"),
        ("postgres.memmory", "1g", "unknown key; did you mean memory?"),
        ("network.driver", "bridge", "unknown key; known: name, create"),
        ("redis.settings.max-clients", "5", "cannot be set here; did you mean maxclients?"),
        ("redis.settings.timeout", "5m", "'5m' should be a whole number"),
    ],
)  # fmt: skip
def test_each_kind_of_fault_is_one_line_with_path_value_and_what_is_allowed(path: str, value: Any, line: str) -> None:
    (found,) = faults(nested(path, value))
    assert found.startswith(f"{path}{line}" if line.startswith(".") else f"{path}: {line}"), found


def test_a_choice_that_was_probably_meant_is_asked_for() -> None:
    (found,) = faults({"redis": {"evictionPolicy": "allkeys_lru"}})
    assert found.endswith("; did you mean allkeys-lru?")


def test_no_message_shows_a_regular_expression_or_pydantic_s_own_words() -> None:
    for path, value in TABLE:
        (found,) = faults(nested(path, value))
        assert not re.search(r"Input should|String should|pattern|\]\*|\{0,|\d{7}", found.replace(str(value), "")), (
            found
        )


def test_twelve_faults_of_twelve_kinds_are_twelve_lines_at_once() -> None:
    assert faults(TWELVE) == LINES
    assert len(LINES) == len({line.partition(" ")[2] for line in LINES}) == 12


def test_a_file_with_them_has_the_same_lines() -> None:
    assert file.faults({"config": {f"db-server:{key}": value for key, value in TWELVE.items()}}) == LINES


# No secret ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("adminPassword", SECRET), ("adminPassword", [SECRET]), ("adminPassword", {SECRET: 1}),
        ("applications", [{**SHOP, "password": SECRET}]), ("applications", [{**SHOP, "pasword": SECRET}]),
        ("applications", f'[{{"name": "shop", "password": "{SECRET}"'), ("applications", [f"shop {SECRET}"]),
        ("offsite", f"sftp://me:{SECRET}@nas/db"), ("offsite.url", f"sftp://me:{SECRET}@nas/db"),
        ("offsite.endpoint", f"https://me:{SECRET}@nas"), ("offsite.credentialsFile", SECRET),
        ("offsite.recipients", [SECRET]), ("backupRecipients", [SECRET]), ("backupRecipients", SECRET),
        ("tls.keyFile", f"-----BEGIN KEY-----\n{SECRET}"), ("postgres.settings", {"x": f"{SECRET}\n"}),
        ("applications", [{**SHOP, "settings": {"x": f"{SECRET}\n"}}]), ("adminPasword", SECRET),
        ("redis.settings", {"requirepass": SECRET}), ("postgres.settings", {"a b": SECRET}),
    ],
)  # fmt: skip
def test_what_may_be_a_secret_is_never_shown(path: str, value: Any) -> None:
    found = faults(nested(path, value))
    assert found
    assert SECRET not in "\n".join(found)


# What is judged in spite of other faults ------------------------------------------


def of(*entries: dict[str, Any], **sections: Any) -> list[str]:
    return faults({"applications": list(entries), **sections})


def test_a_faulty_entry_is_compared_with_others_by_what_is_right_of_it() -> None:
    found = of(
        {"name": "Shop", "database": "data"}, {"name": "blog", "database": "data", "role": "blog", "poolSize": 0}
    )
    assert found[2:] == ["applications: database data is used twice: applications.0, applications.1"]
    assert len(found) == 3


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ({"name": "shop", "database": "A"}, "applications.1.database: "),
        ({"name": "shop", "databse": "other"}, "applications.1.databse: "),
        ({"name": "Shop"}, "applications.1.name: "),
        ({"nmae": "shop"}, "applications.1.n"),
        ("shop", "applications.1: "),
        ({"name": "blog", "database": "x", "role": "x", "redisPrefix": "shop: "}, "applications.1.redisPrefix: "),
        ({"name": "blog", "database": "x", "role": "x", "redisPrefix": ["shop:", 1]}, "applications.1.redisPrefix.1: "),
    ],
    ids=repr,
)
def test_no_default_is_taken_for_what_is_faulty(entry: Any, fault: str) -> None:
    found = of({"name": "shop", "database": "first", "role": "shop"}, entry, redis={"access": "password"})
    others = [line for line in found if not line.startswith(fault) and "name shop is used twice" not in line]
    assert others == []


@pytest.mark.parametrize(
    "postgres", [{"memory": "x"}, {"maxConnections": 9}, {"adminReserve": 0}, {"maxConections": 5}, []], ids=repr
)
def test_a_sum_of_connections_is_no_fault_where_the_limit_is_one(postgres: Any) -> None:
    found = of({"name": "shop", "poolSize": 500}, postgres=postgres)
    assert len(found) == 1, found
    assert found[0].startswith("postgres")


def test_a_pool_that_is_faulty_is_not_in_the_sum() -> None:
    postgres = {"maxConnections": 40}
    assert len(of({"name": "a", "poolSize": "5"}, {"name": "b", "poolSize": 12}, postgres=postgres)) == 1
    found = of({"name": "a", "poolSize": "5"}, {"name": "b", "poolSize": 14}, postgres=postgres)
    assert found[1].startswith("applications: 41 connections are declared, max_connections is 40: b 14 x")


@pytest.mark.parametrize(
    "section",
    [
        {"offsite": {"url": "s3://a/b", "recipients": ["x"]}}, {"offsite": {"url": "s3://a/b", "recipents": ["x"]}},
        {"tls": {"address": "x", "names": ["a"]}},
        {"tls": {"address": "10.0.0.5", "certificateFile": "", "keyFile": "k"}},
    ],
    ids=repr,
)  # fmt: skip
def test_a_section_lacks_nothing_that_is_there_and_faulty(section: Any) -> None:
    assert len(faults(section)) == 1


def test_what_a_section_lacks_is_told_beside_another_fault_in_it() -> None:
    assert [line.partition(": ")[0] for line in faults({"offsite": {"url": "s3://a/b", "keep": {"daily": -1}}})] == [
        "offsite.keep.daily", "offsite.recipients",
    ]  # fmt: skip


def test_redis_settings_that_say_nothing_are_told_beside_a_faulty_memory() -> None:
    found = faults({"redis": {"memory": "x", "settings": {"timeout": "soon", "maxmemory": "900g"}}})
    assert [line.partition(": ")[0] for line in found] == ["redis.memory", "redis.settings.timeout"]


@pytest.mark.parametrize("values", [{1: "x"}, {"postgres": {1: "x"}}, {"applications": [{"name": "shop", 1: 2}]}])
def test_a_key_that_is_no_text_is_one_fault(values: Any) -> None:
    assert len(faults(values)) == 1


# The parts ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "right"), [("poolsize", "poolSize"), ("pool_size", "poolSize"), ("datbase", "database"), ("colour", "")]
)
def test_what_was_meant_is_found_over_capitals_joints_and_slips(word: str, right: str) -> None:
    assert words.meant(word, ["name", "database", "poolSize"]) == right


@pytest.mark.parametrize("text", ["256m", "1g", "512k", "3t", "1", "1025m"])
def test_an_amount_is_written_as_it_is_read(text: str) -> None:
    assert types.written(parse_bytes(text)) == text


def sections(root: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name in words.keys(root, path):
        try:
            yield from sections(root, (*path, name))
        except IndexError:
            continue


def test_the_keys_of_every_section_are_known() -> None:
    known = set(sections(Settings))
    assert {(), ("offsite", "keep"), ("applications",), ("tls",)} <= known
    assert "weekly" in words.keys(Settings, ("offsite", "keep"))
    assert "poolSize" in words.keys(Settings, ("applications", 0))
