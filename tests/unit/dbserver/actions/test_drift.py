"""drift: the engine is asked where both servers answer, and what it does not see is told beside."""

from typing import Any

import pytest

from dbserver.actions import drift
from dbserver.engine import command
from dbserver.results.archive import Archive
from dbserver.results.status import ServerStatus, Status
from tests.unit.dbserver.actions.test_verbs import DECLARED
from tests.unit.dbserver.cli.render.test_servers import MISSING, server
from tests.unit.dbserver.preview.made import step, text


def found(
    monkeypatch: pytest.MonkeyPatch,
    *servers: ServerStatus,
    steps: tuple[dict[str, Any], ...] = (),
    archive: Archive | None = None,
) -> Any:
    def preview(stack: str, *, refresh: bool) -> str:
        assert (stack, refresh) == ("unit", True)
        return text(*steps)

    monkeypatch.setattr(command, "require", lambda: None)
    monkeypatch.setattr(command, "preview", preview)
    monkeypatch.setattr(drift, "status", lambda _: Status("unit", servers, archive=archive))
    return drift.drift(DECLARED)


def test_what_is_as_declared_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(monkeypatch, server()).well


def test_what_the_engine_would_change_and_what_it_does_not_see_are_both_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told = found(monkeypatch, server(differences=("label x: 1",)), steps=(step("delete", "shop", {}, None),))
    assert [each.rule for each in told.changes] == ["application-removed"]
    assert [(each.server, each.what) for each in told.differences] == [("postgres", "label x: 1")]
    assert not told.well


def test_the_engine_is_not_asked_where_a_server_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    told = found(monkeypatch, server(), MISSING, steps=(step("delete", "shop", {}, None),))
    assert (told.changes, len(told.down), told.well) == ((), 1, False)


def test_what_of_the_archive_is_another_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    off = Archive("unit", "a", "running", "/srv", 60, "0 2 * * *", synchronous=False, differences=("user: root",))
    told = found(monkeypatch, server(), archive=off)
    assert [(each.server, each.what) for each in told.differences] == [("archive", "user: root")]
    assert not told.well
