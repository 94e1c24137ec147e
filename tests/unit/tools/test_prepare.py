"""What is reported, what is provided, and what the preparation says."""

import importlib
import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from dbserver import execute
from dbserver.errors import CommandError, DbServerError, UsageError
from tools import docker_engine, docker_plugin, images, prepare, pulumi_engine
from tools.machine import Machine, Missing, report
from tools.pulumi_engine import Engine
from tools.steps import Steps, beat

MACHINE = Machine({"HOME": "/users/me"}, superuser=False, apt=True, systemd=True)


def steps(tmp_path: Path, beat_seconds: float = 15) -> tuple[Steps, io.StringIO]:
    stream = io.StringIO()
    return Steps(stream, tmp_path / "logs", beat_seconds), stream


def test_only_the_preparations_own_arguments_are_read() -> None:
    assert prepare.parse([]) == prepare.Options()
    assert prepare.parse(["--stack", "prod", "--no-install"]) == prepare.Options("prod", install=False)
    assert prepare.parse(["--stack=try", "--dev"]) == prepare.Options("try", dev=True)


@pytest.mark.parametrize("arguments", [["--stack"], ["--stack="], ["--stack", "--no-install"]])
def test_a_stack_without_a_name_is_a_usage_error(arguments: list[str]) -> None:
    with pytest.raises(UsageError):
        prepare.parse(arguments)


def test_places_follow_the_environment() -> None:
    def places(**environment: str) -> tuple[str, str]:
        machine = Machine({"HOME": "/users/me", **environment}, superuser=False, apt=True, systemd=True)
        return str(machine.cache), str(machine.pulumi_home)

    assert places() == ("/users/me/.cache/database-server", "/users/me/.pulumi")
    assert places(XDG_CACHE_HOME="/c") == ("/c/database-server", "/users/me/.pulumi")
    assert places(DBSERVER_CACHE="/d", XDG_CACHE_HOME="/c", PULUMI_HOME="/p") == ("/d", "/p")


