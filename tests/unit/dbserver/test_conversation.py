"""A program that is asked again and again."""

import subprocess
import threading
from typing import Any

import pytest

from dbserver.conversation import Conversation
from dbserver.execute import Finished


class Shell:
    """A program that answers each line `N` with `N` lines, and ends at `fail`."""

    def __init__(self, _: list[str], **options: Any) -> None:
        self.stdin, self.stdout, self.errors = self, self, options["stderr"]
        self.status: int | None = None
        self.lines: list[bytes] = []

    def write(self, text: bytes) -> None:
        for line in text.decode().splitlines():
            if line == "fail" or self.status is not None:
                self.status = 3
                self.errors.write(b"ERROR:  it failed\n")
                return
            self.lines.append(line.encode() + b"\n")

    def close(self) -> None:
        self.lines.clear()

    def flush(self) -> None:
        self.errors.flush()

    def __iter__(self) -> "Shell":
        return self

    def __next__(self) -> bytes:
        if not self.lines:
            raise StopIteration
        return self.lines.pop(0)

    def poll(self) -> int | None:
        return self.status

    def wait(self) -> int | None:
        return self.status

    def kill(self) -> None:
        self.status = -9


def test_a_program_that_stays_is_asked_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", Shell)
    conversation = Conversation(["psql"])
    assert conversation.ask("one\ntwo\nEND\n", "END", 1) == Finished(0, "one\ntwo", "")
    assert conversation.ask("three\nEND\n", "END", 1) == Finished(0, "three", "")
    assert not conversation.ended


def test_a_program_that_ends_in_the_middle_has_failed_with_what_it_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", Shell)
    conversation = Conversation(["psql"])
    failed = conversation.ask("one\nfail\nEND\n", "END", 1)
    assert failed == Finished(3, "one", "ERROR:  it failed\n")
    assert conversation.ended


class Silent(Shell):
    """A program that says nothing until it is killed."""

    def __init__(self, argv: list[str], **options: Any) -> None:
        super().__init__(argv, **options)
        self.killed = threading.Event()

    def __next__(self) -> bytes:
        self.killed.wait()
        raise StopIteration

    def kill(self) -> None:
        super().kill()
        self.killed.set()


def test_a_program_that_says_nothing_is_given_up_and_asked_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", Silent)
    monkeypatch.setattr("dbserver.conversation.HANDING_ON_SECONDS", 0)
    conversation = Conversation(["psql"])
    assert conversation.ask("one\nEND\n", "END", 0.01) == Finished(124, "", "no answer within 0.01 s")
    assert conversation.ended
