"""The archive's copies: base backups and pieces of the log, told apart by their names alone. Pure."""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from dbserver.archive import contents
from dbserver.archive.contents import DEFAULT_SEGMENT_BYTES, Base, Line, Segment, Window
from dbserver.backups.store import TIME
from dbserver.offsite import copies

FULL, INCREMENTAL, LOG = "full", "incremental", "log"
SUBJECT = re.compile(
    r"archive\.(?P<kind>full|incremental|log)\.(?P<line>\d{8}t\d{6}z-\d+)\.(?P<first>[0-9A-F]{24})-(?P<last>[0-9A-F]{24})"
)
# What an interrupted push may have to send again, and what is fetched at once.
PIECE_SEGMENTS = 64


@dataclass(frozen=True, order=True)
class Piece:
    """A base backup, complete at `at`, that begins with the segment `first`; or the log from `first` to `last`.

    Of the log `at` is when the last of it was written.
    """

    line: str
    at: datetime
    kind: str
    first: str
    last: str

    @property
    def subject(self) -> str:
        """Whose copy it is, in the words of the other copies."""
        return f"archive.{self.kind}.{self.line}.{self.first}-{self.last}"

    @property
    def id(self) -> str:
        """The copy's name."""
        return f"{self.subject}_{self.at.strftime(TIME)}"

    @property
    def is_base(self) -> bool:
        """True for a base backup, False for a piece of the log."""
        return self.kind != LOG


@dataclass(frozen=True)
class Needed:
    """What a recovery takes: the base backups, the oldest first, and the log that follows."""

    window: Window
    bases: tuple[Piece, ...]
    log: tuple[Piece, ...]


def parse(name: str) -> Piece | None:
    """Return what a copy of the archive holds; None for any other name."""
    subject, moment = copies.named(name) or ("", None)
    found = SUBJECT.fullmatch(subject)
    return Piece(found["line"], moment, found["kind"], found["first"], found["last"]) if found and moment else None


def pieces(names: Iterable[str]) -> list[Piece]:
    """Return the archive's copies among others, in their order."""
    return sorted(piece for piece in map(parse, names) if piece)


def missing(
    line: Line, there: Collection[Piece], begun: Collection[Piece], keep: timedelta, now: datetime
) -> list[Piece]:
    """Return what of a line has to be copied, in its order. `begun` are the pieces whose copy is not finished."""
    own = [piece for piece in there if piece.line == line.name]
    return [*_log(line, own, begun), *_bases(line, own, keep, now)]


def _log(line: Line, there: Collection[Piece], begun: Collection[Piece]) -> list[Piece]:
    """Whole segments alone: what follows the last one is with the next push."""
    known = max((piece.last for piece in there if not piece.is_base), default="")
    whole = {contents.plain(each.name): each.at for each in line.segments if _whole(each.name)}
    waiting, found = sorted(name for name in whole if name > known), []
    while waiting:
        last = next((piece.last for piece in begun if (piece.line, piece.first) == (line.name, waiting[0])), "")
        count = waiting.index(last) + 1 if last in waiting else min(PIECE_SEGMENTS, len(waiting))
        taken, waiting = waiting[:count], waiting[count:]
        at = whole[taken[-1]].replace(microsecond=0)
        found.append(Piece(line.name, at, LOG, taken[0], taken[-1]))
    return found


def _whole(name: str) -> bool:
    return len(name.removesuffix(contents.PACKED)) == contents.SEGMENT_DIGITS


def _bases(line: Line, there: Iterable[Piece], keep: timedelta, now: datetime) -> list[Piece]:
    """What was made whole here replaces what is there only now and then: it is as large as the server."""
    known = sorted(piece for piece in there if piece.is_base)
    full = [piece.at for piece in known if piece.kind == FULL]
    found = []
    for base in line.bases:
        copied = any(piece.at == base.at for piece in known)
        made_whole = base.name.endswith(contents.WHOLE)
        if copied and not (made_whole and base.at not in full and max(full, default=base.at) < now - keep):
            continue
        kind = INCREMENTAL if base.incremental else FULL
        found.append(Piece(line.name, base.at, kind, base.start, base.start))
        full += [base.at] if kind == FULL else []
    return found


