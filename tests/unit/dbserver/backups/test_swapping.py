"""The swap: how long nobody was let in."""

from types import SimpleNamespace
from typing import Any

import pytest

from dbserver.backups import swapping
from dbserver.execute import Finished
from dbserver.postgres.server import Server


def test_the_time_in_which_nobody_was_let_in_is_that_of_all_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    now, ends = [0.0], [Finished(1, "", "ERROR:  database is being accessed"), Finished(0, "", "")]

    def connect(_: Server) -> Any:
        now[0] += 0.25
        return SimpleNamespace(close=lambda: None)

    def rename(*_: Any) -> Finished:
        now[0] += 5
        return ends.pop(0)

    monkeypatch.setattr(swapping, "_psql", connect)
    monkeypatch.setattr(swapping, "_rename", rename)
    monkeypatch.setattr(swapping, "time", SimpleNamespace(monotonic=lambda: now[0]))
    assert swapping.exchange(Server("db", "dbadmin"), "shop", "new", "old", exists=True) == 10.5
