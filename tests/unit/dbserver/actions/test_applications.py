"""list, info, env and drop: what the server knows, and when nothing may be destroyed."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dbserver import locks
from dbserver.actions import applications
from dbserver.backups import making
from dbserver.backups.making import Wanted
from dbserver.backups.store import Backup, Store
from dbserver.cli.render import applications as render_applications
from dbserver.docker import passwords
from dbserver.engine import command
from dbserver.errors import CommandError, DbServerError, LockedError, NotRunningError, RefusedError, UsageError
from dbserver.postgres import sql
from dbserver.postgres.server import Server
from dbserver.redis import keys
from dbserver.redis.keys import Use
from dbserver.results.applications import ApplicationInfo, Doomed
from tests.unit.dbserver.actions.test_verbs import DECLARED
from tests.unit.dbserver.backups.test_manifest import made
from tests.unit.fakes import Failed, Programs, connected, inspected, postgres_row, printed

pytestmark = pytest.mark.usefixtures("state")

ROW = {
    "name": "shop", "database": "shop_data", "role": "shop_user", "pool_size": 5, "instances": 2,
    "redis_database": 1, "redis_prefix": "shop:",
}  # fmt: skip
OTHER = {**ROW, "name": "blog", "database": "blog", "role": "blog"}
USED = Use(1234, 2048)
USAGE = {"shop_data": {"owner": "shop_user", "size": 4096, "connections": 0}}


@pytest.fixture
def server(programs: Programs) -> Programs:
    """A server that knows two applications; the database of one of them is gone."""
    programs.answer("json_build_object('version'", json.dumps({"version": "17.5"}))
    programs.answer("FROM dbserver.application;", json.dumps([OTHER, ROW]))
    programs.answer("pg_database_size", json.dumps(USAGE))
    programs.answer("pg_extension", json.dumps({"shop_data": ["pg_trgm"]}))
    programs.answer("DROP DATABASE", "")
    programs.answer("dbserver.database", "[]")
    programs.answer("pg_shdepend", json.dumps({"databases": [], "shared": []}))
    programs.answer("container inspect", printed(inspected(), inspected("db-server-redis")))
    programs.answer("SELECT :collations", "[]")
    return programs


@pytest.fixture(autouse=True)
def of_the_last_update(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[str, str]]:
    """The applications of the last update."""
    known: dict[str, tuple[str, str]] = {}
    monkeypatch.setattr(applications, "applied", lambda _: known)
    return known


@pytest.fixture(autouse=True)
def backed_up(monkeypatch: pytest.MonkeyPatch) -> list[Wanted]:
    """The backups that were made."""
    wanted: list[Wanted] = []

    def make(_: Server, kept: Store, one: Wanted) -> Backup:
        wanted.append(one)
        return Backup(kept.directory / f"{one.subject}_now", made())

    monkeypatch.setattr(making, "make", make)
    return wanted


@pytest.fixture(autouse=True)
def _in_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Redis tells of one application; another one was not reached in time."""
    monkeypatch.setattr(keys, "used", lambda _, prefixes, __: {name: USED for name in prefixes if name == "shop"})


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Where passwords were forgotten, and in which image."""
    places: list[tuple[str, str]] = []
    monkeypatch.setattr(passwords, "forget", lambda *place: places.append(place))
    return places


@pytest.mark.usefixtures("server")
def test_every_application_is_listed_with_what_it_uses() -> None:
    found = applications.list_applications(DECLARED)
    assert (found.stack, [each.name for each in found.applications]) == ("unit", ["blog", "shop"])
    blog, shop = found.applications
    assert (shop.exists, shop.owner, shop.size_bytes, shop.connections, shop.connection_limit) == (
        True, "shop_user", 4096, 0, 20,
    )  # fmt: skip
    assert (blog.exists, blog.owner, blog.size_bytes) == (False, "", 0)
    assert [(each.redis_keys, each.redis_bytes) for each in (shop, blog)] == [(1234, 2048), (None, None)]


def test_what_is_not_declared_is_marked_and_what_deserves_a_look_is_told(server: Programs) -> None:
    server.answer(
        "container inspect", printed(inspected(RestartCount=2), inspected("db-server-redis", OOMKilled=True))
    )  # fmt: skip
    server.answer("SELECT :collations", json.dumps([{"name": "shop_data"}]))
    declared = replace(DECLARED, applications={"shop": ("shop_data", "shop_user"), "blog": ("blog", "another")})
    found = applications.list_applications(declared)
    assert [(each.name, each.declared) for each in found.applications] == [("blog", False), ("shop", True)]
    shown = render_applications.applications(found).splitlines()[3:]
    assert shown[0] == "blog is not declared: ./scripts/dbserver drop blog destroys it"
    assert [line.partition(": ")[0] for line in shown[1:]] == [
        "db-server-postgres ended by itself and was started again 2 times",
        "db-server-redis lacked memory, processes were killed",
        "the indexes of database shop_data were made under another collation version",
    ]


def test_an_application_is_shown_with_the_databases_that_its_restores_have_kept(server: Programs) -> None:
    row = {"application": "shop", "purpose": "kept", "size": 1}
    rows = [
        {**row, "name": "older"}, {**row, "name": "filling", "purpose": "restoring"},
        {**row, "name": "gone", "size": None}, {**row, "name": "other", "application": "blog"},
        {**row, "name": "newer"},
    ]  # fmt: skip
    server.answer("dbserver.database", json.dumps(rows))
    assert {found.kept for found in shown().values()} == {("older", "newer")}
    assert not server.started("CREATE TABLE")


def test_a_server_without_applications_is_not_asked_for_their_use(server: Programs) -> None:
    server.answer("FROM dbserver.application;", "[]")
    assert applications.list_applications(DECLARED).applications == ()
    assert not server.started("pg_database_size")


def test_a_server_that_does_not_answer_is_told_as_such(programs: Programs) -> None:
    programs.answer("psql", Failed("no such container"))
    with pytest.raises(NotRunningError):
        applications.list_applications(DECLARED)


def shown() -> dict[str, ApplicationInfo]:
    """Return how `list`, and how `info`, shows the application that has a database."""
    listed = applications.list_applications(DECLARED).applications
    return {"list": listed[1], "info": applications.info(DECLARED, "shop")}


def test_an_application_is_shown_with_its_extensions_from_its_own_database(server: Programs) -> None:
    assert {verb: found.extensions for verb, found in shown().items()} == dict.fromkeys(shown(), ("pg_trgm",))
    assert sql.connect("shop_data") in server.started("pg_extension")[0].stdin
    assert "blog" not in server.started("pg_extension")[0].stdin


def test_the_extensions_of_a_database_that_lets_nobody_in_are_unknown_and_not_none(server: Programs) -> None:
    server.answer("pg_extension", "")
    assert {found.extensions for found in shown().values()} == {None}


def test_a_database_that_lets_nobody_in_hides_none_of_the_others(server: Programs) -> None:
    names = ("a", "b", "c", "d")
    server.answer("FROM dbserver.application;", json.dumps([{**ROW, "name": n, "database": n} for n in names]))
    server.answer("pg_database_size(oid)", json.dumps(dict.fromkeys(names, USAGE["shop_data"])))
    server.answer("pg_extension", '{"a": ["x"]}\n', '{"c": []}\n{"d": []}\n')
    found = {each.name: each.extensions for each in applications.list_applications(DECLARED).applications}
    assert found == {"a": ("x",), "b": None, "c": (), "d": ()}
    assert [sql.connect("c") in call.stdin for call in server.started("pg_extension")] == [True, True]
    assert [sql.connect("b") in call.stdin for call in server.started("pg_extension")] == [True, False]


def test_an_application_whose_database_is_gone_is_shown_without_asking_it(server: Programs) -> None:
    assert applications.info(DECLARED, "blog").exists is False
    assert not server.started("pg_extension")


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("verb", [applications.info, applications.drop])
def test_an_unknown_application_is_a_fault_of_usage_with_the_names_that_are_known(verb: Any) -> None:
    with pytest.raises(UsageError) as caught:
        verb(DECLARED, "shpo")
    assert (caught.value.message, caught.value.hint) == ("there is no application shpo", "one of: blog, shop")


# env ----------------------------------------------------------------------------------


@pytest.fixture
def outputs(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    values: dict[str, Any] = {"applications": {"shop": {"DB_HOST": "h", "DB_PASSWORD": "p"}, "blog": {}}}
    asked: list[bool] = []

    def answer(_: str, *, secrets: bool = False) -> dict[str, Any]:
        asked.append(secrets)
        assert secrets
        return values

    monkeypatch.setattr(command, "require", lambda: None)
    monkeypatch.setattr(command, "outputs", answer)
    return values


@pytest.mark.usefixtures("outputs")
def test_the_environment_is_that_of_the_outputs_and_needs_no_server() -> None:
    found = applications.environment(DECLARED, "shop")
    assert (found.application, dict(found.variables)) == ("shop", {"DB_HOST": "h", "DB_PASSWORD": "p"})


@pytest.mark.parametrize("known", [{"DB_HOST": "h", "DB_PASSWORD": ""}, {"DB_HOST": "h"}])
def test_an_environment_without_a_password_is_printed_only_where_the_server_keeps_it_on_purpose(
    outputs: dict[str, Any], known: dict[str, str]
) -> None:
    outputs["applications"]["shop"] = known
    with pytest.raises(DbServerError, match="does not know the password of application shop; nothing is printed"):
        applications.environment(DECLARED, "shop")
    found = applications.environment(replace(DECLARED, keeping=frozenset({"shop"})), "shop")
    assert dict(found.variables) == known


@pytest.mark.usefixtures("outputs")
def test_the_environment_of_an_unknown_application_names_those_that_are_known() -> None:
    with pytest.raises(UsageError) as caught:
        applications.environment(DECLARED, "shpo")
    assert caught.value.hint == "one of: blog, shop"


def test_a_stack_without_applications_says_so(outputs: dict[str, Any]) -> None:
    outputs["applications"] = {}
    with pytest.raises(UsageError) as caught:
        applications.environment(DECLARED, "shop")
    assert caught.value.hint == "one of: none is declared"


def test_a_stack_that_was_never_brought_up_has_to_be_started(outputs: dict[str, Any]) -> None:
    del outputs["applications"]
    with pytest.raises(NotRunningError) as caught:
        applications.environment(DECLARED, "shop")
    assert caught.value.hint == "./scripts/start.sh"


# drop ---------------------------------------------------------------------------------


def test_an_application_that_is_declared_no_more_is_backed_up_and_dropped(
    server: Programs, backed_up: list[Wanted]
) -> None:
    result = applications.drop(DECLARED, "shop")
    assert (result.database, result.role, result.size_bytes) == ("shop_data", "shop_user", 4096)
    assert (result.backup, [each.database for each in backed_up]) == ("shop_now", ["shop_data"])
    dropped = server.started("DROP DATABASE")
    assert len(dropped) == 1
    assert dropped[0].argv[-1] == "dbadmin", "the registry is in the administrator's database"


def test_the_passwords_of_what_is_dropped_are_forgotten_after_its_role(
    server: Programs, forgotten: list[tuple[str, str]]
) -> None:
    applications.drop(DECLARED, "shop")
    assert forgotten == [("/data/db-server/config/passwords/shop_user", "postgres:17")]
    server.answer("DROP ROLE", Failed("role has objects"))
    with pytest.raises(CommandError):
        applications.drop(DECLARED, "shop")
    assert len(forgotten) == 1


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("shop", ("shop_data", "shop_user")), ("shop", ("other", "other")), ("store", ("shop_data", "other")),
        ("store", ("other", "shop_user")), ("store", ("shop_data", "shop_user")),
    ],
    ids=["as it is", "its name", "its database", "its role", "renamed"],
)  # fmt: skip
def test_what_an_entry_of_whatever_name_declares_is_not_dropped(
    server: Programs, name: str, kept: tuple[str, str]
) -> None:
    declared = replace(DECLARED, applications={"blog": ("blog", "blog"), name: kept})
    with pytest.raises(RefusedError, match=rf"application shop is declared \(as {name}\)") as caught:
        applications.drop(declared, "shop")
    assert f"remove the entry {name} from Pulumi.unit.yaml" in caught.value.hint
    assert not server.started("DROP")


def test_what_the_last_update_had_is_not_dropped_although_its_entry_is_missing(
    server: Programs, of_the_last_update: dict[str, tuple[str, str]]
) -> None:
    of_the_last_update["store"] = ("shop_data", "shop_user")
    for act in (applications.drop, applications.doomed):
        with pytest.raises(RefusedError, match=r"application shop is part of the last update \(as store\)"):
            act(DECLARED, "shop")
    assert not server.started("DROP")


def test_objects_of_the_role_elsewhere_are_named_and_nothing_is_dropped(
    server: Programs, backed_up: list[Wanted]
) -> None:
    found = {"databases": ["blog"], "shared": ["database more"]}
    server.answer("pg_shdepend", json.dumps(found), json.dumps([f"table t{n}" for n in range(11)]))
    with pytest.raises(RefusedError) as caught:
        applications.drop(DECLARED, "shop")
    assert "owns: database more, table t0 in database blog, " in caught.value.message
    assert "table t8 in database blog and 2 more; nothing was changed" in caught.value.message
    assert (backed_up, server.started("DROP")) == ([], [])


def test_what_will_be_destroyed_is_told_with_its_last_backup(server: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = [Backup(Path(f"shop_{number}"), made()) for number in (1, 2)]
    monkeypatch.setattr(Store, "of", lambda _, name: kept if name == "shop" else [])
    assert applications.doomed(DECLARED, "shop") == Doomed("unit", "shop", "shop_data", "shop_user", 4096, "shop_2")
    assert applications.doomed(DECLARED, "blog").last_backup == ""
    assert not server.started("DROP")


def test_entries_of_other_databases_and_roles_prevent_no_drop(server: Programs) -> None:
    applications.drop(replace(DECLARED, applications={"blog": ("blog", "blog")}), "shop")
    assert len(server.started("DROP DATABASE")) == 1


def test_nothing_is_dropped_without_a_backup(server: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise DbServerError("no space left", "make room")

    monkeypatch.setattr(making, "make", fail)
    with pytest.raises(DbServerError, match="no space left"):
        applications.drop(DECLARED, "shop")
    assert not server.started("DROP")


def test_an_application_whose_database_is_gone_is_dropped_without_a_backup(
    server: Programs, backed_up: list[Wanted]
) -> None:
    assert applications.drop(DECLARED, "blog").backup == ""
    assert (backed_up, len(server.started("DROP ROLE"))) == ([], 1)


def test_what_its_restores_have_kept_goes_before_the_role(server: Programs) -> None:
    kept = json.dumps([{"name": "shop_data__old_x"}])
    server.answer("dbserver.database", kept, kept, "")
    applications.drop(DECLARED, "shop")
    first, second = server.started("DROP DATABASE")
    assert '"shop_data__old_x" WITH (FORCE)' in first.stdin
    assert '"shop_user"' in second.stdin


def test_an_application_with_clients_is_not_dropped(server: Programs) -> None:
    server.answer("pg_database_size", json.dumps({"shop_data": {**USAGE["shop_data"], "connections": 2}}))
    connected(server, postgres_row("172.18.0.4", 2), postgres_row("", 1, "another"))
    with pytest.raises(RefusedError) as caught:
        applications.drop(DECLARED, "shop")
    who = "shop-blue (blue) 172.18.0.4, 2 as shop"
    assert caught.value.message.startswith(f"2 clients are connected to shop_data: {who}")
    assert not server.started("DROP")


def test_nothing_is_dropped_while_another_operation_is_at_work(programs: Programs) -> None:
    with locks.held("unit", "start"), pytest.raises(LockedError):
        applications.drop(DECLARED, "shop")
    assert programs.calls == []
