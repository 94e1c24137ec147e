"""The archive as it is copied, and as it comes back: each piece one packed tar, which is whole nowhere on the way."""

import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dbserver import contract, streams
from dbserver.archive import looking
from dbserver.archive.contents import Line
from dbserver.declared import Declared
from dbserver.docker import host
from dbserver.errors import CommandError, DbServerError
from dbserver.moment import written
from dbserver.offsite import archived, copies
from dbserver.offsite.archived import Piece, missing
from dbserver.offsite.copies import Copy
from dbserver.offsite.copying import CHUNK_BYTES, Depot, Item
from dbserver.offsite.place import Place
from dbserver.results.keeping import Judged
from dbserver.streams import BLOCK_BYTES

# The same bytes each time, or an interrupted push could not go on: sorted names, and no time in the packed stream.
PACK = """
cd /archive || exit 1
exec bash -o pipefail -c '
  found=$(if [ "$1" = log ]; then
    for each in "${@:3}"; do if [ -e "$2/wal/$each" ]; then echo "$2/wal/$each"; else echo "$2/wal/$each.gz"; fi; done
    find "$2/wal" -name "*.history"
  else find "$2/base/$3"; fi) || exit
  printf "%s\\n" "$found" | LC_ALL=C sort | tar -cf - --no-recursion -T - | gzip -1nc
' bash "$@"
"""
OLDER, FORSAKEN = "older than what has to come back", "was never finished, and is older than what has to come back"
UNPACK = "cd /archive && exec tar -xpzf -"
PACKED = 31  # zlib's word for a stream with gzip's header and checksum


def item(declared: Declared, line: Line, piece: Piece) -> Item:
    """Return a piece as it is copied, read where the archive is.

    Its chunks raise CommandError where the keeper packs or expires a file meanwhile.
    """
    if piece.is_base:
        base = next(each for each in line.bases if each.at == piece.at)
        names, size = ["base", line.name, base.name], base.size or 0
    else:
        own = [each for each in line.segments if piece.first <= each.name and each.name[:24] <= piece.last]
        names = ["log", line.name, *sorted({each.name[:24] for each in own})]
        size = sum(each.size for each in own)

    def chunks() -> Iterator[tuple[str, bytes]]:
        with streams.drawn(looking.beside(declared, PACK, names)) as program:
            number = 0
            while chunk := program.output.read(CHUNK_BYTES):
                number += 1
                yield copies.object_name(number), chunk
            done = program.wait()
        if not done.succeeded:
            raise CommandError(f"packing {piece.id}", done.status, done.output)

    return Item(piece.id, piece.subject, piece.at.isoformat(timespec="seconds"), size, chunks)


def items(declared: Declared, place: Place, there: Mapping[str, Mapping[str, int]]) -> list[Item]:
    """Return what of the archive has no copy yet, up to now; nothing where the stack has none."""
    if declared.archive is None:
        return []
    looking.end_segment(looking.server(declared))
    complete, begun = split(there)
    keep, now = period(declared, place), datetime.now(UTC)
    lines = looking.lines(declared, sizes=True)
    return [item(declared, line, piece) for line in lines for piece in missing(line, complete, begun, keep, now)]


def split(there: Mapping[str, Mapping[str, int]]) -> tuple[list[Piece], list[Piece]]:
    """Return the archive's copies that are complete, and those that were begun."""
    complete = archived.pieces(name for name, objects in there.items() if copies.FILE in objects)
    return complete, [piece for piece in archived.pieces(there) if piece not in complete]


def period(declared: Declared, place: Place) -> timedelta:
    """Return how far back any second comes back from the copies."""
    return timedelta(seconds=place.archive_keep or (declared.archive.keep if declared.archive else 0))


def judged(known: Mapping[str, Copy], there: Mapping[str, Mapping[str, int]], keep: timedelta) -> list[Judged]:
    """Return which pieces go, and of each line what stays. `known` are the complete copies by their names.

    One that is damaged counts for nothing: what it would stand for stays.
    """
    good = [piece for piece in archived.pieces(known) if not copies.faults(known[piece.id], there[piece.id])]
    gone = archived.expired(good, keep, datetime.now(UTC))
    kept = [piece for piece in good if piece not in gone]
    left = archived.forsaken(split(there)[1], kept)
    found = [_judged(piece, there, OLDER) for piece in sorted(gone)]
    found += [_judged(piece, there, FORSAKEN) for piece in sorted(left)]
    for name in sorted({piece.line for piece in kept}):
        own = [piece for piece in kept if piece.line == name]
        shown = [f"{written(each.start)} to {written(each.end)}" for each in archived.windows(own)]
        stored = sum(sum(there[piece.id].values()) for piece in own)
        reason = f"comes back: {', '.join(shown) or 'nothing yet'}"
        found.append(Judged(f"archive.{name}", f"archive.{name}", kept=True, reason=reason, size_bytes=stored))
    return found


def _judged(piece: Piece, there: Mapping[str, Mapping[str, int]], reason: str) -> Judged:
    return Judged(
        piece.id, f"archive.{piece.line}", kept=False, reason=reason, size_bytes=sum(there[piece.id].values())
    )


def fetch(depot: Depot, name: str, identity: Path, directory: str, image: str) -> int:
    """Bring a piece back below a directory of the host, every byte proved; return its bytes there."""
    copy = depot.copy(name)
    mount = ["--mount", f"type=bind,source={directory},target={contract.INNER_ARCHIVE}", "--user", contract.POSTGRES]

    def send(pipe: streams.Pipe) -> None:
        for chunk in depot.plain(copy, identity):
            pipe.write(chunk)

    done = streams.feed([*host.helper_argv(image, mount), "-c", UNPACK], send)
    if not done.succeeded:
        raise DbServerError(f"{name} cannot be unpacked: {done.output}", "make room (df), then run it again")
    return copy.stored


def fault(chunks: Iterator[bytes], name: str) -> str:
    """Return what is wrong with a piece's content; empty where it is whole."""
    unpacking = zlib.decompressobj(PACKED)
    try:
        for chunk in chunks:
            unpacking.decompress(chunk, BLOCK_BYTES)
            while unpacking.unconsumed_tail:  # an empty log is packed a thousandfold
                unpacking.decompress(unpacking.unconsumed_tail, BLOCK_BYTES)
    except zlib.error as wrong:
        return f"{name} is damaged: {wrong}"
    return "" if unpacking.eof else f"{name} is damaged: its end is missing"
