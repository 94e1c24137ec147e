"""adopt on the command line: nothing is done without the stack's name."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dbserver.actions import adopt
from dbserver.results.adoption import AdoptionFinished, AdoptionPlan, AdoptionUndone

Run = Callable[..., int]
UNDER_WAY = AdoptionPlan("prod", "adopted", "Pulumi.prod.yaml")


@pytest.fixture
def run(command_line: Run) -> Run:
    return command_line


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Record what was done; nothing is under way."""
    acted: list[Any] = []

    def act(name: str, result: Any) -> Callable[..., Any]:
        def acting(*arguments: Any) -> Any:
            acted.append((name, arguments[0]) if name == "plan" else name)
            return result

        return acting

    shown = SimpleNamespace(shown=AdoptionPlan("prod", "new", "Pulumi.prod.yaml"))
    monkeypatch.setattr(adopt, "standing", lambda _: None)
    monkeypatch.setattr(adopt, "plan", act("plan", shown))
    monkeypatch.setattr(adopt, "adopt", act("adopt", None))
    monkeypatch.setattr(adopt, "undo", act("undo", AdoptionUndone("prod", (), (), 1.0)))
    monkeypatch.setattr(adopt, "finish", act("finish", AdoptionFinished("prod", ("a",))))
    return acted


def test_without_a_name_it_only_shows(run: Run, done: list[Any], tmp_path: Path) -> None:
    (tmp_path / "password").write_text("of-redis\n")
    given = ["--postgres", "pg", "--network", "web", "--leave-out", "a", "--leave-out", "b"]
    assert run("adopt", "--stack", "prod", *given, "--redis-password-file", str(tmp_path / "password")) == 0
    ((verb, wanted),) = done
    assert verb == "plan"
    assert (wanted.stack, wanted.left_out, wanted.allow_open_redis) == ("prod", ("a", "b"), False)
    where = wanted.where
    assert (where.postgres, where.redis, where.network) == ("pg", "db-server-redis", "web")
    assert where.redis_password == "of-redis"


def test_a_dry_run_does_nothing_whatever_is_confirmed(run: Run, done: list[Any]) -> None:
    assert run("adopt", "--stack", "prod", "--dry-run", "--confirm", "prod") == 0
    assert "adopt" not in done


@pytest.mark.parametrize("flags", [(), ("--undo",), ("--finish",)])
def test_another_name_is_refused(
    run: Run, done: list[Any], monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...]
) -> None:
    monkeypatch.setattr(adopt, "standing", lambda _: UNDER_WAY)
    assert run("adopt", "--stack", "prod", "--confirm", "dev", *flags) == 5
    assert done == []


@pytest.mark.parametrize("flag", ["--undo", "--finish"])
def test_an_end_needs_a_beginning(run: Run, done: list[Any], monkeypatch: pytest.MonkeyPatch, flag: str) -> None:
    assert run("adopt", "--stack", "prod", flag, "--confirm", "prod") == 2
    monkeypatch.setattr(adopt, "standing", lambda _: UNDER_WAY)
    assert run("adopt", "--stack", "prod", flag, "--confirm", "prod") == 0
    assert done == [flag.removeprefix("--")]


def test_both_ends_at_once_are_a_mistake_and_a_password_file_has_to_be_there(run: Run, done: list[Any]) -> None:
    assert run("adopt", "--undo", "--finish", "--confirm", "prod") == 2
    assert run("adopt", "--redis-password-file", "/nowhere") == 2
    assert done == []