def expired(there: Collection[Piece], keep: timedelta, now: datetime) -> set[Piece]:
    """Return what no second needs that is younger than `keep`; the newest line keeps what its last base backup needs.

    A second is as old as what was copied since: a clock that was set by years lets nothing go.
    """
    by_line: dict[str, list[Piece]] = {}
    for piece in sorted(there):
        by_line.setdefault(piece.line, []).append(piece)
    cutoff = min(now, max((piece.at for piece in there), default=now)) - keep
    gone: set[Piece] = set()
    for number, (_, own) in enumerate(sorted(by_line.items()), 1):
        if number < len(by_line) and max(piece.at for piece in own) < cutoff:
            gone |= set(own)
        else:
            gone |= _expired(own, cutoff)
    return gone


def _expired(own: list[Piece], cutoff: datetime) -> set[Piece]:
    chain = _chain([piece for piece in own if piece.is_base and piece.at <= cutoff])
    if not chain:
        return set()
    older = {piece for piece in own if piece.is_base and piece < chain[0]}
    return older | {piece for piece in own if not piece.is_base and piece.last < chain[0].first}


def _chain(bases: Iterable[Piece]) -> list[Piece]:
    """Return the newest base backup after those that it needs; nothing where one of them is not there."""
    chain: list[Piece] = []
    for base in sorted(bases, key=lambda piece: (piece.at, piece.kind == FULL)):
        chain = [base] if base.kind == FULL else [*chain, base] if chain else []
    return chain


def forsaken(begun: Iterable[Piece], kept: Collection[Piece]) -> set[Piece]:
    """Return the copies that were begun and that nobody will finish: older than all that is kept."""
    return {piece for piece in begun if kept and (piece.line, piece.at) < min((each.line, each.at) for each in kept)}


def windows(there: Collection[Piece]) -> tuple[Window, ...]:
    """Return the times that come back from the copies alone, the oldest first."""
    lines = sorted({piece.line for piece in there})
    return tuple(window for name in lines for window in contents.windows([_as_line(name, there)], None))


def needed(there: Collection[Piece], moment: datetime | None) -> Needed | None:
    """Return what brings a moment back, or the last one without; None where the copies do not."""
    known = windows(there)
    window = next((each for each in reversed(known) if moment is None or each.holds(moment)), None)
    if window is None:
        return None
    own = sorted(piece for piece in there if piece.line == window.line)
    bases = _chain(piece for piece in own if piece.is_base and piece.at <= (moment or window.end))
    log = [piece for piece in own if not piece.is_base and piece.last >= bases[-1].first]
    # The one after the moment too: recovery stops at the first transaction that is later.
    enough = next((n for n, piece in enumerate(log, 2) if moment and piece.at > moment), len(log))
    return Needed(window, tuple(bases), tuple(log[:enough]))


def _as_line(name: str, there: Iterable[Piece]) -> Line:
    own = sorted(piece for piece in there if piece.line == name)
    bases = [piece for piece in own if piece.is_base]
    usable = [base for base in bases if _chain(each for each in bases if each.at <= base.at)]
    segments = [segment for piece in own if not piece.is_base for segment in _segments(piece)]
    shown = tuple(Base("", base.at, base.kind == INCREMENTAL, base.first, 0) for base in usable)
    return Line(name, shown, tuple(segments), streaming=False)


def _segments(piece: Piece) -> Iterator[Segment]:
    first, last = (contents.number(name, DEFAULT_SEGMENT_BYTES) for name in (piece.first, piece.last))
    for number in range(first, last + 1):
        high, low = divmod(number, 2**32 // DEFAULT_SEGMENT_BYTES)
        yield Segment(f"{piece.last[:8]}{high:08X}{low:08X}", DEFAULT_SEGMENT_BYTES, piece.at)
