"""The provider of Redis' users: writes and loads their rules, sees those changed by hand."""

from typing import Any

import pytest

from dbserver.docker import host
from dbserver.redis import access, commands
from infra.redis_users import RedisUsersProvider
from infra.server import ServerError
from tests.unit.fakes import NO_CONTAINER, Failed, Programs, connected, inspected, postgres_row, printed

PROVIDER = RedisUsersProvider()
LOCAL = "c" * 64
BEFORE = access.rules("dbadmin", "d" * 64, [])
LISTED = "user default on\nuser dbadmin on\n"
TENANT: dict[str, Any] = {
    "name": "shop", "prefixes": ["shop:"], "password": "tenant-password", "scan": False, "channels": [],
}  # fmt: skip
PROPS: dict[str, Any] = {
    "container": "db-server-redis", "containerId": "c" * 64, "image": "redis:8", "configDirectory": "/config",
    "adminUser": "dbadmin", "open": False, "fence": access.fence(), "tenants": [TENANT],
    "drift": "", "loaded": None,
}  # fmt: skip


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    done: list[Any] = []
    monkeypatch.setattr(host, "write_files", lambda path, files, image, **_: done.append((path, dict(files), image)))
    return done


@pytest.fixture
def redis(programs: Programs) -> Programs:
    programs.answer("ACL CAT", f"{LOCAL}\n\0keyspace\nread\nsearch\n\0{BEFORE}")
    programs.answer("ACL LOAD", f"OK\n{LISTED}")
    programs.answer("|| true; printf", f"{BEFORE}\0{LISTED}")
    programs.answer("container inspect", printed(inspected("db-server-redis")))
    return programs


def converged(**changes: Any) -> dict[str, Any]:
    return dict(PROVIDER.create({**PROPS, **changes}).outs or {})


def test_the_rules_are_written_and_then_loaded(redis: Programs, written: list[Any]) -> None:
    outs = converged()
    rules = access.rules("dbadmin", LOCAL, [access.Tenant(**TENANT)], ["search"])
    assert written == [("/config", {"users.acl": rules}, "redis:8")]
    assert len(redis.started("ACL LOAD")) == 1
    assert (outs["drift"], bool(outs["loaded"])) == ("", True)


def test_an_open_redis_has_no_tenants(redis: Programs, written: list[Any]) -> None:
    converged(open=True, tenants=[])
    assert len(redis.started("ACL LOAD")) == 1
    assert written[0][1]["users.acl"].endswith("user default on nopass sanitize-payload ~* &* +@all\n")


def test_no_password_is_an_argument_or_stands_in_the_file(redis: Programs, written: list[Any]) -> None:
    converged()
    assert not [call for call in redis.calls if " tenant-password" in call.text]
    assert "tenant-password" not in written[0][1]["users.acl"]


@pytest.mark.parametrize("lines", ["user dbadmin on\nuser default on\n", "user default on\nuser dbadmin on\n"])
def test_the_order_in_which_the_server_lists_its_users_is_no_difference(
    redis: Programs, written: list[Any], lines: str
) -> None:
    outs = converged()
    redis.answer("|| true; printf", f"{BEFORE}\0{lines}")
    assert (PROVIDER.read("id", outs).outs or {})["drift"] == ""
    assert PROVIDER.diff("id", outs, PROPS).changes is False
    assert len(written) == 1


@pytest.mark.usefixtures("written")
def test_a_user_changed_by_hand_is_drift_that_the_next_update_mends(redis: Programs) -> None:
    outs = converged()
    redis.answer("|| true; printf", f"{BEFORE}\0user default on nopass +@all\nuser dbadmin on\n")
    seen = dict(PROVIDER.read("id", outs).outs or {})
    assert seen["drift"] == "users were changed by hand"
    assert PROVIDER.diff("id", seen, PROPS).changes is True
    redis.answer("|| true; printf", f"{BEFORE}\0{LISTED}")
    assert (PROVIDER.update("id", seen, PROPS).outs or {})["drift"] == ""


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize("text", ["", "user %%%\n", f"{BEFORE}user shop on"])
def test_a_file_on_which_redis_would_not_start_is_drift_and_is_never_put_back(
    redis: Programs, written: list[Any], text: str
) -> None:
    outs = converged()
    redis.answer("|| true; printf", f"{text}\0{LISTED}")
    seen = dict(PROVIDER.read("id", outs).outs or {})
    assert seen["drift"] == "users.acl is gone or damaged"
    assert PROVIDER.diff("id", seen, PROPS).changes is True
    redis.answer("ACL CAT", f"{LOCAL}\n\0keyspace\n\0{text}")
    redis.answer("ACL LOAD", Failed("ERR"))
    with pytest.raises(ServerError):
        converged()
    assert text not in [files["users.acl"] for _, files, _ in written]


