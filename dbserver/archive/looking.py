"""The archive as it stands: what is in it, and what the server says about the stream."""

import json
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from dbserver import cleaning, contract, execute, moment
from dbserver.archive import contents
from dbserver.archive.contents import Line, Window
from dbserver.archive.plan import SLOT, ArchivePlan, due
from dbserver.declared import Declared
from dbserver.docker import containers, host, images
from dbserver.errors import CommandError, DbServerError, UsageError
from dbserver.postgres import archiving
from dbserver.postgres.server import Server
from dbserver.units import duration

LIST_SECONDS = 300
MARK_SECONDS = 10
LOST, RUNNING = "lost", "running"
WANTED = f"{contract.INNER_ARCHIVE}/.wanted"
BASE_BACKUP_SECONDS = 24 * 3600
# A base backup that is due may wait for a busy server, and takes its time.
GRACE_SECONDS, FIRST_SECONDS = 6 * 3600, 3600


def plan(declared: Declared) -> ArchivePlan:
    """Return the declared archive. Raises UsageError where the stack has none."""
    if declared.archive is None:
        hint = f"Pulumi.{declared.stack}.yaml: db-server:archive: {{enabled: true}}, then ./scripts/start.sh"
        raise UsageError(f"stack {declared.stack} has no archive", hint)
    return declared.archive


def look(declared: Declared, *, sizes: bool = False) -> tuple[tuple[Line, ...], tuple[Window, ...]]:
    """Return what is in the archive, and the times that come back.

    The server is asked first: a line that began since must not make the one before look longer than it is.
    """
    said = streamed(server(declared))
    found = lines(declared, sizes=sizes)
    return found, windows(found, said)


def lines(declared: Declared, *, sizes: bool = False) -> tuple[Line, ...]:
    """Return what is in the archive, whether its container runs or not. Raises NotRunningError without a daemon."""
    wanted = plan(declared)
    try:
        argv = beside(declared, contents.LIST, ["sizes"] * sizes)
        return contents.parse(execute.run(argv, timeout=LIST_SECONDS).stdout)
    except CommandError as fault:
        raise DbServerError(
            f"{wanted.directory} cannot be read: {fault.output}", f"docker logs {wanted.name}"
        ) from None


def beside(declared: Declared, script: str, arguments: Sequence[str]) -> list[str]:
    """Return the command that runs a script where the archive is, whether its container runs or not."""
    wanted = plan(declared)
    found = containers.inspect([wanted.name]).get(wanted.name)
    if found and found.running:
        argv = ["docker", "exec", "--interactive", wanted.name, "sh"]
    else:
        mount = f"type=bind,source={wanted.directory},target={contract.INNER_ARCHIVE},readonly"
        argv = host.helper_argv(image(declared), ["--mount", mount])
    return [*argv, "-c", script, "sh", *arguments]


def image(declared: Declared) -> str:
    """Return the server's image, which has the programs."""
    return images.resolve(declared.images[contract.POSTGRES], stand_ins=declared.stand_ins).name


def server(declared: Declared) -> Server:
    """Return the server whose log it is."""
    return Server(declared.containers[contract.POSTGRES], declared.admin)


def streamed(server: Server) -> Mapping[str, Any]:
    """Return what the server says about the stream; nothing where it does not answer or has no slot for it."""
    try:
        return dict(json.loads(server.query(archiving.streamed(SLOT))))
    except CommandError:
        return {}


def windows(found: tuple[Line, ...], said: Mapping[str, Any]) -> tuple[Window, ...]:
    """Return the times that come back."""
    whole = said.get("streaming") and not said["lacking"]
    return contents.windows(found, datetime.fromtimestamp(said["now"], UTC) if whole else None)


def reach(known: Sequence[Window]) -> str:
    """Return the times that come back, for a hint."""
    shown = [f"{moment.written(each.start)} to {moment.written(each.end)}" for each in known]
    return f"it reaches from {', and from '.join(shown)}" if shown else "it has no base backup yet: dbserver archive"


def mark(server: Server) -> None:
    """Give the log a place to stop at after this moment, and wait until the archive has it.

    Where the server or the archive is away, what is there is there: recovery goes to its end.
    """
    _received(server, archiving.MARK)


def end_segment(server: Server) -> None:
    """Make what was written until now whole segments, and wait as mark does."""
    _received(server, archiving.SWITCH)


def _received(server: Server, statements: str) -> None:
    """Wait until the archive has the log up to the place that the statements print last."""
    try:
        location = cleaning.lines(server.query(statements))[-1]
        deadline = time.monotonic() + MARK_SECONDS
        while server.query(archiving.received(SLOT, location)) != "t" and time.monotonic() < deadline:
            time.sleep(0.05)
    except CommandError:
        return


def base_backup(declared: Declared) -> None:
    """Have the keeper make a base backup now, and wait for it. Raises DbServerError where it makes none."""
    name, before = plan(declared).name, _names(lines(declared))
    execute.run(["docker", "exec", name, "touch", WANTED], timeout=LIST_SECONDS)
    deadline = time.monotonic() + BASE_BACKUP_SECONDS
    # The keeper removes it after it has tried; where the container is gone, this fails as well.
    argv = ["docker", "exec", name, "test", "-e", WANTED]
    while execute.run(argv, timeout=LIST_SECONDS, check=False).succeeded and time.monotonic() < deadline:
        time.sleep(1)
    if _names(lines(declared)) <= before:
        raise DbServerError(f"{name} has made no base backup", f"docker logs --tail 30 {name}")


def _names(found: tuple[Line, ...]) -> set[str]:
    """The newest has the last name only within its line: the clock may have been set back."""
    return {f"{line.name}/{base.name.rstrip(contents.WHOLE)}" for line in found for base in line.bases}


def fault(wanted: ArchivePlan, state: str, found: tuple[Line, ...], said: Mapping[str, Any], now: datetime) -> str:
    """Return what is wrong with the archive; empty where nothing is."""
    if state != RUNNING:
        return f"container {wanted.name} is {state}: nothing that is written now comes back"
    if not said:
        return "the server has no slot for it, or does not answer"
    if said["kept"] == LOST:
        return "it was away for too long: the server gave up the log that it lacks, and it begins anew"
    if not said["streaming"]:
        return "the log does not arrive; the server keeps it meanwhile"
    return _late(wanted, next((line for line in found if line.streaming), None), now)


def _late(wanted: ArchivePlan, current: Line | None, now: datetime) -> str:
    """The first base backup takes its time; without one nothing comes back."""
    if current is None:
        return "nothing is in it"
    since = current.bases[-1].at if current.bases else current.since
    longest = int(due(wanted.schedule)[0]) + GRACE_SECONDS if current.bases else FIRST_SECONDS
    age = (now - since).total_seconds()
    what = "the last base backup is" if current.bases else "there is no base backup, and the archive is"
    return f"{what} {duration(age)} old" if age > longest else ""
