"""The archive's pieces as they are packed, proved, and judged."""

import gzip
import io
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dbserver import streams
from dbserver.archive import looking
from dbserver.archive.contents import Base, Line, Segment
from dbserver.engine import backend
from dbserver.errors import CommandError
from dbserver.execute import Finished
from dbserver.offsite import archiving
from dbserver.offsite.archived import FULL, LOG, Piece
from dbserver.offsite.copying import Depot
from dbserver.offsite.place import Place
from tests.unit.dbserver.archive.test_recovering import KNOWN

NAME = "20261123t000000z-7577000000000000001"
BEGIN = datetime(2026, 11, 23, tzinfo=UTC)
ONE, TWO, THREE = (f"00000001000000000000000{n}" for n in (1, 2, 3))
BASE = Base("20261123t010000z", BEGIN + timedelta(hours=1), incremental=False, start=ONE, following=1, size=4096)
LINE = Line(
    NAME, (BASE,), (Segment(f"{ONE}.gz", 9, BEGIN), Segment(TWO, 16, BEGIN + timedelta(hours=2))), streaming=True
)
PIECE = Piece(NAME, BEGIN + timedelta(hours=2), LOG, ONE, TWO)
CONTENT, OTHER = (gzip.compress(random.Random(seed).randbytes(25), mtime=0) for seed in (1, 2))


@dataclass
class Packing:
    """What packing prints and how it ends, one after the other; `asked` is what was to be packed."""

    printed: list[bytes]
    status: list[int] = field(default_factory=lambda: [0])
    asked: list[list[str]] = field(default_factory=list)

    @property
    def output(self) -> io.BytesIO:
        return self._output

    def wait(self) -> Finished:
        return Finished(self.status.pop(0), "", "tar: it changed")

    @contextmanager
    def drawn(self, argv: list[str]) -> Iterator["Packing"]:
        self.asked.append(argv)
        self._output = io.BytesIO(self.printed.pop(0))
        yield self


@pytest.fixture
def packing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Packing:
    found = Packing([CONTENT])
    monkeypatch.setattr(streams, "drawn", found.drawn)
    monkeypatch.setattr(archiving, "CHUNK_BYTES", 10)
    monkeypatch.setattr(looking, "beside", lambda _declared, _script, names: names)
    monkeypatch.setattr(backend, "STATE", tmp_path)
    return found


def test_a_piece_of_the_log_is_packed_by_the_names_of_its_segments(packing: Packing) -> None:
    made = archiving.item(KNOWN, LINE, PIECE)
    assert b"".join(chunk for _, chunk in made.chunks()) == CONTENT
    assert packing.asked == [["log", NAME, ONE, TWO]]
    assert (made.id, made.size) == (PIECE.id, 25)


def test_a_base_backup_is_packed_by_its_directory(packing: Packing) -> None:
    made = archiving.item(KNOWN, LINE, Piece(NAME, BASE.at, FULL, ONE, ONE))
    assert [name for name, _ in made.chunks()][:2] == ["000001.age", "000002.age"]
    assert packing.asked == [["base", NAME, BASE.name]]
    assert made.size == 4096


def test_a_file_that_goes_meanwhile_makes_no_copy(packing: Packing, depot: Depot) -> None:
    packing.status = [2]
    with pytest.raises(CommandError, match="it changed"):
        depot.push(archiving.item(KNOWN, LINE, PIECE), {})
    assert PIECE.id in depot.listed()
    assert archiving.split(depot.listed()) == ([], [PIECE])


def test_what_is_packed_otherwise_after_an_interruption_is_sent_again(
    packing: Packing, depot: Depot, identity: Path
) -> None:
    packing.printed, packing.status = [CONTENT, OTHER], [2, 0]
    made = archiving.item(KNOWN, LINE, PIECE)
    with pytest.raises(CommandError):
        depot.push(made, {})
    depot.push(made, depot.listed()[made.id])
    assert b"".join(depot.plain(depot.copy(made.id), identity)) == OTHER


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (CONTENT, ""),
        (gzip.compress(bytes(50 << 20)), ""),
        (CONTENT[:-1], "its end is missing"),
        (CONTENT[:12] + b"?" + CONTENT[13:], "is damaged"),
        (b"no gzip at all", "is damaged"),
    ],
    ids=["whole", "long", "cut", "changed", "foreign"],
)
def test_a_piece_s_content_is_proved_by_its_own_checksum(content: bytes, fault: str) -> None:
    assert fault in archiving.fault(iter([content[:20], content[20:]]), "it")
    assert bool(archiving.fault(iter([content]), "it")) == bool(fault)


@pytest.mark.usefixtures("packing")
def test_a_damaged_copy_lets_nothing_go(depot: Depot) -> None:
    old = Piece(NAME, BEGIN, FULL, ONE, ONE)
    young = Piece(NAME, BEGIN + timedelta(days=2), FULL, THREE, THREE)
    for piece in (old, young):
        depot.push(
            replace(archiving.item(KNOWN, LINE, PIECE), id=piece.id, chunks=lambda: iter([("000001.age", b"x")])), {}
        )
    there = {name: dict(objects) for name, objects in depot.listed().items()}
    known = {name: depot.copy(name) for name in there}
    young_alone = timedelta(0)
    assert [each.id for each in archiving.judged(known, there, young_alone) if not each.kept] == [old.id]
    del there[young.id]["000001.age"]
    assert [each.id for each in archiving.judged(known, there, young_alone) if not each.kept] == []


def test_how_long_copies_go_back_is_said_by_the_place_else_by_the_archive() -> None:
    assert archiving.period(KNOWN, Place("memory")) == timedelta(hours=1)
    assert archiving.period(KNOWN, Place("memory", archive_keep=60)) == timedelta(minutes=1)


@pytest.mark.usefixtures("packing")
def test_a_stack_without_an_archive_has_nothing_to_copy() -> None:
    assert archiving.items(replace(KNOWN, archive=None), Place("memory"), {}) == []
