"""Unit tests reach no daemon, no database, no other process: an attempt fails the test."""

import os
import socket
import subprocess
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.unit.fakes import Programs

settings.register_profile(
    "unit", max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.load_profile("unit")


@pytest.fixture(autouse=True)
def _nothing_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **_: Any) -> None:
        pytest.fail(f"a unit test tried to reach the outside: {arguments[:2]}")

    for module, name in ((subprocess, "run"), (subprocess, "Popen"), (os, "system"), (os, "posix_spawn")):
        monkeypatch.setattr(module, name, refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)


@pytest.fixture(autouse=True)
def _no_environment_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PULUMI_STACK", "PULUMI_BACKEND_URL", "PULUMI_HOME", "PULUMI_CONFIG", "DOCKER_HOST"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> Programs:
    """Programs that answer what the test says, in place of real ones."""
    fake = Programs()
    monkeypatch.setattr(subprocess, "run", fake)
    return fake
