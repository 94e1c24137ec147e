"""What is in the archive, and which seconds come back from it. Pure: what LIST printed in, times out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from dbserver import cleaning

STAMP = "%Y%m%dt%H%M%Sz"
WHOLE = "+"
SEGMENT_DIGITS, PARTIAL, PACKED = 24, ".partial", ".gz"
DEFAULT_SEGMENT_BYTES = 16 * 1024 * 1024

# One line each, of what the keeper has finished. Sizes of base backups only where they are asked for: that reads them.
LIST = """
cd /archive || exit 1
echo "streaming $(cat .line 2>/dev/null)"
for line in [0-9]*-[0-9]*; do
  [ -d "$line/base" ] || continue
  echo "line $line"
  for each in "$line"/base/*; do
    [ -f "$each/backup_label" ] && [ ! -e "$each+" ] || continue
    how=$(grep -q '^INCREMENTAL FROM' "$each/backup_label" && echo incremental || echo full)
    start=$(sed -n 's/^START WAL LOCATION.*(file \\(.*\\))/\\1/p' "$each/backup_label")
    next=$(pg_controldata "$each" | sed -n 's/.* NextXID: *[0-9]*:\\([0-9]*\\)$/\\1/p')
    echo "base ${each##*/} $how $start $next $([ -z "$1" ] || du -sk "$each" | cut -f1)"
  done
  sed 's/^/jump /' "$line/.jumps" 2>/dev/null
  # A segment gets another name when it is complete, and when it is packed: what was listed may be gone by then.
  tries=0
  until log=$(cd "$line/wal" && ls | xargs -r stat -c 'log %n %s %.6Y' 2>&1); do
    tries=$((tries + 1)); [ "$tries" -lt 20 ] || { echo "$log" >&2; exit 1; }
  done
  echo "$log"
