"""The only place that starts processes: secrets are masked, every failure is an expected error."""

import io
import os
import signal
import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbserver import execute
from dbserver.errors import CommandError
from tests.unit.fakes import Failed, Programs


@given(st.text(), st.lists(st.text(alphabet="ab*", min_size=4), max_size=3))
def test_no_secret_is_left_in_a_masked_text(text: str, secrets: list[str]) -> None:
    hidden = execute.masked(text + "".join(secrets), secrets)
    assert not [secret for secret in secrets if secret in hidden and set(secret) != {"*"}]


def test_an_empty_secret_masks_nothing() -> None:
    assert execute.masked("text", ["", "x"]) == "te***t"


def test_a_secret_that_begins_like_another_is_masked_whole() -> None:
    assert execute.masked("password=abc-def", ["abc", "abc-def"]) == "password=***"


def test_a_program_gets_its_input_and_gives_its_output(programs: Programs) -> None:
    programs.answer("psql", "1\n")
    assert execute.run(["psql", "-At"], stdin="SELECT 1", timeout=5).stdout == "1\n"
    call = programs.calls[0]
    assert (call.argv, call.stdin, call.options["timeout"]) == (("psql", "-At"), "SELECT 1", 5)
    assert "shell" not in call.options


def test_what_a_program_prints_is_masked(programs: Programs) -> None:
    programs.answer("psql", "the password is hunter2\n")
    assert execute.run(["psql"], secrets=["hunter2"]).stdout == "the password is ***\n"


def test_a_failure_is_told_with_command_status_and_output_and_without_secrets(programs: Programs) -> None:
    programs.answer("psql", Failed("hunter2 is wrong", 2))
    with pytest.raises(CommandError) as caught:
        execute.run(["psql", "hunter2"], secrets=["hunter2"])
    assert caught.value.message == "psql *** ended with exit status 2: *** is wrong"
    assert (caught.value.exit_status, caught.value.output) == (2, "*** is wrong")


def test_an_unchecked_failure_is_returned(programs: Programs) -> None:
    programs.answer("psql", Failed("no", 3))
    ended = execute.run(["psql"], check=False)
    assert (ended.status, ended.succeeded, ended.output) == (3, False, "no")


def test_a_program_that_takes_too_long_is_told_with_the_limit_and_without_secrets(programs: Programs) -> None:
    programs.answer("psql", subprocess.TimeoutExpired(["psql", "hunter2"], 1.5))
    with pytest.raises(CommandError) as caught:
        execute.run(["psql", "hunter2"], timeout=1.5, secrets=["hunter2"], check=False)
    assert caught.value.message == "psql *** ended with exit status 124: no answer within 1.5 s"
    assert caught.value.__suppress_context__


def test_a_missing_program_is_an_expected_error(programs: Programs) -> None:
    programs.answer("psql", FileNotFoundError(2, "No such file or directory", "psql"))
    with pytest.raises(CommandError, match=r"^psql ended with exit status 127: psql not found$"):
        execute.run(["psql"])


def test_a_program_that_may_not_be_run_is_an_expected_error(programs: Programs) -> None:
    programs.answer("psql", PermissionError(13, "Permission denied", "psql"))
    with pytest.raises(CommandError, match="psql"):
        execute.run(["psql"])


def test_output_that_is_no_utf8_is_kept_readable(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = subprocess.CompletedProcess(["x"], 0, b"caf\xe9\n", b"")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: ended)
    assert execute.run(["x"]).stdout == "caf\ufffd\n"


def test_a_very_long_output_keeps_its_end_in_the_message(programs: Programs) -> None:
    programs.answer("x", Failed("a" * 10_000 + "the reason"))
    ended = execute.run(["x"], check=False)
    assert len(ended.output) == 4000
    assert ended.output.endswith("the reason")


