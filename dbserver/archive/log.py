"""The archived log, part by part: which segments hold a time, and how PostgreSQL's own program reads them. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from dbserver import contract
from dbserver.archive import contents
from dbserver.archive.contents import Line

# A record may begin in one segment and end in the next: so much of that is read with it, the rest with the next part.
OVERLAP_BYTES = 1024 * 1024
PART = "part "
LAST = re.compile(r"error in WAL record at ([0-9A-F]+)/([0-9A-F]+): ")
NOTHING = "could not find a valid record after"
ZEROS = re.compile(
    r"invalid record length at ([0-9A-F]+)/([0-9A-F]+): .* got 0$"
    r"|invalid magic number 0000 in \w+ segment [0-9A-F]{8}([0-9A-F]{16}),"
)
KINDS = "-r Heap -r Heap2 -r Transaction -r Storage -r Standby"

# Reads the parts that come in by name, one at a time, so that it ends with whoever asks for them. Two segments are
# unpacked at most. The timeline stands in the name alone: under one name for all, a change of it is nothing.
READ = f"""
umask 077; export LC_ALL=C TZ=UTC; wal=$1; shift
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT; trap 'exit 1' HUP INT TERM
unpack() {{
  to=$dir/00000001${{1#????????}}
  for each in "$1" "$1{contents.PACKED}" "$1{contents.PARTIAL}" "$1"; do
    [ ! -e "$to" ] || return 0
    case $each in
      *{contents.PACKED}) [ ! -e "$wal/$each" ] || gunzip -c "$wal/$each" >"$to" || rm -f "$to" ;;
      *) cp "$wal/$each" "$to" || rm -f "$to" ;;
    esac
  done 2>>"$dir/said"
  [ -e "$to" ]
}}
while read -r name next start end; do
  rm -f "$dir/said"; echo gone >"$dir/status"
  if unpack "$name" && {{ [ "$next" = - ] || unpack "$next"; }}; then
    {{ pg_waldump -p "$dir" -t 1 -s "$start" -e "$end" {KINDS} 2>"$dir/said"; echo $? >"$dir/status"; }} |
      grep -F -e 'rmgr: Transaction' "$@"
  fi
  rm -f "$dir/00000001${{name#????????}}"; status=$(cat "$dir/status")
  [ "$status" = 0 ] || rm -f "$dir/00000001${{next#????????}}"
  echo "{PART}$status $(head -n 1 "$dir/said" 2>/dev/null)"
done
"""


@dataclass(frozen=True)
class Part:
    """A segment to read, with the next one where it has one."""

    name: str
    following: str
    start: int
    end: int

    @property
    def asked(self) -> str:
        """The line by which READ takes it."""
        return f"{self.name} {self.following or '-'} {location(self.start)} {location(self.end)}\n"

    def was_read(self, said: str, *, near_end: bool) -> bool:
        """True where pg_waldump stopped after this segment's own records: what is next is read for itself.

        `near_end` allows zeros in the last segment that it had: nothing was written there any more.
        """
        own_end = self.end - OVERLAP_BYTES if self.following else self.end
        last, zeros = LAST.search(said), ZEROS.search(said)
        if last and _place(last[1], last[2]) >= own_end:
            return True
        if not near_end or not zeros:
            return near_end and not self.following and NOTHING in said
        if zeros[1]:
            return _place(zeros[1], zeros[2]) >= (own_end if self.following else self.start)
        return zeros[3] == (self.following or self.name)[8:]


def _place(high: str, low: str) -> int:
    return (int(high, 16) << 32) + int(low, 16)


def arguments(line: str, databases: Iterable[int]) -> list[str]:
    """Return what READ takes: the segments of a line, and what of them is printed: that of these databases."""
    wanted = [word for oid in databases for word in ("-e", f"/{oid}/", "-e", f" db {oid} ")]
    return [f"{contract.INNER_ARCHIVE}/{line}/wal", *wanted]


def parts(line: Line, since: datetime) -> list[Part]:
    """Return what has to be read for all that was written since a moment, until the end of the line or a hole.

    A segment that was last written to before that moment holds nothing of it. How late the log arrived is unknown, so
    no segment after it is too late: whoever reads stops at the times in it.
    """
    size = contents.segment_bytes(line)
    held = _newest(line, size)
    begin = min((number for number, each in held.items() if each.at >= since.replace(microsecond=0)), default=None)
    found: list[Part] = []
    while begin is not None and begin in held:
        after = held.get(begin + 1)
        start, begin = begin * size, begin + 1
        name, following = contents.plain(held[begin - 1].name), contents.plain(after.name) if after else ""
        found.append(Part(name, following, start, begin * size + (OVERLAP_BYTES if after else 0)))
    return found


def _newest(line: Line, size: int) -> dict[int, contents.Segment]:
    """Return each segment by its place: where the server has left a timeline, none of it after the newer one began."""
    held: dict[int, contents.Segment] = {}
    for each in sorted(line.segments, key=lambda each: contents.plain(each.name), reverse=True):
        place = contents.number(each.name, size) if contents.is_log(each) else -1
        if place >= 0 and (not held or place < min(held)):
            held[place] = each
    return held


def location(place: int) -> str:
    """Return a place in the log as PostgreSQL writes it."""
    return f"{place >> 32:X}/{place & 0xFFFFFFFF:08X}"
