"""What is missing after a swap is found; what clients have written meanwhile is no loss."""

import json
from typing import Any

import pytest

from dbserver.adoption import proof
from dbserver.errors import DbServerError
from dbserver.postgres.server import Server
from tests.unit.dbserver.adoption.installed import role
from tests.unit.fakes import Failed, Programs

SERVER = Server("db-server-postgres", "dbadmin")
BEFORE: dict[str, Any] = {
    "system": "7000",
    "position": "0/1",
    "roles": {"dbadmin": "old", "shop": "SCRAM-SHA-256$shop"},
    "databases": {"shop": {"public.orders": 500}},
    "owners": {"shop": "shop"},
}
ROWS = '["public", "orders", 501]\n["pg_catalog", "pg_largeobject_metadata", 0]\n'


def told(*roles: dict[str, Any], system: str = "7000", ahead: bool = True) -> str:
    known = list(roles) or [role("dbadmin", verifier="new"), role("shop")]
    return json.dumps({"system": system, "ahead": ahead, "roles": known})


def prove(programs: Programs, identity: str, rows: str = ROWS, login: str | Failed = "1") -> Any:
    programs.answer("pg_control_system", identity)
    programs.answer("gexec", rows)
    programs.answer("-U shop", login)
    return proof.prove(SERVER, BEFORE)


def test_the_same_server_with_more_rows_and_another_administrators_password_is_proved(programs: Programs) -> None:
    found = prove(programs, told())
    assert [(each.database, each.tables, each.rows_before, each.rows) for each in found] == [("shop", 1, 500, 501)]


@pytest.mark.parametrize(
    ("identity", "rows", "login", "words"),
    [
        (told(system="1"), ROWS, "1", "another server's data"),
        (told(ahead=False), ROWS, "1", "it is older than it was"),
        (told(role("dbadmin")), ROWS, "1", "role shop is gone"),
        (told(role("dbadmin"), role("shop", verifier="x")), ROWS, "1", "role shop has another password"),
        (told(), '["public", "users", 1]\n', "1", "shop lacks public.orders"),
        (told(), ROWS, Failed("FATAL:  too many connections"), "shop does not come into shop: FATAL"),
    ],
)
def test_what_is_missing_is_named(
    programs: Programs, identity: str, rows: str, login: str | Failed, words: str
) -> None:
    with pytest.raises(DbServerError, match=words):
        prove(programs, identity, rows, login)


def test_an_emptied_redis_is_a_loss_and_fewer_keys_are_none() -> None:
    assert proof.prove_redis({"db0": "keys=3,expires=0"}, {"db0": 5}) == 3
    with pytest.raises(DbServerError, match="db1"):
        proof.prove_redis({"db0": "keys=3,expires=0"}, {"db0": 5, "db1": 1})
