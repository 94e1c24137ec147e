"""The provider of an application: its password, faults that are kept, what cannot be renamed, what differs."""

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest

from dbserver.docker import containers, passwords
from dbserver.docker.passwords import Passwords
from dbserver.errors import CommandError, DbServerError, NotRunningError
from dbserver.execute import Finished
from dbserver.postgres import access, scram, server
from infra.application_server import ApplicationProvider
from infra.server import ServerError
from tests.unit.fakes import container

GIVEN = "given-password"
PROPS: dict[str, Any] = {
    "container": "db-server-postgres", "adminUser": "dbadmin", "name": "shop", "database": "shop", "role": "shop",
    "poolSize": 10.0, "instances": 1.0, "redisDatabase": 0.0, "redisPrefix": "shop:", "extensions": ["pg_trgm"],
    "settings": {}, "givenPassword": "", "passwordVersion": 1.0, "keepPassword": False, "drift": [],
    "password": None, "redis_password": None, "passwordDirectory": "/data/passwords/shop", "image": "postgres:17",
}  # fmt: skip
PROVIDER = ApplicationProvider()
GRANTED = Finished(0, f"{access.GRANTED}\n", "")
REFUSED = Finished(3, "", "psql:<stdin>:2: ERROR:  role shop exists with a password\nanother line")
LATER = Finished(3, f"{access.GRANTED}\n", 'psql:<stdin>:9: ERROR:  extension "x" is not available')


