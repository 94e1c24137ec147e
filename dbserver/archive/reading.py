"""The archived log read to an end: PostgreSQL's own program reads it where it is, one segment after the other."""

import io
import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from dbserver import streams
from dbserver.archive import log, looking
from dbserver.archive.contents import Line
from dbserver.archive.log import Part
from dbserver.archive.waldump import Catalog, Reader, Relation
from dbserver.declared import Declared
from dbserver.errors import DbServerError
from dbserver.postgres import relations
from dbserver.postgres.server import Server
from dbserver.streams import Drawn

# Commits are written a little out of order: what comes so long after the end ends the reading.
SLACK = timedelta(seconds=60)
COPIES = 2


def catalogs(server: Server, databases: Sequence[str]) -> dict[int, Catalog]:
    """Return what the numbers in the log mean in these databases, by the databases' own numbers."""
    found = {}
    for database in databases:
        told = json.loads(server.query(relations.ALL, database))
        found[int(told["database"])] = Catalog(database, [Relation(*each) for each in told["relations"]])
    return found


def read(declared: Declared, line: Line, reader: Reader, since: datetime, until: datetime) -> None:
    """Let a reader have the log of a line from a moment to another.

    Raises DbServerError where some of it cannot be read.
    """
    parts = log.parts(line, since)
    argv = looking.beside(declared, log.READ, log.arguments(line.name, reader.databases))
    with streams.drawn(argv) as program:
        printed = io.TextIOWrapper(program.output, encoding="ascii", errors="replace")
        for number, part in enumerate(parts):
            if reader.last and reader.last > until + SLACK:
                break
            _whole(program, printed, reader, part, near_end=number >= len(parts) - 2)


def _whole(program: Drawn, printed: io.TextIOWrapper, reader: Reader, part: Part, *, near_end: bool) -> None:
    """Read a part. What is being written while it is copied may be torn: the next copy has it whole."""
    said = ""
    for _ in range(COPIES):
        said = _part(program, printed, reader, part)
        if not said or part.was_read(said, near_end=near_end):
            return
    raise DbServerError(f"the log cannot be read from {part.name} on: {said}", "./scripts/dbserver archive")


def _part(program: Drawn, printed: io.TextIOWrapper, reader: Reader, part: Part) -> str:
    """Ask for a part and read it; return what ended it, nothing where that was its end."""
    program.tell(part.asked)
    reader.begin()
    for line in printed:
        if line.startswith(log.PART):
            status, _, said = line.removeprefix(log.PART).strip().partition(" ")
            return "" if status == "0" else said or "pg_waldump failed without a word"
        reader.read(line)
    return "what reads it has ended"
