"""Which Redis backup and restore are asked for: of now, of a backup, of a moment; all of it or an application's."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from dbserver.actions import backup, redis_restore
from dbserver.actions.redis_restore import Plan
from dbserver.backups.store import Backup
from dbserver.results.backups import BackedUp
from dbserver.results.redis_backups import RedisRestored
from tests.unit.dbserver.cli.test_main import Run, run

__all__ = ["run"]

PLAN = Plan(Backup(Path("server.redis_1"), cast("Any", None)), "", None, (), "2026-11-23 13:05:07Z", "from A to B")
DONE = RedisRestored("dev", "", "server.redis_1", "2026-11-23 13:05:07Z", "server.redis_2", 17, 3, 0.25, 4.0)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the verbs were asked for."""
    calls: list[tuple[Any, ...]] = []

    def answer(name: str, result: Any) -> Callable[..., Any]:
        def act(_: Any, *arguments: Any) -> Any:
            calls.append((name, *arguments))
            return result

        return act

    for name, result in (("plan", PLAN), ("plan_at", PLAN), ("restore", DONE)):
        monkeypatch.setattr(redis_restore, name, answer(name, result))
    monkeypatch.setattr(backup, "backup_redis", answer("backup", BackedUp("dev", "/srv/backups", ())))
    return calls


@pytest.mark.parametrize(
    ("arguments", "call"),
    [
        (("latest",), ("plan", "", "latest")),
        (("shop", "latest"), ("plan", "shop", "latest")),
        (("--at", "-10min"), ("plan_at", "", "-10min")),
        (("shop", "--at", "2026-11-23 14:05:07+01"), ("plan_at", "shop", "2026-11-23 14:05:07+01")),
    ],
)
def test_a_restore_of_redis_is_of_a_backup_or_a_moment(
    run: Run, asked: list[tuple[Any, ...]], capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...], call: tuple[str, ...],
) -> None:  # fmt: skip
    name = call[1] or "redis"
    assert run("restore", "--redis", *arguments) == 5
    assert asked == [call]
    assert run("restore", "--redis", *arguments, "--confirm", name) == 0
    assert asked[1:] == [call, ("restore", PLAN)]
    shown = capsys.readouterr()
    assert "server.redis_1 is what Redis held at 2026-11-23 13:05:07Z" in shown.err
    assert "as of 2026-11-23 13:05:07Z: all of Redis: 17 keys" in shown.out


@pytest.mark.parametrize(
    "arguments",
    [
        ("restore", "--redis"), ("restore", "--redis", "shop", "latest", "--at", "-1min"), ("restore",),
        ("restore", "shop", "latest", "--at", "-1min"), ("restore", "--redis", "latest", "--before-transaction", "7"),
        ("backup", "shop", "--at", "-1min"), ("backup", "--all", "--at", "-1min"), ("backup", "--at", "-1min"),
    ],
)  # fmt: skip
def test_a_moment_stands_in_place_of_a_backup_and_only_redis_is_backed_up_as_of_one(
    run: Run, asked: list[tuple[Any, ...]], arguments: tuple[str, ...]
) -> None:
    assert run(*arguments, "--confirm", "redis") == 2 if arguments[0] == "restore" else run(*arguments) == 2
    assert asked == []


def test_a_backup_of_redis_is_of_now_or_of_a_moment(run: Run, asked: list[tuple[Any, ...]]) -> None:
    assert run("backup", "--redis", "--note", "why") == 0
    assert run("backup", "--redis", "--at", "-10min") == 0
    assert [(name, wanted.note, at) for name, wanted, at in asked] == [("backup", "why", ""), ("backup", "", "-10min")]


def test_a_mistyped_name_is_refused_before_a_moment_is_looked_for(run: Run, asked: list[tuple[Any, ...]]) -> None:
    assert run("restore", "--redis", "--at", "-10min", "--confirm", "rediss") == 5
    assert asked == []
