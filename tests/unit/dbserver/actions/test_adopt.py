"""adopt, its way back and its end: which step follows which, and what a failure leaves."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dbserver import gap
from dbserver.actions import adopt
from dbserver.adoption import proof, swapping
from dbserver.adoption import record as records
from dbserver.adoption.looking import Where
from dbserver.adoption.record import ADOPTED, GOING_BACK, SWAPPING, Old, Record
from dbserver.engine import backend, command, state
from dbserver.errors import DbServerError, Exit, RefusedError, UsageError
from dbserver.postgres.server import Server
from dbserver.redis.server import Server as Redis
from dbserver.results.adoption import ProvedDatabase

OLDS = {name: Old(f"db-server-{name}", f"old-{name}", "always", 0) for name in ("postgres", "redis")}
RECORD = Record(
    stack="prod", step=SWAPPING, olds=OLDS, before={"roles": {}, "redis": {}}, scripts=[], backups=["shop_1"]
)
WANTED = adopt.Wanted("prod", Where("db-server-postgres", "db-server-redis"))
PROVED = (ProvedDatabase("shop", 1, 1, 1),)


@contextmanager
def measured(_: Mapping[str, Any], __: float) -> Iterator[dict[str, float]]:
    yield {"postgres": 1.0, "redis": 0.5}


@pytest.fixture
def path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A project in which an adoption has come to its swap; return where its record is."""
    monkeypatch.setattr(backend, "STATE", tmp_path)
    path = records.path_of(tmp_path, "prod")
    records.write(path, RECORD)
    return path


@pytest.fixture
def did(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the steps that are taken; all of them succeed, and the stack's containers have the names."""
    steps: list[str] = []

    def does(module: Any, name: str, result: Any = None) -> None:
        def act(*_: Any, **__: Any) -> Any:
            steps.append(name)
            return result

        monkeypatch.setattr(module, name, act)

    quiet: dict[str, Any] = {"require": None, "make": None, "select": None, "release_stale_lock": []}
    for name, result in quiet.items():
        monkeypatch.setattr(state if name == "release_stale_lock" else command, name, lambda *_, result=result: result)
    monkeypatch.setattr(Server, "attempt", lambda *_: None)
    monkeypatch.setattr(Redis, "info", lambda *_: {})
    monkeypatch.setattr(gap, "measured", measured)
    monkeypatch.setattr(swapping, "standing", lambda _: {})
    monkeypatch.setattr(swapping, "own", lambda _: {"postgres": None})
    monkeypatch.setattr(swapping, "refuse_moved_on", lambda *_: None)
    does(command, "up")
    does(swapping, "hold")
    does(swapping, "put_back", "")
    does(swapping, "exchange")
    does(proof, "prove", PROVED)
    does(proof, "prove_redis", 7)
    return steps


def step(path: Path) -> str:
    found = records.read(path)
    return found.step if found else ""


def tell(_: str) -> None:
    """Nobody listens."""


def test_an_adoption_that_was_interrupted_goes_on_and_is_adopted_once_all_is_proved(path: Path, did: list[str]) -> None:
    done = adopt.adopt(WANTED, tell)
    assert did == ["up", "hold", "prove", "prove_redis"]
    assert [(each.server, each.seconds) for each in done.servers] == [("postgres", 1.0), ("redis", 0.5)]
    assert done.kept == ("db-server-postgres-before-adoption", "db-server-redis-before-adoption")
    assert (done.backups, done.redis_keys) == (("shop_1",), 7)
    assert step(path) == ADOPTED


@pytest.mark.parametrize(("module", "name"), [(command, "up"), (proof, "prove_redis")])
def test_what_fails_in_the_swap_goes_back_and_says_what_it_was(
    path: Path, did: list[str], monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RefusedError("it does not fit", "make it fit")

    monkeypatch.setattr(module, name, fail)
    with pytest.raises(DbServerError) as caught:
        adopt.adopt(WANTED, tell)
    assert caught.value.message == "it does not fit\nthe old containers run again"
    assert (caught.value.hint, caught.value.exit_code) == ("make it fit", Exit.REFUSED)
    assert did[-3:] == ["put_back", "exchange", "prove"]
    assert step(path) == ""


def test_an_interruption_leaves_the_swap_to_the_next_run(
    path: Path, did: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "up", interrupt)
    with pytest.raises(KeyboardInterrupt):
        adopt.adopt(WANTED, tell)
    assert did == []
    assert step(path) == SWAPPING


@pytest.mark.usefixtures("did")
def test_a_way_back_that_fails_too_tells_both_and_can_be_gone_on_with(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise DbServerError("no room")

    monkeypatch.setattr(proof, "prove", fail)
    with pytest.raises(DbServerError, match="no room\nand the way back stopped: no room"):
        adopt.adopt(WANTED, tell)
    assert step(path) == GOING_BACK
    with pytest.raises(RefusedError, match="going back"):
        adopt.adopt(WANTED, tell)
    monkeypatch.setattr(proof, "prove", lambda *_: PROVED)
    assert adopt.undo("prod", tell).databases == PROVED
    assert step(path) == ""


def test_what_could_not_be_put_back_before_is_put_back_after(
    path: Path, did: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["it does not answer", ""])
    monkeypatch.setattr(swapping, "put_back", lambda *_: did.append("put_back") or next(answers))  # type: ignore[func-returns-value]  # it is none
    adopt.undo("prod", tell)
    assert did == ["put_back", "exchange", "put_back", "prove"]
    assert step(path) == ""


def test_what_cannot_be_put_back_is_no_success(path: Path, did: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swapping, "put_back", lambda *_: "role shop is gone")
    with pytest.raises(DbServerError, match="role shop is gone"):
        adopt.undo("prod", tell)
    assert "exchange" in did
    assert step(path) == GOING_BACK


def test_data_that_have_moved_on_stop_nothing(path: Path, did: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise RefusedError("they are of version 17 by now")

    records.write(path, RECORD.at(ADOPTED))
    monkeypatch.setattr(swapping, "refuse_moved_on", refuse)
    with pytest.raises(RefusedError):
        adopt.undo("prod", tell)
    assert did == []
    assert step(path) == ADOPTED


def test_the_old_containers_are_removed_only_once_it_is_adopted(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swapping, "remove", lambda _: ["a"])
    monkeypatch.setattr(command, "require", lambda: None)
    with pytest.raises(RefusedError, match="swapping"):
        adopt.finish("prod")
    records.write(path, RECORD.at(ADOPTED))
    with pytest.raises(RefusedError, match="it is: adopted"):
        adopt.adopt(WANTED, tell)
    assert adopt.finish("prod").removed == ("a",)
    assert adopt.standing("prod") is None


@pytest.mark.usefixtures("did")
def test_nothing_ends_that_was_not_begun(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(backend, "STATE", tmp_path)
    with pytest.raises(UsageError):
        adopt.undo("prod", tell)
    with pytest.raises(UsageError):
        adopt.finish("prod")


def test_without_the_engine_nothing_is_begun_and_nobody_is_sent_to_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(backend, "STATE", tmp_path)
    monkeypatch.setattr(command, "shutil", SimpleNamespace(which=lambda _: None))
    with pytest.raises(UsageError) as caught:
        adopt.adopt(WANTED, tell)
    assert caught.value.hint.startswith("tools/prepare")
    assert list(tmp_path.iterdir()) == []
