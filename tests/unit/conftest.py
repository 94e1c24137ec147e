"""Unit tests reach no daemon, no database, no other process: an attempt fails the test."""

import socket
import subprocess
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _nothing_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **_: Any) -> None:
        pytest.fail(f"a unit test tried to reach the outside: {arguments[:2]}")

    monkeypatch.setattr(subprocess, "run", refuse)
    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
