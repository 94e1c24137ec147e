"""restore --all, and its way back: the whole PostgreSQL server as it was, by directories that change places."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from dbserver import cleaning, clients, contract, locks, major, updating
from dbserver.archive import recovering, replacing, source
from dbserver.archive.plan import SLOT
from dbserver.archive.recovering import Way
from dbserver.backups import everything, making
from dbserver.declared import Declared
from dbserver.docker import beside, host, images
from dbserver.docker.images import Image
from dbserver.engine import command
from dbserver.errors import UsageError
from dbserver.postgres import sql
from dbserver.registry import registered
from dbserver.results.whole import WholeRestored

VERB = "restore --all"
Tell = Callable[[str], None]


def find(declared: Declared, at: str | None) -> Way:
    """Return the way to a moment, or to the end of the archive. Raises UsageError where it does not reach there."""
    command.require()
    return recovering.find_end(declared) if at is None else recovering.find(declared, at, None)


def restore(declared: Declared, way: Way, tell: Tell, *, override: bool) -> WholeRestored:
    """Recover the server beside its data directory, prove it, and let it take the place; the one before is kept.

    Raises RefusedError before anything is changed, DbServerError where anything fails: up to the swap the server before
    runs on then.
    """
    with _held(declared):
        began = time.monotonic()
        image = _image(declared)
        _refuse(declared, override=override)
        _make_missing(declared, image)
        tell(f"a server is recovered to {way.words}, beside the data directory")
        with recovering.recovered(declared, way, tell, stays=True) as past:
            databases = replacing.answering(past.server, cleaning.lines(past.server.query(sql.DATABASES)))
            replacing.shut_down(past.server)
            _refuse(declared, override=override)
            tell(f"it answers with {', '.join(databases)}; it takes the place of the one before")
            closed = time.monotonic()
            kept = locks.to_the_end(lambda: replacing.switch(declared, image, source.DIRECTORY))
        reached = past.reached.isoformat(timespec="microseconds")
        # Where nothing was in its place, the disk was lost, and Redis' data with it.
        return _up(declared, tell, reached, kept, override=override, began=began, closed=closed, lost=not kept)


def undo(declared: Declared, tell: Tell, *, override: bool) -> WholeRestored:
    """Put the newest kept directory of the same major version back in place; the one that was there is kept."""
    command.require()
    with _held(declared):
        began = time.monotonic()
        image = _image(declared)
        found = beside.settle(declared.data_directory, image.name, major.stamp())
        incoming = contract.POSTGRES if found.back else found.same()
        if not incoming:
            raise UsageError(f"no directory of a restore is kept in {declared.data_directory}", "nothing to undo")
        _refuse(declared, override=override)
        # What the archive has got since is no continuation of this one: without its slot another line begins.
        beside.discard(declared.data_directory, image.name, [f"{incoming}/pg_replslot/{SLOT}"])
        closed = time.monotonic()
        kept = "" if found.back else locks.to_the_end(lambda: replacing.switch(declared, image, incoming))
        return _up(declared, tell, None, kept, override=override, began=began, closed=closed)


@contextmanager
def _held(declared: Declared) -> Iterator[None]:
    """Hold the stack, the place of the throwaway, and whatever is backed up or restored."""
    subjects = [making.Wanted(database, name).subject for name, (database, _) in declared.applications.items()]
    with ExitStack() as held:
        for name in ("", ".moment", f".{everything.SUBJECT}", *(f".{subject}" for subject in subjects)):
            held.enter_context(locks.held(f"{declared.stack}{name}", VERB))
        yield


def _refuse(declared: Declared, *, override: bool) -> None:
    clients.refuse(declared.servers([contract.POSTGRES]), override=override)


def _make_missing(declared: Declared, image: Image) -> None:
    """Docker starts nothing on directories that are gone, as they are with a lost disk."""
    plan = declared.plan(contract.POSTGRES)
    host.make_directory(declared.data_directory, image.name)
    host.make_directory(plan.mounts[contract.INNER_CONFIG[contract.POSTGRES]], image.name)
    host.make_private_directory(plan.backups, image.name)


def _up(
    declared: Declared, tell: Tell, reached: str | None, kept: str, *,
    override: bool, began: float, closed: float, lost: bool = False,
) -> WholeRestored:  # fmt: skip
    """Update the stack, prove that every application's database answers."""
    tell("updating the stack")
    updating.update(declared, tell, override=override, new=lost)
    applications = [application.database for application in registered(declared)]
    now = time.monotonic()
    return WholeRestored(
        stack=declared.stack,
        reached=reached,
        databases=replacing.answering(major.server(declared), applications),
        kept=f"{declared.data_directory}/{kept}" if kept else "",
        away_seconds=round(now - closed, 1),
        seconds=round(now - began, 1),
    )


def _image(declared: Declared) -> Image:
    return images.resolve(declared.images[contract.POSTGRES], stand_ins=declared.stand_ins)
