"""PostgreSQL from the archive's copies: fetched beside the data directory, recovered there, then put in its place."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from dbserver import cleaning, contract, locks
from dbserver import moment as moments
from dbserver.archive import contents, looking, recovering, replacing, source
from dbserver.archive.looking import reach
from dbserver.declared import Declared
from dbserver.docker import beside, host, images
from dbserver.errors import UsageError
from dbserver.offsite import archived, archiving, journal
from dbserver.offsite.archived import Needed
from dbserver.offsite.copying import Depot
from dbserver.postgres import sql
from dbserver.results.offsite import RescuedPart

SUBJECT = "archive"
DIRECTORY = f"{contract.ARCHIVE}.fetched"
Tell = Callable[[str], None]


def find(there: Mapping[str, Mapping[str, int]], at: str | None, backups_of: datetime) -> Needed | None:
    """Return what brings a moment back, or the end of the log; None where the backups are newer than that.

    Raises UsageError where the copies do not reach the moment.
    """
    complete, _ = archiving.split(there)
    moment = moments.parse(at, datetime.now(UTC)) if at else None
    found = archived.needed(complete, moment)
    if moment and found is None:
        raise UsageError(f"{moments.written(moment)} is not in the copied archive", reach(archived.windows(complete)))
    return found if moment or (found and found.window.end > backups_of) else None


def fetch(depot: Depot, declared: Declared, needed: Needed, identity: Path, tell: Tell) -> int:
    """Fetch the pieces, but those that an interrupted run has fetched; return the bytes that all take there."""
    image = images.resolve(declared.images[contract.POSTGRES], stand_ins=declared.stand_ins).name
    directory = f"{declared.data_directory}/{DIRECTORY}"
    host.make_owned_directory(directory, image, contract.POSTGRES)
    notes, fetched = journal.directory(declared.stack) / "fetched", 0
    done = cleaning.lines(notes.read_text()) if notes.exists() else []
    for piece in (*needed.bases, *needed.log):
        if piece.id not in done:
            tell(f"fetching {piece.id}")
            fetched += archiving.fetch(depot, piece.id, identity, directory, image)
            with notes.open("a") as file:
                file.write(f"{piece.id}\n")
    return fetched


def recover(declared: Declared, needed: Needed, at: str | None, tell: Tell) -> RescuedPart:
    """Recover the server from what was fetched, and let it take the place of the empty one."""
    image = images.resolve(declared.images[contract.POSTGRES], stand_ins=declared.stand_ins)
    past = _on_fetched(declared)
    found = looking.lines(past, sizes=True)
    moment = moments.parse(at, datetime.now(UTC)) if at else None
    way = recovering.way(found, contents.windows(found, None), moment)
    tell(f"a server is recovered to {way.words}")
    with recovering.recovered(past, way, tell, stays=True) as recovered:
        databases = cleaning.lines(recovered.server.query(sql.DATABASES))
        replacing.answering(recovered.server, databases)
        replacing.shut_down(recovered.server)
        empty = locks.to_the_end(lambda: replacing.switch(declared, image, source.DIRECTORY))
    beside.discard(declared.data_directory, image.name, [empty])
    reached = recovered.reached.isoformat(timespec="seconds")
    return RescuedPart(SUBJECT, needed.bases[-1].id, reached, len(databases))


def clean_up(declared: Declared) -> None:
    """Remove what was fetched."""
    image = images.resolve(declared.images[contract.POSTGRES], stand_ins=declared.stand_ins)
    beside.discard(declared.data_directory, image.name, [DIRECTORY])
    (journal.directory(declared.stack) / "fetched").unlink(missing_ok=True)


def _on_fetched(declared: Declared) -> Declared:
    """Return the stack with what was fetched as its archive, which no container keeps."""
    plan = looking.plan(declared)
    fetched = replace(plan, name=f"{plan.name}-fetched", directory=f"{declared.data_directory}/{DIRECTORY}")
    return replace(declared, archive=fetched)
