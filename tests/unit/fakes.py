"""What stands where the outside would be: programs that answer what a test says, and a clock that does not wait."""

import json
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from dbserver.docker.containers import Container
from dbserver.docker.images import Image

IDENTITY = f"sha256:{'a' * 64}"
POSTGRES_IMAGE = Image("postgres:17", IDENTITY, "17")


@dataclass(frozen=True)
class Call:
    """One program that was started."""

    argv: tuple[str, ...]
    stdin: str
    options: dict[str, Any]

    @property
    def text(self) -> str:
        return " ".join(self.argv) + "\n" + self.stdin


@dataclass(frozen=True)
class Failed:
    """A program's failure."""

    stderr: str
    status: int = 1


Answer = str | Failed | BaseException


class Programs:
    """Answers for programs, by words of their command or input; a program without an answer fails the test."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.rules: list[tuple[str, list[Answer]]] = []

    def answer(self, words: str, *answers: Answer) -> None:
        """Give these answers, one after the other, to programs with these words; the last one stays."""
        self.rules.insert(0, (words, list(answers)))

    def started(self, words: str) -> list[Call]:
        return [call for call in self.calls if words in call.text]

    def __call__(self, argv: Sequence[str], **options: Any) -> "subprocess.CompletedProcess[bytes]":
        call = Call(tuple(argv), (options.pop("input", b"") or b"").decode(errors="replace"), options)
        self.calls.append(call)
        for words, answers in self.rules:
            if words in call.text:
                return _done(argv, answers.pop(0) if len(answers) > 1 else answers[0])
        pytest.fail(f"started without an answer prepared: {call.text}")


def _done(argv: Sequence[str], answer: Answer) -> "subprocess.CompletedProcess[bytes]":
    if isinstance(answer, BaseException):
        raise answer
    if isinstance(answer, Failed):
        return subprocess.CompletedProcess(list(argv), answer.status, b"", answer.stderr.encode())
    return subprocess.CompletedProcess(list(argv), 0, answer.encode(), b"")


class Clock:
    """Time that passes only where somebody sleeps, plus a little at every look."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        self.now += 0.001
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def gmtime(self) -> time.struct_time:
        return time.gmtime(0)

    def strftime(self, form: str, moment: time.struct_time) -> str:
        return time.strftime(form, moment)


def container(**changes: Any) -> Container:
    """Return our PostgreSQL container, running, with changes."""
    values: dict[str, Any] = {
        "id": "c" * 64, "name": "db-server-postgres", "image": "postgres:17", "image_id": IDENTITY,
        "state": "running", "health": "healthy", "exit_code": 0, "oom_killed": False, "restarts": 0,
        "started_at": "2026-01-01T00:00:00Z",
        "labels": {"com.database.stack": "unit", "com.database.image": IDENTITY},
        "environment": {"PG_MAJOR": "17", "POSTGRES_USER": "dbadmin"},
        "mounts": {"/var/lib/postgresql/data": "/data/db-server/postgres"},
        "published": {"5432/tcp": ("127.0.0.1", 5432)}, "networks": ("nginx-network",),
    }  # fmt: skip
    return Container(**{**values, **changes})


def inspected(name: str = "db-server-postgres", **state: Any) -> dict[str, Any]:
    """Return one entry of `docker container inspect` as Docker prints it."""
    restarts = state.pop("RestartCount", 0)
    return {
        "Id": "c" * 64,
        "Created": "2026-01-01T00:00:00Z",
        "Path": "docker-entrypoint.sh",
        "State": {
            "Status": "running", "Running": True, "Paused": False, "Restarting": False, "OOMKilled": False,
            "Dead": False, "Pid": 4711, "ExitCode": 0, "Error": "", "StartedAt": "2026-01-01T00:00:01Z",
            "Health": {"Status": "healthy", "FailingStreak": 0, "Log": []}, **state,
        },
        "Image": IDENTITY,
        "Name": f"/{name}",
        "RestartCount": restarts,
        "HostConfig": {
            "Binds": None, "NetworkMode": "bridge",
            "PortBindings": {"5432/tcp": [{"HostIp": "127.0.0.1", "HostPort": "5432"}]},
            "RestartPolicy": {"Name": "always", "MaximumRetryCount": 0},
        },
        "Mounts": [
            {"Type": "bind", "Source": "/data/db-server/postgres", "Destination": "/var/lib/postgresql/data",
             "Mode": "", "RW": True, "Propagation": "rprivate"},
            {"Type": "bind", "Source": "/data/db-server/config/postgres", "Destination": "/etc/postgresql",
             "Mode": "", "RW": False, "Propagation": "rprivate"},
        ],
        "Config": {"Image": "postgres:17", "Env": ["PG_MAJOR=17"], "Labels": {"com.database.server": "postgres"}},
        "NetworkSettings": {"Networks": {"nginx-network": {"NetworkID": "n"}}},
    }  # fmt: skip


def printed(*entries: dict[str, Any]) -> str:
    return json.dumps(entries)


NO_CONTAINER = Failed("Error response from daemon: No such container: db-server-postgres")