done
"""


@dataclass(frozen=True)
class Base:
    """A base backup: complete at `at`, named by its directory; `start` is the first segment that it needs.

    Transactions from the number `following` on are not in it. `size` is in bytes, None where nobody asked.
    """

    name: str
    at: datetime
    incremental: bool
    start: str
    following: int
    size: int | None = None


@dataclass(frozen=True)
class Segment:
    """A file of the log: its name, its bytes on the disk, when it was last written to."""

    name: str
    size: int
    at: datetime


@dataclass(frozen=True)
class Line:
    """A part of the archive whose log has no hole, unless somebody took a file away, and whose times never go back.

    `jumps` are from when to when the clock went on at once: in between, nothing is known of what was when.
    """

    name: str
    bases: tuple[Base, ...]
    segments: tuple[Segment, ...]
    streaming: bool
    jumps: tuple[tuple[datetime, datetime], ...] = ()

    @property
    def since(self) -> datetime:
        """When it began, as its name says."""
        return datetime.strptime(self.name.partition("-")[0], STAMP).replace(tzinfo=UTC)


@dataclass(frozen=True)
class Window:
    """Every second from `start` to `end` comes back, by the base backups of a line."""

    line: str
    start: datetime
    end: datetime

    def holds(self, moment: datetime) -> bool:
        """True for a time that comes back."""
        return self.start <= moment <= self.end


def parse(printed: str) -> tuple[Line, ...]:
    """Return the lines of the archive, the oldest first."""
    current, found = "", []
    for kind, *words in (text.split() for text in cleaning.lines(printed) if text):
        if kind == "streaming":
            current = words[0] if words else ""
        elif kind == "line":
            found.append(Line(words[0], (), (), streaming=words[0] == current))
        elif kind == "base" and len(words) >= 4:  # noqa: PLR2004  name, how, start, next transaction
            found[-1] = replace(found[-1], bases=(*found[-1].bases, _base(*words)))
        elif kind == "jump":
            found[-1] = replace(found[-1], jumps=(*found[-1].jumps, (_time(words[0]), _time(words[1]))))
        elif kind == "log":
            found[-1] = replace(found[-1], segments=(*found[-1].segments, _segment(*words)))
    return tuple(found)


def _base(name: str, how: str, start: str, following: str, size: str = "") -> Base:
    at = datetime.strptime(name.rstrip(WHOLE), STAMP).replace(tzinfo=UTC)
    return Base(name, at, how == "incremental", start, int(following), int(size) * 1024 if size else None)


def _segment(name: str, size: str, at: str) -> Segment:
    return Segment(name, int(size), _time(at))


def _time(seconds: str) -> datetime:
    return datetime.fromtimestamp(float(seconds), UTC)


def windows(lines: Iterable[Line], written: datetime | None) -> tuple[Window, ...]:
    """Return the times that come back, the oldest first.

    `written` is until when the line that is streamed has all that the server wrote; None where that is not known.
    """
    return tuple(window for line in lines for window in _windows(line, written if line.streaming else None))


def _windows(line: Line, written: datetime | None) -> list[Window]:
    """A base backup reaches as far as the log goes on without a hole."""
    log = sorted((each for each in line.segments if is_log(each)), key=lambda each: each.at)
    each_bytes = segment_bytes(line)
    held = {number(each.name, each_bytes): each.at for each in log}
    last = max(held, default=-1)
    found: list[Window] = []
    for base in line.bases:
        reached = number(base.start, each_bytes)
        while reached + 1 in held:
            reached += 1
        end = held.get(reached, base.at)
        if reached == last and written:
            end = written
        end = max(end, base.at)
        if found and found[-1].end >= base.at:
            found[-1] = Window(line.name, found[-1].start, max(found[-1].end, end))
        else:
            found.append(Window(line.name, base.at, end))
    return [part for window in found for part in _without(window, line.jumps)]


def _without(window: Window, jumps: Sequence[tuple[datetime, datetime]]) -> Iterator[Window]:
    """A time that the clock left out may come once more, in another line: it is none of this one."""
    start = window.start
    for since, until in sorted(jumps):
        if start <= since < window.end:
            yield Window(window.line, start, since)
        if since < window.end:
            start = max(start, until)
    if start <= window.end:
        yield Window(window.line, start, window.end)


def begin_at(line: Line, moment: datetime) -> tuple[Base, ...]:
    """Return the newest base backup before a moment, after those that an incremental one needs, the oldest first."""
    return _chain(line, [base for base in line.bases if base.at <= moment])


def begin_before(line: Line, transaction: int) -> tuple[Base, ...]:
    """Return the newest base backup that a transaction is not in, as begin_at; nothing where there is none."""
    return _chain(line, [base for base in line.bases if base.following <= transaction])


def _chain(line: Line, before: Sequence[Base]) -> tuple[Base, ...]:
    chain: list[Base] = []
    for base in line.bases[: len(before)]:
        chain = [*chain, base] if base.incremental else [base]
    return tuple(chain)


def segment_bytes(line: Line) -> int:
    """Return how large a segment is, where it is not packed."""
    plainly = (each.size for each in line.segments if is_log(each) and not each.name.endswith(PACKED))
    return next(plainly, DEFAULT_SEGMENT_BYTES)


def number(name: str, segment_bytes: int) -> int:
    """Return a segment's place in the log, the same on every timeline."""
    return int(name[8:16], 16) * (2**32 // segment_bytes) + int(name[16:24], 16)


def log(line: Line) -> list[str]:
    """Return the names of a line's segments, in their order."""
    return sorted({plain(each.name) for each in line.segments if is_log(each)})


def is_log(segment: Segment) -> bool:
    """True for a file of the log, False for what tells of a timeline."""
    return len(plain(segment.name)) == SEGMENT_DIGITS


def plain(name: str) -> str:
    """Return a segment's own name, without what says that it is packed or not whole yet."""
    return name.removesuffix(PACKED).removesuffix(PARTIAL)
