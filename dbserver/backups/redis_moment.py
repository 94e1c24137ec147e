"""A backup of Redis as of a second that is past: its append-only file, copied and cut there, read by a throwaway."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from dbserver import cleaning, contract, execute
from dbserver import moment as moments
from dbserver.backups import redis_filling, redis_making
from dbserver.backups.redis_making import Wanted
from dbserver.backups.store import Backup, Store
from dbserver.docker import containers
from dbserver.errors import CommandError, DbServerError, NotRunningError, RefusedError, UsageError
from dbserver.readiness import wait_until
from dbserver.redis import appended, commands, dump, source
from dbserver.redis.appended import Cut, Files
from dbserver.redis.server import COMMAND_SECONDS, Server

# Redis writes what was acknowledged into the file at once, or 2 s later where the disk is busy.
WRITTEN_SECONDS = 3
ATTEMPTS = 5


@dataclass(frozen=True)
class Window:
    """The seconds that can be reached: from `start` to `end`, in seconds since 1970."""

    start: int
    end: int

    def __str__(self) -> str:
        """Return it for people."""
        return f"from {_text(self.start)} to {_text(self.end)}"

    def refuse(self, second: int) -> None:
        """Raise UsageError for a second outside."""
        if self.start > self.end:
            said = (
                "no second can be reached yet: the append-only file was begun just now, or its commands bear no times"
            )
            raise UsageError(said, "where it stays so: ./scripts/dbserver redis-cli -- BGREWRITEAOF")
        if not self.start <= second <= self.end:
            said = f"the append-only file does not reach to {_text(second)}: it reaches {self}"
            raise UsageError(said, "take a time in between, or a backup: ./scripts/dbserver backups server.redis")


@dataclass(frozen=True)
class Made:
    """A backup as of the beginning of a second, and what else could have been reached."""

    backup: Backup
    moment: datetime
    window: Window


def make(server: Server, kept: Store, text: str, wanted: Wanted) -> Made:
    """Back up what the server held at a moment. The caller holds the subject's lock; nothing of the server changes.

    Raises UsageError where the moment cannot be read or reached.
    """
    now = _now(server)
    second = int(moments.parse(text, now).timestamp())
    _refuse(server)
    redis_filling.clean_up(server)
    with _throwaway(server):
        found, window = _copied(server, second)
        _cut(server, found, second)
        _load(server)
        past = redis_making.Past(
            Server(source.name(server.container), server.admin), datetime.fromtimestamp(second, UTC)
        )
        wanted = replace(wanted, note=wanted.note or f"as of {_text(second)}, of the append-only file")
        made = redis_making.make(server, kept, wanted, past)
    return Made(made, past.moment, window)


def _refuse(server: Server) -> None:
    """Raise where the server keeps no append-only file of its own content."""
    redis_making.refuse_replica(server)
    mode = redis_making.persistence(server)
    if mode != "append-only":
        said = f"redis.persistence is {mode}: only an append-only file tells what there was at a moment"
        raise UsageError(said, "take a backup: ./scripts/dbserver backups server.redis")
    if server.info("persistence").get("aof_last_write_status") != "ok":
        raise DbServerError("the last write to the append-only file failed: it lacks what came since", "make room")


@contextmanager
def _throwaway(server: Server) -> Iterator[None]:
    own = containers.inspect([server.container])[server.container]
    config, data = (own.mounts[of[contract.REDIS]] for of in (contract.INNER_CONFIG, contract.INNER_DATA))
    name = source.name(server.container)
    try:
        argv = appended.create(server.container, server.admin, own.image_id, config, data, own.memory)
        execute.run(argv, timeout=COMMAND_SECONDS)
        containers.start(name)
        yield
    finally:
        containers.discard(name)


def _copied(server: Server, second: int) -> tuple[Files, Window]:
    """Copy the files as one manifest names them; what was acknowledged before the second is in them by then."""
    for _ in range(ATTEMPTS):
        looked = execute.run(appended.within(server.container, appended.LOOK), timeout=COMMAND_SECONDS, check=False)
        if looked.status == appended.CHANGED:
            continue
        found = appended.files(looked.stdout)
        window = _window(server, found.begun)
        window.refuse(second)
        while _now(server).timestamp() < second + WRITTEN_SECONDS:
            time.sleep(0.1)
        argv = appended.within(server.container, appended.COPY, found.base, *found.increments)
        done = execute.run(argv, stdin=found.manifest, timeout=dump.TRANSFER_SECONDS, check=False)
        if done.succeeded:
            return found, _refine(server, found, window, second)
        if done.status == appended.FULL:
            raise RefusedError(f"too little disk where Docker keeps volumes: {done.output}", "make room")
        if done.status != appended.CHANGED:
            raise DbServerError(f"the append-only file could not be copied: {done.output}", "mend the cause, try again")
    raise DbServerError("the append-only file is rewritten again and again", "try again when Redis has less to write")


def _window(server: Server, begun: int | None) -> Window:
    """Return what can be reached by what the base says: in the second of its beginning nothing can be told apart."""
    if begun is None:
        hint = "./scripts/dbserver redis-cli -- BGREWRITEAOF begins one that does"
        raise UsageError("the append-only file does not say when it was begun", hint)
    return Window(begun + 1, int(_now(server).timestamp()))


def _refine(server: Server, found: Files, window: Window, second: int) -> Window:
    """Return the window without the time in which commands were written without their times."""
    if not found.increments:
        return window
    first = appended.first(_run(appended.within(server.container, appended.FIRST, found.increments[0])))
    start = window.end + 1 if first is None else max(window.start, first + 1 if first else 0)
    refined = Window(start, window.end)
    refined.refuse(second)
    return refined


def _cut(server: Server, found: Files, second: int) -> None:
    """Drop from the copy what was given from that second on, and let the throwaway read the rest."""
    kept: list[str] = []
    for increment in found.increments:
        done = execute.run(
            appended.cut(server.container, increment, second - 1), timeout=dump.TRANSFER_SECONDS, check=False
        )
        judged = appended.judged(done.stdout)
        if judged is None:
            raise DbServerError(f"{increment} of the append-only file is damaged: {_last(done)}", "take a backup")
        if judged is not Cut.AFTER:
            kept.append(increment)
        if judged in (Cut.AFTER, Cut.CUT):
            break
    _run(appended.within(server.container, appended.FINISH), found.kept(kept))


def _load(server: Server) -> None:
    name = source.name(server.container)
    try:
        wait_until(name, commands.cli(name, server.admin, "PING"), redis_filling.LOAD_SECONDS)
    except NotRunningError as fault:
        raise DbServerError(f"the append-only file could not be loaded: {fault.message}", "take a backup") from None


def _run(argv: Sequence[str], stdin: str = "") -> str:
    try:
        return execute.run(argv, stdin=stdin, timeout=dump.TRANSFER_SECONDS).stdout
    except CommandError as fault:
        raise DbServerError(f"the append-only file cannot be read: {fault.output}", "take a backup") from None


def _last(done: execute.Finished) -> str:
    return next(reversed([line for line in cleaning.lines(done.output) if line.strip()]), "")


def _now(server: Server) -> datetime:
    """Return the time by the server's clock, which is that of its file."""
    seconds, microseconds = server.command("TIME").split()
    return datetime.fromtimestamp(int(seconds), UTC).replace(microsecond=int(microseconds))


def _text(second: int) -> str:
    return moments.written(datetime.fromtimestamp(second, UTC))
