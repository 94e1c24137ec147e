"""The provider of Redis' users: writes and loads their rules, sees those changed by hand."""

from typing import Any

import pytest

from dbserver.docker import host
from dbserver.redis import access, commands
from infra.redis_users import RedisUsersProvider
from infra.server import ServerError
from tests.unit.fakes import Failed, Programs, inspected, printed

PROVIDER = RedisUsersProvider()
LOCAL = "c" * 64
BEFORE = "user default on\n"
LISTED = "user default on\nuser dbadmin on\n"
TENANT: dict[str, Any] = {"name": "shop", "prefix": "shop:", "password": "tenant-password", "scan": False}
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
    programs.answer("dbadmin ACL LIST", LISTED)
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
    redis.answer("dbadmin ACL LIST", lines)
    assert (PROVIDER.read("id", outs).outs or {})["drift"] == ""
    assert PROVIDER.diff("id", outs, PROPS).changes is False
    assert len(written) == 1


@pytest.mark.usefixtures("written")
def test_a_user_changed_by_hand_is_drift_that_the_next_update_mends(redis: Programs) -> None:
    outs = converged()
    redis.answer("dbadmin ACL LIST", "user default on nopass +@all\nuser dbadmin on\n")
    seen = dict(PROVIDER.read("id", outs).outs or {})
    assert seen["drift"] == "users were changed by hand"
    assert PROVIDER.diff("id", seen, PROPS).changes is True
    redis.answer("dbadmin ACL LIST", LISTED)
    assert (PROVIDER.update("id", seen, PROPS).outs or {})["drift"] == ""


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
