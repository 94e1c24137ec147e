"""restore --all: what is asked for, what is confirmed, what goes together."""

from types import SimpleNamespace
from typing import Any

import pytest

from dbserver.actions import whole as act
from dbserver.cli.render import archive as render_archive
from dbserver.errors import Exit
from dbserver.results.whole import WholeRestored
from tests.unit.dbserver.cli.test_main import Run, run

__all__ = ["run"]

DONE = WholeRestored("dev", "2026-11-26T12:00:00.5+00:00", ("shop", "other"), "/data/postgres.17-1", 4.0, 12.0)


@pytest.fixture
def acted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Record what was done."""
    done: list[tuple[Any, ...]] = []

    def restore(_: Any, way: Any, __: Any, *, override: bool) -> WholeRestored:
        done.append((way.words, override))
        return DONE

    def undo(_: Any, __: Any, *, override: bool) -> WholeRestored:
        done.append(("undo", override))
        return DONE

    monkeypatch.setattr(act, "find", lambda _, at: SimpleNamespace(words=at or "the end"))
    monkeypatch.setattr(act, "restore", restore)
    monkeypatch.setattr(act, "undo", undo)
    return done


@pytest.mark.parametrize(
    ("flags", "done"),
    [
        ((), ("the end", False)),
        (("--at", "-10min"), ("-10min", False)),
        (("--at", "-10min", "--disconnect-applications"), ("-10min", True)),
        (("--undo",), ("undo", False)),
    ],
)
def test_what_is_confirmed_is_done(
    run: Run, acted: list[tuple[Any, ...]], flags: tuple[str, ...], done: tuple[Any, ...]
) -> None:
    assert run("restore", "--all", *flags, "--confirm", "postgres") == Exit.DONE
    assert acted == [done]


@pytest.mark.parametrize("flags", [(), ("--undo",), ("--confirm", "shop")])
def test_what_is_not_confirmed_is_refused(run: Run, acted: list[tuple[Any, ...]], flags: tuple[str, ...]) -> None:
    assert run("restore", "--all", *flags) == Exit.REFUSED
    assert acted == []


@pytest.mark.parametrize(
    "words",
    [
        ("shop", "--all"),
        ("--all", "--redis"),
        ("--all", "--checkpoint", "shop_1"),
        ("--all", "--into", "copy"),
        ("--all", "--table", "item"),
        ("--all", "--before-transaction", "7"),
        ("--all", "--undo", "--at", "-10min"),
        ("shop", "latest", "--undo"),
        ("shop", "latest", "--disconnect-applications"),
        (),
    ],
)
def test_what_does_not_go_together_is_a_fault_of_usage(
    run: Run, acted: list[tuple[Any, ...]], words: tuple[str, ...]
) -> None:
    assert run("restore", *words, "--confirm", "postgres") == Exit.USAGE
    assert acted == []


def test_the_text_names_what_is_there_and_the_way_back() -> None:
    text = render_archive.whole_restored(DONE)
    assert "the server is that of 2026-11-26T12:00:00.5+00:00" in text
    assert "databases that answer: shop, other" in text
    assert "kept: /data/postgres.17-1; back to it: ./scripts/dbserver restore --all --undo" in text
