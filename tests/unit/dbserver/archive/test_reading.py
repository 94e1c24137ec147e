"""The archived log, read to an end that is known."""

import io
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from dbserver import streams
from dbserver.archive import looking, reading
from dbserver.archive.contents import Line
from dbserver.archive.waldump import Reader
from dbserver.errors import DbServerError
from dbserver.postgres.server import Server
from tests.unit.dbserver.archive.test_contents import at, line, segment
from tests.unit.dbserver.diagnosis.seen import DECLARED

KEPT = line([], [segment(number, number * 10) for number in range(1, 6)])
COMMIT = (
    "rmgr: Transaction len (rec/tot): 34/34, tx: 9, lsn: 0/0{:X}000000, prev 0/0, desc: COMMIT 2026-11-26 12:{} UTC\n"
)
CUT = "part 1 pg_waldump: error: invalid record length at 0/5000100: expected at least 24, got 0\n"


class Program:
    """Answers each part that is asked for."""

    def __init__(self, answers: Sequence[str]) -> None:
        self.output = io.BytesIO("".join(answers).encode())
        self.asked: list[str] = []

    def tell(self, text: str) -> None:
        self.asked.append(text.split(maxsplit=1)[0][-1])


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Callable[[Sequence[str], Line], Program]:
    """Read what a program prints, until 20 s after noon."""
    monkeypatch.setattr(looking, "beside", lambda *_arguments: ["sh"])

    def read(answers: Sequence[str], kept: Line) -> Program:
        program = Program(answers)

        @contextmanager
        def drawn(_argv: Sequence[str]) -> Iterator[Program]:
            yield program

        monkeypatch.setattr(streams, "drawn", drawn)
        reading.read(DECLARED, kept, Reader({}, at(0), at(20), 1), at(0), at(20))
        return program

    return read


def test_all_parts_are_read_and_the_last_ones_end_where_the_log_does(reads: Callable[..., Program]) -> None:
    assert reads(["part 0 \n"] * 3 + [CUT] * 2, KEPT).asked == ["1", "2", "3", "4", "5"]


def test_once_the_times_in_the_log_are_well_past_the_end_nothing_more_is_read(reads: Callable[..., Program]) -> None:
    inside, beyond = COMMIT.format(1, "01:00.5"), COMMIT.format(2, "01:20.5")
    assert reads([inside, "part 0 \n", beyond, "part 0 \n"], KEPT).asked == ["1", "2"]


def test_what_was_torn_while_it_was_written_is_copied_once_more(reads: Callable[..., Program]) -> None:
    torn = "part 1 pg_waldump: error: incorrect resource manager data checksum in record at 0/5000100\n"
    assert reads(["part 0 \n"] * 4 + [torn, "part 0 \n"], KEPT).asked == ["1", "2", "3", "4", "5", "5"]


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (
            ["part 0 \n"] + ["part 1 pg_waldump: error: incorrect checksum\n"] * 2,
            "002 on: pg_waldump: error: incorrect",
        ),
        (["part 0 \n"] + [CUT] * 2, "002 on: pg_waldump: error: invalid record length"),
        (["part 0 \n"] * 4 + ["part gone cp: cannot stat\n"] * 2, "005 on: cp: cannot stat"),
        (["part 0 \n"] * 4 + ["part 1 \n"] * 2, "005 on: pg_waldump failed without a word"),
        (["part 0 \n"] * 4, "005 on: what reads it has ended"),
    ],
)
def test_what_cannot_be_read_is_an_error_and_no_end(
    answers: list[str], said: str, reads: Callable[..., Program]
) -> None:
    with pytest.raises(DbServerError, match="the log cannot be read from") as fault:
        reads(answers, KEPT)
    assert said in fault.value.message


def test_names_are_asked_in_each_database_as_the_administrator(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # His sessions find nothing of the owner's: test_guard.
    def query(_server: Server, _statement: str, database: str) -> str:
        return json.dumps({"database": len(database), "relations": [[16385, 16390, "r", "public.users"]]})

    monkeypatch.setattr(Server, "query", query)
    found = reading.catalogs(Server("postgres", "dbadmin"), ["shop", "shop__old"])
    assert {number: (each.database, each.by_file[16390].name) for number, each in found.items()} == {
        4: ("shop", "public.users"),
        9: ("shop__old", "public.users"),
    }