def test_the_report_names_every_part_with_its_command() -> None:
    missing = [
        Missing("Docker engine", "it is not installed", "apt-get install docker.io"),
        *images.missing(["redis:8"]),
    ]
    assert report(missing) == (
        "missing:\n"
        "  Docker engine: it is not installed\n    apt-get install docker.io\n"
        "  image redis:8: it is not on this machine\n    docker pull redis:8"
    )


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with nothing on it."""

    def no_client(*_: object, **__: object) -> None:
        raise CommandError("docker", 127, "program not found")

    absent = Missing("Docker engine", "it is not installed", "sudo apt-get install docker.io")
    monkeypatch.setattr(images, "absent", no_client)
    monkeypatch.setattr(docker_engine, "missing", lambda _: absent)
    monkeypatch.setattr(pulumi_engine, "find", lambda _: (None, "no pulumi is on PATH"))
    monkeypatch.setattr(docker_plugin, "present", lambda _: False)


@pytest.mark.usefixtures("bare")
def test_every_missing_part_is_found_at_once() -> None:
    found = prepare.survey(MACHINE, ["postgres:17", "redis:8"], stand_ins=True)
    parts = ["Docker engine", "image postgres:17", "image redis:8", "Pulumi engine", "docker plugin"]
    assert [missing.part for missing in found] == parts
    assert all(missing.command and missing.reason for missing in found)


@pytest.mark.usefixtures("bare")
def test_without_installing_everything_is_reported_and_nothing_provided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "provide", lambda *_, **__: pytest.fail("something was provided"))
    said, stream = steps(tmp_path)
    lacking = "Python environment|it does not exist yet|tools/python.sh"
    assert prepare.prepare(["--no-install", "--without-environment", lacking], said, MACHINE) == 1
    assert stream.getvalue().count("\n    ") == 6


def test_where_nothing_is_missing_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "absent", lambda *_, **__: [])
    monkeypatch.setattr(docker_plugin, "present", lambda _: True)
    monkeypatch.setattr(pulumi_engine, "find", lambda _: (Engine(Path("/x/pulumi"), cached=False), ""))
    monkeypatch.setattr(pulumi_engine, "PREFER_CACHED", tmp_path / "mark")
    said, stream = steps(tmp_path)
    assert prepare.prepare([], said, MACHINE) == 0
    assert stream.getvalue() == ""


@pytest.mark.usefixtures("bare")
def test_what_only_the_tests_need_is_missed_only_by_them(tmp_path: Path) -> None:
    machine = Machine({"DBSERVER_CACHE": str(tmp_path)}, superuser=False, apt=True, systemd=True)
    said, stream = steps(tmp_path)
    assert prepare.prepare(["--no-install"], said, machine) == 1
    assert "actionlint" not in stream.getvalue()
    assert prepare.prepare(["--no-install", "--dev"], said, machine) == 1
    assert f"  actionlint: {tmp_path}/actionlint-1.7.12 is not there\n    tools/prepare --dev" in stream.getvalue()


def streamed(status: int, *lines: str) -> Callable[..., int]:
    def stream(_argv: list[str], on_line: Callable[[str], None], **_: object) -> int:
        for line in lines:
            on_line(line)
        return status

    return stream


def test_a_failed_step_names_its_last_lines_its_log_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute, "stream", streamed(2, *(f"line {n}" for n in range(9))))
    said, _ = steps(tmp_path)
    with pytest.raises(DbServerError) as failure:
        said.run("building it", ["go", "build"], hint="do this")
    log = tmp_path / "logs" / "building-it.log"
    assert failure.value.message.startswith("building it failed (exit status 2):\nline 4\n")
    assert str(log) in failure.value.message
    assert failure.value.hint == "do this"
    assert log.read_text().splitlines() == ["$ go build", *(f"line {n}" for n in range(9))]


def test_a_program_that_is_not_there_is_a_failed_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object, **__: object) -> int:
        raise FileNotFoundError

    monkeypatch.setattr(execute, "stream", absent)
    assert steps(tmp_path)[0].attempt("x", ["absent"]) == (127, "absent: program not found")


def test_a_bounded_step_runs_under_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []

    def stream(argv: list[str], *_: object, **__: object) -> int:
        seen.append(argv)
        return 0

    monkeypatch.setattr(execute, "stream", stream)
    steps(tmp_path)[0].attempt("x", ["pulumi"], limit=20)
    assert seen == [["timeout", "--kill-after=5", "20", "pulumi"]]


def test_a_long_step_shows_that_it_is_alive(tmp_path: Path) -> None:
    said, stream = steps(tmp_path, beat_seconds=0.01)
    with said.alive("building it") as line:
        line("package x")
        while not stream.getvalue():
            pass
    assert re.match(r"  building it: \d+ ms, package x\n", stream.getvalue())


def test_a_sign_of_life_gives_the_time_and_the_last_line() -> None:
    assert beat("x", 15, "package y\n") == "  x: 15 s, package y"
    assert beat("x", 125, "") == "  x: 2 min 5 s"
    assert beat("x", 450, "") == "  x: 7 min 30 s"


def test_a_second_preparation_says_that_it_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filelock = importlib.import_module("filelock")
    machine = Machine({"DBSERVER_CACHE": str(tmp_path)}, superuser=False, apt=False, systemd=False)
    said, stream = steps(tmp_path)
    first = filelock.FileLock(tmp_path / "prepare.lock")
    first.acquire()
    monkeypatch.setattr(said, "say", lambda text: (stream.write(text), first.release()))
    with prepare.alone(said, machine):
        pass
    assert "waiting" in stream.getvalue()


@pytest.mark.parametrize(
    ("failure", "code", "text"),
    [
        (DbServerError("it failed", "do this"), 1, "error: it failed\nHINT: do this\n"),
        (UsageError("wrong"), 2, "error: wrong\n"),
        (PermissionError(13, "Permission denied", "/x"), 1, "error: [Errno 13] Permission denied: '/x'\nHINT: "),
        (KeyboardInterrupt(), 1, "interrupted"),
    ],
)
def test_every_failure_is_a_message_and_an_exit_code(
    failure: BaseException, code: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def action(_steps: Steps, _machine: Machine) -> int:
        raise failure

    assert prepare.guarded(action) == code
    said = capsys.readouterr()
    assert said.err.startswith(text)
    assert said.out == ""