def test_extra_variables_are_added_to_the_environment(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEPT", "1")
    programs.answer("x", "")
    execute.run(["x"], env={"ADDED": "2"})
    given_environment = programs.calls[0].options["env"]
    assert (given_environment["KEPT"], given_environment["ADDED"]) == ("1", "2")


# Attached to the terminal, side by side -----------------------------------------------


def test_an_attached_program_has_this_process_s_input_and_output_and_gives_its_status(programs: Programs) -> None:
    programs.answer("psql", Failed("", 3))
    assert execute.attach(["psql", "-X"], env={"ADDED": "2"}) == 3
    options = programs.calls[0].options
    assert not {"stdin", "stdout", "stderr", "capture_output", "input"} & set(options)
    assert options["env"]["ADDED"] == "2"


def test_an_interruption_is_passed_on_to_the_attached_program_and_raised_once_it_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, got = signal.getsignal(signal.SIGINT), []

    class Attached:
        def __init__(self, *_: Any, **__: Any) -> None:
            pass

        def wait(self) -> int:
            assert signal.getsignal(signal.SIGINT) not in (signal.SIG_IGN, signal.SIG_DFL, before)
            signal.raise_signal(signal.SIGINT)
            return 130

        def send_signal(self, number: int) -> None:
            got.append(number)

    monkeypatch.setattr(subprocess, "Popen", Attached)
    with pytest.raises(KeyboardInterrupt):
        execute.attach(["psql"])
    assert got == [signal.SIGINT]
    assert signal.getsignal(signal.SIGINT) is before


def test_an_attached_program_that_is_missing_is_an_expected_error(programs: Programs) -> None:
    programs.answer("docker", FileNotFoundError(2, "No such file or directory", "docker"))
    with pytest.raises(CommandError, match=r"^docker ended with exit status 127: docker not found$"):
        execute.attach(["docker", "exec"])


def following(monkeypatch: pytest.MonkeyPatch, **printed: str) -> list["Process"]:
    """Answer for programs by name with what they print."""
    made: list[Process] = []

    def popen(argv: list[str], **options: Any) -> Process:
        made.append(Process(argv, **options))
        made[-1].stdout = io.BytesIO(printed[argv[0]].encode())
        return made[-1]

    monkeypatch.setattr(subprocess, "Popen", popen)
    return made


def test_programs_side_by_side_hand_over_every_line_with_their_place(monkeypatch: pytest.MonkeyPatch) -> None:
    made = following(monkeypatch, a="one\ntw\ro\n", b="three\n")
    lines: list[tuple[int, str]] = []
    execute.follow([["a"], ["b"]], lambda index, line: lines.append((index, line)))
    assert sorted(lines) == [(0, "one"), (0, "tw\ro"), (1, "three")]
    assert [(each.terminated, each.waited) for each in made] == [(True, True), (True, True)]


def test_an_interruption_ends_programs_that_are_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    made = following(monkeypatch, a="one\ntwo\n", b="three\n")

    def interrupt(_: int, __: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute.follow([["a"], ["b"]], interrupt)
    assert [(each.terminated, each.waited) for each in made] == [(True, True), (True, True)]


class Process:
    """A long program that prints two lines."""

    def __init__(self, argv: list[str], **options: Any) -> None:
        self.argv, self.options, self.returncode, self.waited, self.terminated = argv, options, 3, False, False
        self.stdout = io.BytesIO(b"one\ntwo\n")

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def terminate(self) -> None:
        self.terminated = True

    def wait(self) -> None:
        self.waited = True

    def communicate(self) -> None:
        self.waited = True


def test_a_long_program_hands_over_its_lines_and_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", Process)
    lines: list[str] = []
    assert execute.stream(["pulumi", "up"], lines.append) == 3
    assert lines == ["one", "two"]


def test_an_interruption_waits_for_the_program_before_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Process] = []

    def popen(argv: list[str], **options: Any) -> Process:
        made.append(Process(argv, **options))
        return made[0]

    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "Popen", popen)
    with pytest.raises(KeyboardInterrupt):
        execute.stream(["pulumi", "up"], interrupt)
    assert made[0].waited
    assert made[0].options["stdin"] == subprocess.DEVNULL, os.devnull
