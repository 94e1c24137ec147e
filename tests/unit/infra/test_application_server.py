"""The provider of an application: its password, faults that are kept, what cannot be renamed, what differs."""

import json
import re
from typing import Any

import pytest

from dbserver.docker import containers
from dbserver.errors import CommandError, NotRunningError
from dbserver.postgres import scram, server
from infra.application_server import ApplicationProvider
from infra.server import ServerError
from tests.unit.fakes import container

GIVEN = "given-password"
PROPS: dict[str, Any] = {
    "container": "db-server-postgres", "adminUser": "dbadmin", "name": "shop", "database": "shop", "role": "shop",
    "poolSize": 10.0, "instances": 1.0, "redisDatabase": 0.0, "redisPrefix": "shop:", "extensions": ["pg_trgm"],
    "settings": {}, "givenPassword": "", "passwordVersion": 1.0, "keepPassword": False, "drift": [],
    "password": None, "redis_password": None, "known": None,
}  # fmt: skip
PROVIDER = ApplicationProvider()


class Running:
    """Stands where PostgreSQL would be: keeps what it is sent, answers what the test says."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.fault: Exception | None = None
        self.exists = "t|t"
        self.found: dict[str, Any] = {"drift": [], "verifier": ""}

    def query(self, statement: str, database: str = "postgres") -> str:
        self.sent.append((statement, database))
        if self.fault:
            raise self.fault
        return self.exists if statement.startswith("SELECT EXISTS") else json.dumps(self.found)

    @property
    def script(self) -> str:
        return self.sent[-1][0]

    def accepts(self, password: str) -> bool:
        stored = re.search(r" PASSWORD '([^']*)'", self.script)
        return bool(stored and scram.matches(stored[1], password))

    @property
    def adopts(self) -> bool:
        """True where the script takes a role over that has a password."""
        return "AND false)" in self.script


@pytest.fixture(autouse=True)
def running(monkeypatch: pytest.MonkeyPatch) -> Running:
    fake = Running()
    monkeypatch.setattr(server.Server, "query", lambda _, *arguments: fake.query(*arguments))
    monkeypatch.setattr(containers, "inspect", lambda _: {"db-server-postgres": container()})
    return fake


def created(**changes: Any) -> dict[str, Any]:
    return dict(PROVIDER.create({**PROPS, **changes}).outs or {})


def updated(olds: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return dict(PROVIDER.update("shop", olds, {**PROPS, **changes}).outs or {})


def read() -> list[str]:
    return list((PROVIDER.read("shop", {**PROPS, "password": "the-password"}).outs or {})["drift"])


# Passwords ------------------------------------------------------------------------


def test_a_password_is_generated_once_and_kept(running: Running) -> None:
    made = created()
    assert len(made["password"]) >= 32
    assert running.accepts(made["password"])
    assert running.sent[0][1] == "dbadmin", "the registry is in the administrator's database"
    again = updated(made, poolSize=20.0)
    assert again["password"] == made["password"]
    assert again["redis_password"] == made["redis_password"]
    assert running.accepts(made["password"])


def test_two_applications_have_two_passwords_and_redis_another() -> None:
    one, other = created(), created()
    assert len({one["password"], other["password"], one["redis_password"], other["redis_password"]}) == 4


def test_a_password_that_is_given_is_used_and_the_role_adopted(running: Running) -> None:
    made = created(givenPassword=GIVEN)
    assert (made["password"], running.accepts(GIVEN), running.adopts) == (GIVEN, True, True)


def test_a_password_that_is_given_later_is_changed_and_one_that_is_no_longer_given_stays(running: Running) -> None:
    changed = updated(created(), givenPassword=GIVEN)
    assert (changed["password"], running.accepts(GIVEN)) == (GIVEN, True)
    assert updated(changed)["password"] == GIVEN


def test_a_generated_password_is_not_set_on_a_role_with_one_that_nobody_knows(running: Running) -> None:
    created()
    assert not running.adopts


def test_a_password_that_is_kept_is_neither_set_nor_known(running: Running) -> None:
    made = created(keepPassword=True)
    assert (made["password"], running.adopts) == ("", True)
    assert " PASSWORD '" not in running.script
    assert updated(made, keepPassword=True, poolSize=20.0)["password"] == ""
    assert " PASSWORD '" not in running.script


def test_a_password_that_is_no_longer_kept_is_generated(running: Running) -> None:
    changed = updated(created(keepPassword=True))
    assert running.accepts(changed["password"])


def test_another_version_rotates_both_passwords(running: Running) -> None:
    made = created()
    rotated = updated(made, passwordVersion=2.0)
    assert running.accepts(rotated["password"])
    assert running.adopts
    assert rotated["password"] != made["password"]
    assert rotated["redis_password"] != made["redis_password"]
    assert updated({**rotated, "passwordVersion": 2.0}, passwordVersion=2.0)["password"] == rotated["password"]


def test_another_version_beside_a_given_password_rotates_that_of_redis_only() -> None:
    made = created(givenPassword=GIVEN)
    rotated = updated(made, givenPassword=GIVEN, passwordVersion=2.0)
    assert rotated["password"] == GIVEN
    assert rotated["redis_password"] != made["redis_password"]


def test_a_password_that_the_state_knows_is_not_forgotten_by_the_next_update() -> None:
    """Rotated beside keepPassword: the environment would lose the one password that works."""
    rotated = updated(created(keepPassword=True), keepPassword=True, passwordVersion=2.0)
    if rotated["password"]:
        again = updated(rotated, keepPassword=True, passwordVersion=2.0, poolSize=20.0)
        assert again["password"] == rotated["password"]


def test_a_lost_password_is_generated_again(running: Running) -> None:
    changed = updated({**created(), "password": None})
    assert running.accepts(changed["password"])


def test_no_password_is_sent_only_its_verifier(running: Running) -> None:
    made = created(givenPassword=GIVEN)
    updated(made, passwordVersion=2.0)
    for statement, _ in running.sent:
        assert GIVEN not in statement
        assert made["redis_password"] not in statement


# Faults -----------------------------------------------------------------------------

REFUSED = CommandError("docker exec", 3, "psql:<stdin>:2: ERROR:  role shop exists with a password\nanother line")


def test_a_fault_is_kept_as_drift_so_that_the_other_applications_are_finished(running: Running) -> None:
    running.fault = REFUSED
    made = created()
    assert made["drift"] == ["role shop exists with a password"]
    assert made["known"] is False
    running.fault = None
    assert PROVIDER.diff("shop", made, PROPS).changes is True, "the next update tries again"
    mended = updated(made)
    assert (mended["drift"], mended["known"], mended["password"]) == ([], True, made["password"])
    assert not running.adopts, "a password that was never accepted gives no right to the role"


def test_a_fault_without_an_error_line_is_kept_whole(running: Running) -> None:
    running.fault = CommandError("docker exec", 124, "no answer within 60 s")
    assert created()["drift"] == ["no answer within 60 s"]


def test_a_fault_of_a_later_update_does_not_forget_that_the_role_is_ours(running: Running) -> None:
    made = created()
    running.fault = REFUSED
    failed = updated(made, poolSize=20.0)
    assert (failed["known"], failed["password"]) == (True, made["password"])
    running.fault = None
    updated(failed, poolSize=20.0)
    assert running.adopts


def test_a_rotation_that_failed_is_finished_by_the_next_update(running: Running) -> None:
    made = created()
    running.fault = REFUSED
    failed = updated(made, passwordVersion=2.0)
    running.fault = None
    mended = updated(failed, passwordVersion=2.0)
    assert mended["drift"] == []
    assert running.accepts(mended["password"])
    assert running.adopts


# Differences --------------------------------------------------------------------------


def test_an_application_as_declared_shows_no_difference_beside_its_outputs() -> None:
    made = created()
    assert PROVIDER.diff("shop", made, PROPS).changes is False


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("container", "other"), ("adminUser", "boss"), ("poolSize", 11.0), ("instances", 2.0),
        ("redisDatabase", 1.0), ("redisPrefix", "x:"), ("extensions", []), ("settings", {"jit": "off"}),
        ("givenPassword", GIVEN), ("passwordVersion", 2.0), ("keepPassword", True),
    ],
)  # fmt: skip
def test_every_property_is_changed_in_place(key: str, value: Any) -> None:
    result = PROVIDER.diff("shop", created(), {**PROPS, key: value})
    assert (result.changes, result.replaces) == (True, [])


@pytest.mark.parametrize("key", ["database", "role"])
def test_a_renamed_database_or_role_is_refused_in_the_preview_with_the_way(key: str) -> None:
    with pytest.raises(ServerError) as caught:
        PROVIDER.diff("shop", created(), {**PROPS, key: "renamed"})
    text = str(caught.value)
    assert text.startswith(f"application shop: its {key} cannot be renamed from shop to renamed here")
    assert f"ALTER {key.upper()} shop RENAME TO renamed" in text


@pytest.mark.parametrize(
    ("exists", "missing"),
    [
        ("f|t", ["role is missing"]), ("t|f", ["database is missing"]),
        ("f|f", ["role is missing", "database is missing"]),
    ],
)  # fmt: skip
def test_what_is_missing_is_seen_without_asking_in_a_database_that_is_not_there(
    running: Running, exists: str, missing: list[str]
) -> None:
    running.exists = exists
    assert read() == missing
    assert len(running.sent) == 1


def test_what_differs_is_told_in_words_and_a_changed_password_too(running: Running) -> None:
    running.found = {"drift": ["role has other settings"], "verifier": scram.verifier("another")}
    assert read() == ["role has other settings", "role has another password"]
    assert running.sent[-1][1] == "shop", "asked in the application's own database"


def test_a_password_that_works_is_no_difference(running: Running) -> None:
    running.found = {"drift": [], "verifier": scram.verifier("the-password")}
    assert read() == []


@pytest.mark.parametrize("found", [{}, {"db-server-postgres": container(state="exited")}], ids=["gone", "stopped"])
def test_a_server_that_is_stopped_or_gone_is_another_resource_s_matter(
    running: Running, monkeypatch: pytest.MonkeyPatch, found: Any
) -> None:
    monkeypatch.setattr(containers, "inspect", lambda _: found)
    result = PROVIDER.read("shop", PROPS)
    assert (result.id, result.outs, running.sent) == ("shop", PROPS, [])


def test_a_server_that_does_not_answer_ends_the_refresh_with_the_next_step(running: Running) -> None:
    running.fault = NotRunningError("no answer", "./scripts/start.sh")
    with pytest.raises(ServerError, match=r"no answer\nHINT: \./scripts/start\.sh"):
        read()


def test_removing_the_declaration_drops_nothing(running: Running) -> None:
    PROVIDER.delete("shop", PROPS)
    assert running.sent == []
