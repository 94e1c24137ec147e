"""Generated passwords are on the host before a server has them: no kill and no lost state loses one."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dbserver.docker import host, passwords
from dbserver.postgres import access, scram
from dbserver.postgres.server import Server
from dbserver.settings.application import Application
from infra.application_server import ApplicationProvider
from tests.support.lending import Lent

PROVIDER = ApplicationProvider()
ECHO = f"\\echo {access.GRANTED}\n"


class KilledError(BaseException):
    """Where a SIGKILL would come: nothing after it happens, nobody catches it."""


def before(_: Callable[..., Any]) -> Callable[..., Any]:
    def killed(*_: Any) -> None:
        raise KilledError

    return killed


def after(act: Callable[..., Any]) -> Callable[..., Any]:
    def killed(*arguments: Any) -> None:
        act(*arguments)
        raise KilledError

    return killed


def before_it_has_its_name(act: Callable[..., Any]) -> Callable[..., Any]:
    def killed(path: Path, text: str, mode: int) -> None:
        act(path.with_name(f".{path.name}.new"), text, mode)
        raise KilledError

    return killed


def after_the_role(act: Callable[..., Any]) -> Callable[..., Any]:
    def killed(server: Any, script: str, database: str) -> None:
        act(server, script.partition(ECHO)[0], database)
        raise KilledError

    return killed


POINTS = {
    "before-anything": (passwords, "write", before),
    "file-begun": (host, "replace_file", before_it_has_its_name),
    "file-there": (passwords, "write", after),
    "before-the-role": (Server, "attempt", before),
    "role-made": (Server, "attempt", after_the_role),
    "all-made": (Server, "attempt", after),
}
at_every_point = pytest.mark.parametrize("point", POINTS)


def wanted(lent: Lent, name: str, **entry: Any) -> dict[str, Any]:
    return lent.wanted(Application.model_validate({"name": name, **entry}))


def created(props: dict[str, Any]) -> dict[str, Any]:
    made = dict(PROVIDER.create(props).outs or {})
    assert made["drift"] == []
    return made


def updated(olds: dict[str, Any], props: dict[str, Any]) -> dict[str, Any]:
    made = dict(PROVIDER.update(props["name"], olds, props).outs or {})
    assert made["drift"] == []
    return made


def question(script: object) -> bool:
    return isinstance(script, str) and script.startswith("SELECT")


def kill(point: str, act: Callable[[], object]) -> None:
    module, name, how = POINTS[point]
    done = getattr(module, name)
    killed = how(done)
    with pytest.MonkeyPatch.context() as patch:
        # What is only asked goes the same way as what is done.
        patch.setattr(module, name, lambda *said: (done if question(said[1]) else killed)(*said))
        with pytest.raises(KilledError):
            act()


def verifier(lent: Lent, role: str) -> str:
    return lent.sql(f"SELECT rolpassword FROM pg_authid WHERE rolname = '{role}'")


@at_every_point
def test_a_first_update_that_is_killed_loses_no_password(lent: Lent, point: str) -> None:
    props = wanted(lent, f"first-{point}")
    role = props["role"]
    kill(point, lambda: PROVIDER.create(props))
    stood = verifier(lent, role)
    assert bool(stood) == point.endswith("-made")
    made = created(props)
    assert lent.password_works(made["password"], role)
    if stood:
        assert scram.matches(stood, made["password"]), "it has another one now"


@pytest.mark.parametrize("state", ["known", "lost"])
@at_every_point
def test_a_rotation_that_is_killed_is_done_by_the_next_update(lent: Lent, point: str, state: str) -> None:
    props = wanted(lent, f"again-{state}-{point}")
    role, made, new = props["role"], created(props), {**props, "passwordVersion": 2}
    kill(point, lambda: PROVIDER.update(props["name"], made, new))
    rotated = created(new) if state == "lost" else updated(made, new)
    assert rotated["password"] != made["password"]
    assert rotated["redis_password"] != made["redis_password"]
    assert lent.password_works(rotated["password"], role)
    assert not lent.password_works(made["password"], role)


@pytest.mark.parametrize("direct", [True, False], ids=["itself", "by a helper"])
def test_what_comes_back_has_its_passwords_until_it_is_dropped(
    lent: Lent,
    monkeypatch: pytest.MonkeyPatch,
    direct: bool,  # noqa: FBT001  a case
) -> None:
    """An entry that was removed, a state that was lost, a stack that was destroyed: all are created over their role."""
    monkeypatch.setattr(host, "direct", lambda: direct)
    props = wanted(lent, f"back-{direct}".lower())
    role, place = props["role"], Path(props["passwordDirectory"])
    made = created(props)
    PROVIDER.delete(props["name"], made)
    again = created(props)
    assert (again["password"], again["redis_password"]) == (made["password"], made["redis_password"])
    assert lent.password_works(again["password"], role)
    assert [path.stat().st_mode & 0o777 for path in (place / passwords.FILE, place.parent, place.parent.parent)] == [
        0o600, 0o700, 0o700,
    ]  # fmt: skip
    lent.script("dbserver", "drop", props["name"], "--confirm", props["name"]).ok()
    assert not place.exists()
    assert created(props)["password"] != made["password"]
    passwords.forget(str(place), props["image"])
    assert not place.exists()


def test_the_passwords_of_an_older_version_s_state_stay_and_are_kept_from_then_on(lent: Lent) -> None:
    props = wanted(lent, "older")
    made = created(props)
    del made["passwordDirectory"]
    shutil.rmtree(props["passwordDirectory"])
    stood = verifier(lent, "older")
    assert PROVIDER.diff("older", made, props).changes
    kept = updated(made, props)
    assert scram.matches(stood, kept["password"])
    assert not PROVIDER.diff("older", kept, {**props, "drift": []}).changes
    again = created(props)
    assert (again["password"], again["redis_password"]) == (made["password"], made["redis_password"])


def test_a_password_that_was_never_set_is_no_right_to_a_role_of_somebody_s(lent: Lent) -> None:
    props = wanted(lent, "theirs")
    lent.sql("CREATE ROLE theirs LOGIN PASSWORD 'their-own-password'")
    for _ in range(2):
        refused = PROVIDER.create(props).outs or {}
        assert "role theirs exists with a password that this stack does not know" in refused["drift"][0]
        assert refused["password"] == ""
    assert scram.matches(verifier(lent, "theirs"), "their-own-password")
