"""What is looked at, and what is no installation to adopt."""

import json

import pytest

from dbserver.adoption import looking
from dbserver.adoption.looking import Where, foreign
from dbserver.errors import NotRunningError, UsageError
from tests.unit.dbserver.adoption.installed import container
from tests.unit.fakes import NO_CONTAINER, Failed, Programs, inspected

WHERE = Where("db-server-postgres", "db-server-redis")


def both(programs: Programs, *networks: str, labels: dict[str, str] | None = None, status: str = "running") -> None:
    entries = [inspected("db-server-postgres"), inspected("db-server-redis")]
    for entry in entries:
        entry["Config"]["Labels"] = labels or {}
        entry["State"]["Status"] = status
        entry["NetworkSettings"]["Networks"] = {name: {} for name in networks}
    programs.answer("container inspect", json.dumps(entries))


def test_a_container_that_is_missing_is_named_with_the_option_that_names_another(programs: Programs) -> None:
    programs.answer("container inspect", NO_CONTAINER)
    with pytest.raises(NotRunningError) as caught:
        looking.look(WHERE)
    assert "--postgres NAME" in caught.value.hint


def test_what_a_stack_has_made_is_not_adopted(programs: Programs) -> None:
    both(programs, labels={"com.database.stack": "dev"})
    with pytest.raises(UsageError, match="stack dev's already"):
        looking.look(WHERE)


def test_what_does_not_run_is_not_adopted(programs: Programs) -> None:
    both(programs, status="exited")
    with pytest.raises(NotRunningError, match="db-server-postgres is exited"):
        looking.look(WHERE)


def test_of_several_networks_one_has_to_be_named(programs: Programs) -> None:
    both(programs, "nginx-network", "old")
    with pytest.raises(UsageError) as caught:
        looking.look(WHERE)
    assert caught.value.hint == "--network nginx-network"


def test_a_network_that_is_named_and_missing_is_told(programs: Programs) -> None:
    both(programs, "nginx-network")
    programs.answer("network inspect", Failed("Error: No such network: web"))
    with pytest.raises(UsageError, match="no network web"):
        looking.look(Where("db-server-postgres", "db-server-redis", "web"))


def test_a_password_of_redis_is_taken_from_the_command_and_stands_in_no_argument(programs: Programs) -> None:
    found = foreign(container("redis", "/data", 6379, command=("redis-server", "--requirepass", "of-redis")))
    programs.answer("redis-cli", "PONG")
    assert found.command("PING") == "PONG"
    assert "of-redis" not in programs.calls[0].text
    assert programs.calls[0].options["env"]["REDISCLI_AUTH"] == "of-redis"
    assert "of-redis" not in " ".join(found.taking())
    assert "of-redis" not in repr(found)


def test_a_password_of_redis_that_is_not_known_is_asked_for(programs: Programs) -> None:
    programs.answer("redis-cli", Failed("NOAUTH Authentication required."))
    with pytest.raises(NotRunningError) as caught:
        foreign(container("redis", "/data", 6379)).answer()
    assert caught.value.hint == "--redis-password-file FILE"
