"""The command line before any server: what is declared is what runs."""

import pytest

from dbserver import stack


@pytest.fixture(autouse=True)
def _runs_as_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "running", lambda declared: declared)
