"""Settings as the servers read them: every way to write a boolean, what was unsafe before, what the table lacks."""

from typing import Any

import pytest

from dbserver.preview.rule import APPLICATION, USERS, Facts, Live
from dbserver.preview.server_rules import context, switched
from dbserver.preview.steps import parse
from tests.unit.dbserver.preview.made import container, judged, replaced, settings, step, text

ON = ("on", "true", "yes", "1", "ON", " t ", "y", "tru", "ye")
OFF = ("off", "false", "no", "0", "of", "f", "n", "FALSE")
NEITHER = ("", " ", "o", "local", "remote_apply", "2", "one", "offf")


def told(*steps: dict[str, Any], live: Live | None = None) -> dict[str, str]:
    return {change.name: change.what for change in judged(*steps, live=live).changes}


@pytest.mark.parametrize(
    ("value", "meant"), [*((v, True) for v in ON), *((v, False) for v in OFF), *((v, None) for v in NEITHER)]
)
def test_a_boolean_is_read_as_postgresql_does(value: str, meant: bool | None) -> None:  # noqa: FBT001  a case of the table
    assert switched(value) is meant


@pytest.mark.parametrize(
    ("before", "after", "risk"),
    [
        ("on", "true", False), ("off", "0", False), ("off", "on", False), ("yes", "n", True), ("1", "0", True),
        ("local", "off", True), ("off", "local", False),
    ],
)  # fmt: skip
def test_only_what_was_kept_can_be_given_up(before: str, after: str, risk: bool) -> None:  # noqa: FBT001  as above
    for name in ("fsync", "synchronous_commit"):
        found = told(settings("postgres", {name: before}, {name: after}))
        assert ("less-durable:postgres" in found) is risk


def test_a_setting_that_no_table_has_reloads_unless_a_server_or_a_dot_says_that_it_may_be_otherwise() -> None:
    known = Facts(parse(text()), Live(contexts={"mine": "postmaster"}))
    assert [context(name, known) for name in ("mine", "work_mem", "wal_level")] == [
        "postmaster",
        "unknown",
        "postmaster",
    ]
    assert [context(name, Facts(parse(text()))) for name in ("work_mem", "some.size")] == ["sighup", "unknown"]


def test_several_settings_are_named_together() -> None:
    found = told(settings("postgres", {}, {"a.x": "1", "b.y": "1"}))
    assert found["postgres-unknown:postgres"].startswith("whether PostgreSQL takes a.x, b.y while it runs")


@pytest.mark.parametrize("name", ["adminPassword", "adminUser", "network"])
def test_what_the_administrator_is_about_is_named(name: str) -> None:
    (change,) = judged(step("update", "postgres-server", {name: "a"}, {name: "b"})).changes
    assert (change.name, change.details) == ("postgres-administrator:postgres", (name,))


def test_redis_takes_nothing_while_it_runs_where_its_container_is_made_anew() -> None:
    changed = settings("redis", {"maxmemory": "1"}, {"maxmemory": "2"})
    assert "redis-reload:redis" in told(changed, replaced())
    assert "redis-reload:redis" not in told(changed, step("create", "redis", None, container("redis")))


def test_a_redis_that_keeps_more_is_no_risk_and_one_that_keeps_less_is() -> None:
    nothing, snapshots, everything = {"maxmemory": "1"}, {"save": "1 1"}, {"appendonly": "yes"}
    for less, more in ((nothing, snapshots), (snapshots, everything), (nothing, everything)):
        assert "redis-persistence:redis" not in told(settings("redis", less, more))
        assert "redis-persistence:redis" in told(settings("redis", more, less))


def test_an_application_s_password_is_never_shown_and_what_is_not_known_of_it_is_a_question_mark() -> None:
    (changed,) = judged(step("update", "shop", {"password": "old"}, {"password": "new"}, APPLICATION)).changes
    assert changed.details == ("password",)
    (removed,) = judged(step("delete", "shop", {"x": 1}, None, APPLICATION)).changes
    assert removed.what.startswith("database ? and role ? belong to no application any more")


def test_users_whose_container_alone_is_another_are_loaded_and_nobody_is_disconnected() -> None:
    every = dict.fromkeys(("container", "containerId", "image", "configDirectory"), "a")
    for names in (list(every), *([name] for name in every)):
        changed = {**every, **dict.fromkeys(names, "b")}
        found = told(step("update", "redis-users", every, changed, USERS))
        assert found == {"users-made:redis": "the users' rules are loaded"}
    gone = told(step("delete", "redis-users", every, None, USERS))
    assert gone == {"users-made:redis": "the users are looked after no more"}


def test_a_redis_that_opens_or_closes_says_to_whom() -> None:
    opened, closed = {"open": True}, {"open": False}
    shown = [told(step("update", "redis-users", *states, USERS)) for states in ((opened, closed), (closed, opened))]
    cut_off = "who is connected without a password is cut off; with one, an application reaches its prefix only"
    assert shown == [{"redis-closed:redis": cut_off}, {"redis-users:redis": "open to everybody on the network"}]
