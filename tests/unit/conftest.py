"""Unit tests reach no daemon, no database, no other process: an attempt fails the test."""

import io
import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from dbserver import declared, locks, readiness
from dbserver.cli import main as cli
from dbserver.contract import DISCONNECT_VARIABLE, NEW_SERVER_VARIABLE, TAKE_OVER_VARIABLE
from dbserver.engine import backend, command
from dbserver.offsite import setup
from dbserver.postgres import session
from tests.unit.fakes import Clock, Programs

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
    # The locks of this test alone: others of the same names are tested at the same time.
    ours, connect = b"\0unit/" + uuid.uuid4().hex.encode(), socket.socket.connect
    monkeypatch.setattr(locks, "PREFIX", ours)

    def locks_only(sock: socket.socket, address: Any) -> None:
        return connect(sock, address) if str(address).startswith(str(ours)[:-1]) else refuse(address)

    monkeypatch.setattr(socket.socket, "connect", locks_only)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)


@pytest.fixture(autouse=True)
def _no_environment_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "PULUMI_STACK",
        "PULUMI_BACKEND_URL",
        "PULUMI_HOME",
        "PULUMI_CONFIG",
        "PULUMI_CONFIG_SECRET_KEYS",
        setup.PASSPHRASE,
        setup.PASSPHRASE_FILE,
        "DOCKER_HOST",
        "DOCKER_CONTEXT",
        "DOCKER_CONFIG",
        DISCONNECT_VARIABLE,
        NEW_SERVER_VARIABLE,
        TAKE_OVER_VARIABLE,
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project's state: evidence, and what is known of the servers."""
    monkeypatch.setattr(backend, "STATE", tmp_path)
    return tmp_path


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which somebody waits for a server."""
    made = Clock()
    monkeypatch.setattr(readiness, "time", made)
    return made


@pytest.fixture
def command_line(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run the command line without a terminal; return the exit code."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))

    def act(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["dbserver", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0)

    return act


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A project directory with a passphrase of its own, and no word of the machine's environment about it."""
    for module in (declared, backend, command):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(backend, "STATE", tmp_path / ".state")
    (tmp_path / ".state").mkdir()
    (tmp_path / ".state" / "passphrase").write_text("made here\n")
    return tmp_path


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> Programs:
    """Programs that answer what the test says, in place of real ones."""
    fake = Programs()
    session._open.__dict__.clear()
    monkeypatch.setattr(subprocess, "run", fake)
    monkeypatch.setattr(subprocess, "Popen", fake.popen)
    return fake