@pytest.mark.usefixtures("redis")
def test_a_password_that_is_on_the_administrator_from_before_leaves_the_rules(written: list[Any]) -> None:
    """The declared one was the administrator's too, from wherever Redis is reached."""
    before = {**PROPS, "adminPassword": "declared"}
    assert PROVIDER.diff("id", before, PROPS).changes is True
    outs = dict(PROVIDER.update("id", before, PROPS).outs or {})
    assert access.hashed("declared") not in written[0][1]["users.acl"]
    assert PROVIDER.diff("id", outs, PROPS).changes is False


@pytest.mark.parametrize("changed", ["container", "containerId", "adminUser", "open", "fence", "tenants"])
def test_every_property_is_brought_in_line_in_place(changed: str) -> None:
    result = PROVIDER.diff("id", PROPS, {**PROPS, changed: "another"})
    assert (result.changes, result.replaces) == (True, [])


def test_users_that_another_version_made_are_made_again() -> None:
    older = {name: value for name, value in PROPS.items() if name != "fence"}
    assert PROVIDER.diff("id", older, PROPS).changes is True
    assert PROVIDER.diff("id", PROPS, dict(PROPS)).changes is False


def test_rules_that_the_server_refuses_are_taken_back_because_it_would_not_start_on_them(
    redis: Programs, written: list[Any]
) -> None:
    """Redis ends at its start where it cannot read the file; it restarts by itself, also with the host."""
    redis.answer("ACL LOAD", Failed("ERR /usr/local/etc/redis/users.acl:3: Unknown command or category name"))
    with pytest.raises(ServerError, match="Unknown command or category name"):
        converged()
    assert [files["users.acl"] == BEFORE for _, files, _ in written] == [False, True]
    read, loaded = redis.started("users.acl")[0], redis.started("ACL LOAD")[0]
    assert redis.calls.index(read) < redis.calls.index(loaded)


def test_rules_that_the_server_took_stay_where_it_then_does_not_list_them(redis: Programs, written: list[Any]) -> None:
    """The file before would not be what is in force."""
    redis.answer("ACL LOAD", Failed("Could not connect to Redis at 127.0.0.1:6379", commands.LOADED))
    with pytest.raises(ServerError, match="Could not connect to Redis"):
        converged()
    assert len(written) == 1


@pytest.mark.parametrize("missing", ["", "cat: users.acl: No such file or directory"], ids=["password", "rules"])
def test_rules_are_not_written_where_those_before_or_the_password_cannot_be_read(
    redis: Programs, written: list[Any], missing: str
) -> None:
    redis.answer("ACL CAT", Failed(missing))
    with pytest.raises(ServerError, match=f"ended with exit status 1: {missing}"):
        converged()
    assert written == []


@pytest.mark.usefixtures("written")
def test_rules_are_loaded_with_two_commands_and_compared_with_one(redis: Programs) -> None:
    """Each `docker exec` costs a tenth of a second while the machine is busy with a first start."""
    outs = converged()
    assert len(redis.calls) == len(redis.started("docker exec")) == 2
    PROVIDER.read("id", outs)
    assert len(redis.started("docker exec")) == 3


@pytest.fixture
def standing(programs: Programs) -> Programs:
    """A stack with both servers and an archive, of which Redis' container knows the name."""
    connected(programs, postgres_row("172.18.0.4", 5))
    entry = inspected("db-server-redis")
    entry["Config"]["Labels"] = {**(entry["Config"]["Labels"] or {}), "com.database.stack": "unit"}
    programs.answer("container inspect db-server-redis", printed(entry))
    servers = "postgres db-server-postgres nginx-network\nredis db-server-redis nginx-network\n"
    programs.answer("--filter label=com.database.stack=unit", f"{servers}archive db-server-archive none\n")
    return programs


def test_deleting_the_stack_is_refused_while_applications_are_connected(
    standing: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ServerError, match=r"destroying the stack: .*shop-blue \(blue\) 5 to postgres") as caught:
        PROVIDER.delete("id", PROPS)
    assert "DBSERVER_DISCONNECT_APPLICATIONS=yes" in str(caught.value)
    assert standing.started("network inspect nginx-network")
    monkeypatch.setenv("DBSERVER_DISCONNECT_APPLICATIONS", "yes")
    PROVIDER.delete("id", PROPS)


def test_deleting_the_stack_goes_on_where_nobody_is_connected_and_where_nothing_runs(standing: Programs) -> None:
    connected(standing, postgres_row("172.18.0.1"))
    PROVIDER.delete("id", PROPS)
    standing.answer("container inspect", NO_CONTAINER)
    PROVIDER.delete("id", PROPS)