class Running:
    """Stands where PostgreSQL would be: keeps what it is sent, answers what the test says."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.fault: DbServerError | None = None
        self.done = GRANTED
        self.exists = "t\nt\nt\nt"
        self.found: dict[str, Any] = {"drift": [], "verifier": ""}
        self.verifier = ""
        self.kept: dict[str, list[Passwords]] = {}

    def query(self, statement: str, database: str = "postgres") -> str:
        if statement.startswith("SELECT coalesce(rolpassword") and not self.fault:
            return self.verifier
        self.sent.append((statement, database))
        if self.fault:
            raise self.fault
        return self.exists if statement.startswith("SELECT EXISTS") else json.dumps(self.found)

    def keep(self, directory: str, known: Sequence[Passwords], _: str) -> None:
        self.sent.append(("kept", directory))
        self.kept[directory] = list(known)

    def attempt(self, statement: str, database: str) -> Finished:
        self.sent.append((statement, database))
        return (
            Finished(self.fault.exit_status, "", self.fault.output)
            if isinstance(self.fault, CommandError)
            else self.done
        )

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
    monkeypatch.setattr(passwords, "read", lambda directory, _: fake.kept.get(directory, []))
    monkeypatch.setattr(passwords, "write", fake.keep)
    monkeypatch.setattr(passwords, "missing", lambda directory: directory not in fake.kept)
    fake.kept[PROPS["passwordDirectory"]] = []
    monkeypatch.setattr(server.Server, "attempt", lambda _, *arguments: fake.attempt(*arguments))
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
    assert running.sent[1][1] == "dbadmin", "the registry is in the administrator's database"
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


@pytest.mark.parametrize(("keep", "drift"), [(False, ["this stack does not know the role's password"]), (True, [])])
def test_a_password_that_nobody_here_knows_is_a_difference_unless_it_is_kept_on_purpose(
    keep: bool,  # noqa: FBT001  a case
    drift: list[str],
) -> None:
    found = PROVIDER.read("shop", {**PROPS, "password": "", "keepPassword": keep}).outs or {}
    assert found["drift"] == drift
    assert PROVIDER.diff("shop", found, {**PROPS, "keepPassword": keep}).changes == bool(drift)


def test_a_password_that_is_no_longer_kept_is_generated_for_a_role_that_has_none(running: Running) -> None:
    """The script refuses a role that has one: it would lock out who uses it."""
    changed = updated(created(keepPassword=True))
    assert running.accepts(changed["password"])
    assert not running.adopts


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


def test_another_version_beside_a_kept_password_rotates_that_of_redis_only(running: Running) -> None:
    made = created(keepPassword=True)
    rotated = updated(made, keepPassword=True, passwordVersion=2.0)
    assert " PASSWORD '" not in running.script
    assert rotated["password"] == ""
    assert rotated["redis_password"] != made["redis_password"]


def test_a_lost_password_is_generated_again(running: Running) -> None:
    changed = updated({**created(), "password": None})
    assert running.accepts(changed["password"])


def test_no_password_is_sent_only_its_verifier(running: Running) -> None:
    made = created(givenPassword=GIVEN)
    updated(made, passwordVersion=2.0)
    for statement, _ in running.sent:
        assert GIVEN not in statement
        assert made["redis_password"] not in statement


# Passwords that are kept on the host ---------------------------------------------------

PLACE = PROPS["passwordDirectory"]


def kept(running: Running) -> list[tuple[str, str, int]]:
    return [(each.postgres, each.redis, each.version) for each in running.kept[PLACE]]


def test_generated_passwords_are_kept_before_the_server_has_them(running: Running) -> None:
    made = created()
    assert [place for statement, place in running.sent if statement == "kept"] == [PLACE]
    assert running.sent[0] == ("kept", PLACE)
    assert kept(running) == [(made["password"], made["redis_password"], 1)]


def test_without_a_state_a_password_is_the_one_that_is_kept_and_that_the_role_has(running: Running) -> None:
    made = created()
    running.verifier = scram.verifier(made["password"])
    again = created()
    assert (again["password"], again["redis_password"]) == (made["password"], made["redis_password"])
    assert running.adopts


@pytest.mark.parametrize("verifier", ["", "none", scram.verifier("another")], ids=["no role", "without one", "another"])
def test_a_kept_password_that_the_role_does_not_have_is_no_right_to_it(running: Running, verifier: str) -> None:
    made = created()
    running.verifier = verifier
    again = created()
    assert again["password"] != made["password"]
    assert not running.adopts


def test_a_rotation_keeps_the_new_passwords_and_those_before(running: Running) -> None:
    made = created()
    rotated = updated(made, passwordVersion=2.0)
    before = (made["password"], made["redis_password"], 1)
    assert kept(running) == [(rotated["password"], rotated["redis_password"], 2), before]
    running.verifier = scram.verifier(made["password"])
    again = created(passwordVersion=2.0)
    assert again["password"] not in (made["password"], rotated["password"]), "a rotation that was lost is made up for"
    assert running.adopts
    running.verifier = scram.verifier(made["password"])
    assert created()["password"] == made["password"]


def test_what_a_state_of_an_older_version_knows_stays_and_is_kept(running: Running) -> None:
    made = created()
    del made["passwordDirectory"]
    running.kept.clear()
    assert PROVIDER.diff("shop", made, PROPS).changes, "an update without it would keep nothing"
    again = updated(made)
    assert (again["password"], again["redis_password"]) == (made["password"], made["redis_password"])
    assert kept(running) == [(made["password"], made["redis_password"], 1)]


def test_a_change_of_something_else_keeps_nothing_anew(running: Running) -> None:
    made = created()
    running.sent.clear()
    updated(made, poolSize=20.0)
    assert "kept" not in [statement for statement, _ in running.sent]


def test_passwords_are_kept_again_with_whatever_is_repaired_by_whoever_cannot_see_that_they_are_gone(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = created()
    running.kept.clear()
    monkeypatch.setattr(passwords, "missing", lambda _: False)
    updated({**made, "drift": []})
    assert not running.kept
    updated({**made, "drift": ["role is missing", "database is missing"]})
    assert kept(running) == [(made["password"], made["redis_password"], 1)]


def test_passwords_that_are_missing_on_the_host_are_a_difference_and_kept_again(running: Running) -> None:
    made = created()
    running.found["verifier"] = scram.verifier(made["password"])
    running.kept.clear()
    found = dict(PROVIDER.read("shop", made).outs or {})
    assert found["drift"] == ["its passwords are not kept on the host"]
    again = updated(found)
    assert again["password"] == made["password"]
    assert kept(running) == [(made["password"], made["redis_password"], 1)]
    assert (PROVIDER.read("shop", again).outs or {})["drift"] == []


def test_a_given_password_is_not_kept_until_it_is_given_no_more(running: Running) -> None:
    made = created(givenPassword=GIVEN)
    assert kept(running) == [("", made["redis_password"], 1)]
    updated(made)
    assert kept(running)[0] == (GIVEN, made["redis_password"], 1)


@pytest.mark.parametrize("declared", [{"givenPassword": GIVEN}, {"keepPassword": True}])
def test_that_of_redis_is_known_again_where_the_declaration_decides_on_that_of_the_role(
    running: Running, declared: dict[str, Any]
) -> None:
    made = created(**declared)
    running.verifier = scram.verifier("another")
    again = created(**declared)
    assert (again["password"], again["redis_password"]) == (made["password"], made["redis_password"])


def test_what_cannot_be_kept_is_not_set(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise DbServerError("no space left")

    made = created()
    monkeypatch.setattr(passwords, "write", full)
    running.sent.clear()
    failed = updated(made, passwordVersion=2.0)
    assert (failed["drift"], failed["password"], running.sent) == (["no space left"], made["password"], [])
    monkeypatch.setattr(passwords, "write", running.keep)
    mended = updated(failed, passwordVersion=2.0)
    assert mended["password"] == kept(running)[0][0] != made["password"]


# Faults -----------------------------------------------------------------------------


def test_a_fault_is_kept_as_drift_so_that_the_other_applications_are_finished(running: Running) -> None:
    running.done = REFUSED
    made = created()
    assert (made["drift"], made["password"]) == (["role shop exists with a password"], "")
    running.done = GRANTED
    assert PROVIDER.diff("shop", made, PROPS).changes is True, "the next update tries again"
    mended = updated(made)
    assert mended["drift"] == []
    assert running.accepts(mended["password"])
    assert not running.adopts, "a password that was never accepted gives no right to the role"


def test_a_fault_without_an_error_line_is_kept_whole(running: Running) -> None:
    running.done = Finished(1, "", "Error response from daemon: container is not running\n")
    assert created()["drift"] == ["Error response from daemon: container is not running"]


def test_a_script_that_takes_too_long_is_kept_as_drift_too(running: Running) -> None:
    """As where a lock is held: raised, it would keep the other applications from being finished."""
    running.fault = CommandError("docker exec", 124, "no answer within 60 s")
    made = created()
    assert len(made["drift"]) == 1
    assert "no answer within 60 s" in made["drift"][0]


def test_a_password_is_kept_once_the_role_has_it_whatever_fails_later(running: Running) -> None:
    running.done = LATER
    made = created()
    assert made["drift"] == ['extension "x" is not available']
    assert running.accepts(made["password"])
    running.done = GRANTED
    mended = updated(made)
    assert (mended["password"], mended["drift"], running.adopts) == (made["password"], [], True)


def test_a_given_password_that_was_refused_is_not_shown_as_that_of_the_role(running: Running) -> None:
    made = created()
    running.done = REFUSED
    assert updated(made, givenPassword=GIVEN)["password"] == made["password"]


def test_a_fault_of_a_later_update_does_not_forget_that_the_role_is_ours(running: Running) -> None:
    made = created()
    running.done = REFUSED
    failed = updated(made, poolSize=20.0)
    assert failed["password"] == made["password"]
    running.done = GRANTED
    updated(failed, poolSize=20.0)
    assert running.adopts


def test_a_rotation_that_failed_leaves_the_password_that_works(running: Running) -> None:
    made = created()
    running.done = REFUSED
    assert updated(made, passwordVersion=2.0)["password"] == made["password"]


def test_a_rotation_that_failed_is_finished_by_the_next_update(running: Running) -> None:
    made = created()
    running.done = REFUSED
    failed = updated(made, passwordVersion=2.0)
    running.done = GRANTED
    mended = updated(failed, passwordVersion=2.0)
    assert mended["drift"] == []
    assert running.accepts(mended["password"])
    assert running.adopts
    assert mended["password"] != made["password"], "another version was declared, and the old password stayed"


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
        ("f t t f", ["role is missing"]), ("t f f t", ["database is missing"]),
        ("f f f []", ["role is missing", "database is missing"]),
        ("t t f t", ["database takes no connections"]),
        ("t t f f", ["database takes no connections", "the registry knows it otherwise"]),
    ],
)  # fmt: skip
def test_what_is_missing_is_seen_without_asking_in_a_database_that_nobody_can_ask_in(
    running: Running, exists: str, missing: list[str]
) -> None:
    running.exists = exists.replace(" ", "\n")
    assert read() == missing
    assert len(running.sent) == 1


@pytest.mark.parametrize("known", ["f", "[]"])
def test_an_entry_of_the_registry_that_somebody_has_changed_is_told(running: Running, known: str) -> None:
    running.exists = f"t\nt\nt\n{known}"
    assert read()[0] == "the registry knows it otherwise"


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


def test_a_server_that_does_not_answer_ends_the_refresh_with_the_next_step(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.Server, "wait", lambda _: None)
    running.fault = NotRunningError("no answer", "./scripts/start.sh")
    with pytest.raises(ServerError, match=r"no answer\nHINT: \./scripts/start\.sh"):
        read()


def test_removing_the_declaration_drops_nothing(running: Running) -> None:
    PROVIDER.delete("shop", PROPS)
    assert running.sent == []
