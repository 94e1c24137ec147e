"""The applications: which the server knows, and what the stack gives them."""

import json

import pytest

from dbserver import registry
from dbserver.engine import command
from dbserver.errors import CommandError, NotRunningError, UsageError
from tests.unit.dbserver.actions.test_verbs import DECLARED
from tests.unit.fakes import Failed, Programs

ROW = {
    "name": "shop", "database": "shop_data", "role": "shop_user", "pool_size": 5, "instances": 2,
    "redis_database": 1, "redis_prefix": "shop:",
}  # fmt: skip


@pytest.fixture
def server(programs: Programs) -> Programs:
    """A server that knows one application."""
    programs.answer("json_build_object('version'", json.dumps({"version": "17.5"}))
    programs.answer("FROM dbserver.application;", json.dumps([ROW]))
    return programs


@pytest.mark.usefixtures("server")
def test_an_application_is_known_by_its_name() -> None:
    assert [each.name for each in registry.registered(DECLARED)] == ["shop"]
    assert (registry.one(DECLARED, "shop").database, registry.one(DECLARED, "shop").role) == ("shop_data", "shop_user")


@pytest.mark.usefixtures("server")
def test_an_unknown_name_is_a_fault_of_usage_with_the_known_ones() -> None:
    with pytest.raises(UsageError) as caught:
        registry.one(DECLARED, "shpo")
    assert (caught.value.message, caught.value.hint) == ("there is no application shpo", "one of: shop")


def test_another_fault_of_the_registry_is_no_empty_list(server: Programs) -> None:
    server.answer("FROM dbserver.application;", Failed('ERROR:  column "entry" does not exist', 3))
    with pytest.raises(CommandError, match="does not exist"):
        registry.registered(DECLARED)


def test_a_server_that_does_not_answer_is_told_as_such(programs: Programs) -> None:
    programs.answer("psql", Failed("no such container"))
    with pytest.raises(NotRunningError):
        registry.registered(DECLARED)


def test_the_variables_of_an_application_come_from_the_outputs_with_their_secrets(
    monkeypatch: pytest.MonkeyPatch, programs: Programs
) -> None:
    asked: list[tuple[str, bool]] = []

    def outputs(stack: str, *, secrets: bool = False) -> dict[str, dict[str, dict[str, str]]]:
        asked.append((stack, secrets))
        return {"applications": {"shop": {"DB_PASSWORD": "p"}}}

    monkeypatch.setattr(command, "require", lambda: None)
    monkeypatch.setattr(command, "outputs", outputs)
    assert registry.variables(DECLARED, "shop") == {"DB_PASSWORD": "p"}
    assert asked == [("unit", True)]
    assert programs.calls == [], "no server is needed"


@pytest.mark.parametrize(("servers", "end"), [([], ""), (["redis"], ""), (["postgres"], "?sslmode=require")])
def test_for_the_host_the_addresses_are_those_that_are_published_there(
    monkeypatch: pytest.MonkeyPatch, servers: list[str], end: str
) -> None:
    known = {"DATABASE_URL": "postgresql://a:b@c:5432/d", "REDIS_URL": "redis://c:6379/0"}
    published = {
        server: {"publishedAddress": "127.0.0.1", "publishedPort": port, "host": "c", "port": 1}
        for server, port in (("postgres", 15432), ("redis", 16379))
    }
    outputs = {"applications": {"shop": known}, **published, **({"tls": {"servers": servers}} if servers else {})}
    monkeypatch.setattr(command, "require", lambda: None)
    monkeypatch.setattr(command, "outputs", lambda *_, **__: outputs)
    assert registry.variables(DECLARED, "shop", host=True) == {
        "DATABASE_URL": f"postgresql://a:b@127.0.0.1:15432/d{end}", "DB_HOST": "127.0.0.1", "DB_PORT": "15432",
        "REDIS_URL": "redis://127.0.0.1:16379/0", "REDIS_HOST": "127.0.0.1", "REDIS_PORT": "16379",
    }  # fmt: skip
    assert registry.variables(DECLARED, "shop") == known
