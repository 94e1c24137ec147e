"""A server recovered from the archive to a moment; it is gone afterwards, whatever happens."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dbserver import cleaning, contract, execute, moment
from dbserver.archive import contents, looking, source
from dbserver.archive.contents import Base, Line, Window
from dbserver.archive.source import Target
from dbserver.backups.choosing import stamped
from dbserver.backups.store import Store
from dbserver.declared import Declared
from dbserver.docker import beside, containers, host
from dbserver.errors import DbServerError, RefusedError, UsageError
from dbserver.postgres.server import Server
from dbserver.units import size

Tell = Callable[[str], None]
CHECKPOINT = "checkpoint "
POLL_SECONDS = 0.2
TELL_SECONDS = 10
LOG_LINES = 200
READY = "SELECT NOT pg_is_in_recovery();\n"


@dataclass(frozen=True)
class Way:
    """How a moment is reached: the base backups of a line to begin with, and where recovery ends.

    `moment` is None where a transaction says it.
    """

    line: Line
    bases: tuple[Base, ...]
    target: Target
    moment: datetime | None
    words: str


@dataclass(frozen=True)
class Recovered:
    """A server as it was: `reached` is when its last transaction was committed, or what was asked for."""

    server: Server
    reached: datetime


def find(declared: Declared, at: str, before: int | None) -> Way:
    """Return the way to a moment, or to just before a transaction.

    Raises UsageError where the archive does not reach there, with what it reaches.
    """
    when = None if before is not None else _moment(declared, at)
    looking.mark(looking.server(declared))
    found, known = looking.look(declared, sizes=True)
    if when is None:
        return _before(found, known, int(before or 0))
    return way(found, known, when)


def find_end(declared: Declared) -> Way:
    """Return the way to the end of all that the archive has.

    Raises UsageError where it has nothing, and where a server runs: it has all of that itself, unless it is a new one.
    """
    found, known = looking.look(declared, sizes=True)
    server = looking.server(declared)
    if server.attempt(READY, "postgres").succeeded:
        raise UsageError(f"{server.container} runs; the end of its log is now", f"--at MOMENT; {looking.reach(known)}")
    return way(found, known, None)


def way(found: Sequence[Line], known: Sequence[Window], when: datetime | None) -> Way:
    """Return the way to a moment, or without one to the end of all. Raises UsageError where they do not reach there."""
    window = next((each for each in reversed(known) if when is None or each.holds(when)), None)
    if window is None:
        what = f"{moment.written(when)} is not in the archive" if when else "the archive brings nothing back"
        raise UsageError(what, looking.reach(known))
    line = next(each for each in found if each.name == window.line)
    if when is None:
        words = f"the end of the archive, {moment.written(window.end)}"
        return Way(line, contents.begin_at(line, window.end), Target({}), None, words)
    # PostgreSQL knows no abbreviations of zones when it reads this one.
    target = Target({"recovery_target_time": f"{when:%Y-%m-%d %H:%M:%S.%f}+00"})
    return Way(line, contents.begin_at(line, when), target, when, moment.written(when))


def _moment(declared: Declared, at: str) -> datetime:
    if not at.startswith(CHECKPOINT):
        return moment.parse(at, datetime.now(UTC))
    name = at.removeprefix(CHECKPOINT).strip()
    known = [each for each in Store(Path(declared.backup_directory)).backups() if each.id == name]
    when = datetime.fromisoformat(known[0].manifest.started) if known else stamped(name)
    if when is None:
        raise UsageError(f"{name} is no checkpoint's id", "./scripts/dbserver backups")
    return when


def _before(found: tuple[Line, ...], known: tuple[Window, ...], transaction: int) -> Way:
    for line in reversed(found):
        bases = contents.begin_before(line, transaction)
        if bases and any(window.line == line.name for window in known):
            settings = {"recovery_target_xid": str(transaction), "recovery_target_inclusive": "off"}
            return Way(line, bases, Target(settings), None, f"before transaction {transaction}")
    raise UsageError(f"transaction {transaction} is older than the archive", looking.reach(known))


@contextmanager
def recovered(declared: Declared, way: Way, tell: Tell, *, stays: bool) -> Iterator[Recovered]:
    """Yield the server as it was. The caller holds the lock; what a run that is gone left is removed.

    One that stays has to be on the disk.
    """
    image = looking.image(declared)
    clean_up(declared, image)
    refuse_little_room(declared, way)
    plan = declared.plan(contract.POSTGRES)
    server = Server(source.name(plan.name), declared.admin)
    try:
        log = _run(declared, image, way, Target(way.target.settings, hurried=not stays), tell)
        if source.ENDED in log and way.moment is not None:
            # Nothing was written after that moment: the end of the log is what it was like.
            clean_up(declared, image)
            log = _run(declared, image, way, Target({}, hurried=not stays), tell)
            refuse_short(way, log)
        if source.ENDED in log:
            raise UsageError(f"the archive has nothing {way.words}", "./scripts/dbserver archive")
        reached = source.reached(log)
        known = datetime.fromisoformat(reached) if reached else way.moment or way.bases[-1].at
        yield Recovered(server, known)
    finally:
        clean_up(declared, image)


def refuse_short(way: Way, log: str) -> None:
    """Raise DbServerError where the end of the log was not reached: a segment is damaged, and what follows is lost."""
    newest = max(contents.log(way.line), default=way.bases[-1].start)
    last = source.last_segment(log) or way.bases[-1].start
    if last < newest:
        what = f"the archive is damaged after segment {last} of {way.line.name}: {way.words} is not reached"
        raise DbServerError(what, "take an earlier moment; nothing live was touched")


def clean_up(declared: Declared, image: str) -> None:
    """Remove the throwaway server and its directory."""
    containers.discard(source.name(declared.containers[contract.POSTGRES]))
    beside.discard(declared.data_directory, image, [source.DIRECTORY])


def refuse_little_room(declared: Declared, way: Way) -> None:
    """Raise RefusedError where the disk has too little room for the server as it was."""
    needed = sum(base.size or 0 for base in way.bases) * 11 // 10
    room = host.inspect_directory(
        f"{declared.data_directory}/{source.DIRECTORY}", looking.image(declared), contract.POSTGRES
    ).free_bytes
    if room < needed:
        raise RefusedError(f"too little disk: {size(needed)} are needed, {size(room)} are free", "make room")


def _run(declared: Declared, image: str, way: Way, target: Target, tell: Tell) -> str:
    """Start the throwaway and wait until it is there, or has given up; return its log."""
    plan, wanted = declared.plan(contract.POSTGRES), looking.plan(declared)
    host.make_owned_directory(f"{declared.data_directory}/{source.DIRECTORY}", image, contract.POSTGRES)
    names = [base.name for base in way.bases]
    argv = source.run(plan, image, declared.stack, wanted.directory, way.line.name, names, target)
    execute.run(argv, timeout=host.HELPER_SECONDS)
    server, told = Server(source.name(plan.name), declared.admin), time.monotonic()
    while True:
        done = server.attempt(READY, "postgres")
        if done.succeeded and done.stdout.strip() == "t":
            return _log(server)
        found = containers.inspect([server.container]).get(server.container)
        if found is None or not found.running:
            log = _log(server)
            if source.ENDED in log:
                return log
            raise DbServerError(f"the archive could not be recovered: {_why(log)}", "./scripts/dbserver archive")
        if time.monotonic() - told > TELL_SECONDS:
            told = time.monotonic()
            tell(progress(way, _log(server)))
        time.sleep(POLL_SECONDS)


def progress(way: Way, log: str) -> str:
    """Return how far a recovery is: segments of the log read, and those that there are to read at most."""
    ahead = [name for name in contents.log(way.line) if name >= way.bases[-1].start]
    last = source.last_segment(log)
    if not last:
        return "copying the base backup"
    return f"reading the log: {sum(name <= last for name in ahead)} of at most {len(ahead)} segments"


def _log(server: Server) -> str:
    return containers.last_lines(server.container, LOG_LINES)


def _why(log: str) -> str:
    told = [line for line in cleaning.lines(log) if "FATAL:" in line or "error:" in line or "PANIC:" in line]
    return (told or cleaning.lines(log) or ["it ended without a word"])[-1].strip()
