"""What the running servers are asked for a preview: what a rule needs, no more; without them it is judged too."""

import json
from typing import Any

import pytest

from dbserver import asking, costs
from dbserver.preview.rule import USERS
from dbserver.preview.steps import parse
from tests.unit.dbserver.preview.made import container, replaced, settings, step, text
from tests.unit.fakes import NO_CONTAINER, Failed, Programs, connected, inspected, postgres_row, printed

CONTEXTS = "json_object_agg(lower(name), context)"


def weighed(*steps: dict[str, Any]) -> Any:
    return costs.weigh(text(*steps), {})


def test_nothing_is_asked_where_nothing_needs_it(programs: Programs) -> None:
    weighed(step("delete", "shop", {}, None), settings("redis", {"save": ""}, {"save": "1 1"}))
    assert programs.calls == []


def test_a_setting_s_context_is_asked_of_the_container_that_runs(programs: Programs) -> None:
    connected(programs, postgres_row("172.18.0.4", 5))
    programs.answer(CONTEXTS, json.dumps({"some_extension.size": "postmaster"}))
    (change,) = weighed(settings("postgres", {}, {"some_extension.size": "1"})).changes
    assert (change.rule, change.seconds, change.connected) == (
        "postgres-restart",
        1.2,
        ("shop-blue (blue)",),
    )
    asked = programs.started(CONTEXTS)[0]
    assert asked.argv[3] == "db-server-postgres"
    assert "'some_extension.size'" in asked.stdin


def test_only_the_server_that_goes_is_asked_who_is_connected(programs: Programs) -> None:
    connected(programs, redis=[("172.18.0.5", "default", 3)])
    (change,) = weighed(replaced("redis", ports=[])).changes
    assert change.connected == ("shop-green (green)",)
    assert not programs.started("psql")


def test_a_server_that_does_not_tell_is_named_and_the_rest_judged(programs: Programs) -> None:
    programs.answer("docker", Failed("Cannot connect to the Docker daemon"))
    found = weighed(settings("postgres", {}, {"wal_level": "logical"}), replaced("redis", ports=[]))
    assert [change.rule for change in found.changes] == ["container-recreated", "postgres-restart"]
    assert [change.connected for change in found.changes] == [None, None]
    assert [what.partition(":")[0] for what in found.not_seen] == [
        "which settings take a restart (judged by a table)",
        "who is connected",
    ]


@pytest.mark.parametrize("there", [True, False])
def test_a_container_that_would_be_made_is_looked_for(programs: Programs, *, there: bool) -> None:
    programs.answer("container inspect", printed(inspected()) if there else NO_CONTAINER)
    (change,) = weighed(step("create", "postgres", None, container())).changes
    assert change.rule == ("container-taken-over" if there else "container-created")


def test_the_names_are_those_of_the_state_and_not_the_new_ones() -> None:
    steps = parse(text(step("replace", "postgres", container(), container(name="new")))).steps
    assert asking._servers(steps).containers == {"postgres": "db-server-postgres"}
    assert asking._servers(steps).network == "nginx-network"


def test_where_redis_is_closed_its_clients_are_asked_for(programs: Programs) -> None:
    connected(programs, redis=[("172.18.0.5", "default", 3)])
    inputs = {"container": "db-server-redis", "adminUser": "dbadmin"}
    (change,) = weighed(
        step("update", "redis-users", {**inputs, "open": True}, {**inputs, "open": False}, USERS)
    ).changes
    assert (change.name, change.connected) == ("redis-closed:redis", ("shop-green (green)",))
