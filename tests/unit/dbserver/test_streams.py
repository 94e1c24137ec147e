"""Streams into programs and out of them."""

import io
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from dbserver import streams
from dbserver.errors import DbServerError
from dbserver.streams import Pipe

Start = Callable[..., "Process"]


class Reader(io.BytesIO):
    """A program's input: what was written stays, and after `patience` bytes nobody reads any more."""

    def __init__(self, patience: int) -> None:
        super().__init__()
        self.patience, self.content, self.ended = patience, b"", False

    def write(self, data: Any) -> int:
        if len(self.content) + len(data) > self.patience:
            raise BrokenPipeError
        self.content += data
        return len(data)

    def close(self) -> None:
        self.ended = True


class Process:
    """A program that has been started."""

    def __init__(self, patience: int = 1000, status: int = 0, stdout: bytes = b"", stderr: bytes = b"") -> None:
        self.stdin, self.status = Reader(patience), status
        self.stdout, self.stderr = io.BytesIO(stdout), io.BytesIO(stderr)

    def wait(self) -> int:
        assert self.stdin.ended, "a program that waits for more never ends"
        return self.status

    def poll(self) -> int | None:
        return self.status if self.stdin.ended else None


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Start:
    def make(**values: Any) -> Process:
        made = Process(**values)
        monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: made)
        return made

    return make


def test_what_is_sent_arrives_and_what_was_said_comes_back(start: Start) -> None:
    program = start(status=3, stdout=b"listed\n", stderr=b"caf\xe9")
    done = streams.feed(["psql"], lambda pipe: streams.copy(io.BytesIO(b"some text"), pipe), printed=True)
    assert program.stdin.content == b"some text"
    assert (done.status, done.stdout, done.stderr) == (3, "listed\n", "caf\ufffd")


def test_a_program_that_reads_no_more_is_its_own_affair(start: Start) -> None:
    start(patience=3, status=1, stderr=b"enough")

    def send(pipe: Pipe) -> None:
        pipe.write(b"abc")
        pipe.write(b"def")

    assert streams.feed(["psql"], send).output == "enough"


def test_what_goes_wrong_on_this_side_is_raised_after_the_program_s_end(start: Start) -> None:
    program = start()

    def send(pipe: Pipe) -> None:
        pipe.write(b"abc")
        raise DbServerError("the file is damaged")

    with pytest.raises(DbServerError, match="damaged"):
        streams.feed(["psql"], send)
    assert program.stdin.ended


def test_a_flood_of_complaints_is_cut(start: Start) -> None:
    start(stderr=b"x" * (3 * streams.COMPLAINT_BYTES))
    assert len(streams.feed(["psql"], lambda _: None).stderr) == streams.COMPLAINT_BYTES


def test_a_program_that_is_drawn_from_ends_with_the_block(start: Start) -> None:
    program = start(stdout=b"printed")
    with streams.drawn(["pg_dump"]) as drawn:
        assert drawn.running
        assert drawn.output.read() == b"printed"
    assert program.stdin.ended
    assert not drawn.running


def test_a_program_that_is_drawn_from_can_be_told_what_to_print_next(start: Start) -> None:
    program = start(stdout=b"printed")
    with streams.drawn(["sh"]) as drawn:
        drawn.tell("one\n")
        drawn.tell("two\n")
    assert program.stdin.content == b"one\ntwo\n"
