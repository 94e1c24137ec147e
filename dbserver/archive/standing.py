"""How the archive stands: which seconds come back, and whether the log arrives."""

from datetime import UTC, datetime

from dbserver import contract
from dbserver.archive import looking
from dbserver.archive.contents import Base, Line, Segment
from dbserver.archive.plan import differences
from dbserver.declared import Declared
from dbserver.docker import containers, images
from dbserver.docker.containers import Container
from dbserver.errors import DbServerError
from dbserver.results.archive import Archive, BaseBackup, reachable


def standing(declared: Declared, *, sizes: bool) -> Archive:
    """Return how the archive stands. Raises UsageError where the stack has none."""
    wanted, now = looking.plan(declared), datetime.now(UTC)
    container = containers.inspect([wanted.name]).get(wanted.name)
    state = container.state if container else "missing"
    said = looking.streamed(looking.server(declared))
    found = _lines(declared, sizes=sizes)
    log = [segment for line in found for segment in line.segments]
    bases = [base for line in found for base in line.bases]
    return Archive(
        stack=declared.stack,
        container=wanted.name,
        state=state,
        directory=wanted.directory,
        keep_seconds=wanted.keep,
        schedule=wanted.schedule,
        synchronous=wanted.synchronous,
        streaming=bool(said.get("streaming")),
        lag_bytes=int(said["lacking"]) if said else None,
        lag_seconds=_lag(log, int(said["lacking"]), now) if said else None,
        kept=str(said.get("kept", "")),
        room_bytes=said.get("room"),
        size_bytes=sum(segment.size for segment in log) + sum(base.size or 0 for base in bases),
        windows=tuple(reachable(each.start, each.end) for each in looking.windows(found, said)),
        base_backups=tuple(_base(base) for base in bases),
        fault=looking.fault(wanted, state, found, said, now),
        differences=_differences(declared, container) if container else (),
    )


def _differences(declared: Declared, container: Container) -> tuple[str, ...]:
    name = declared.images[contract.POSTGRES]
    held = images.held(name, stand_ins=declared.stand_ins)
    return tuple(differences(looking.plan(declared), declared.stack, name, held, container))


def _lines(declared: Declared, *, sizes: bool) -> tuple[Line, ...]:
    try:
        return looking.lines(declared, sizes=sizes)
    except DbServerError:
        return ()


def _lag(log: list[Segment], lacking: int, now: datetime) -> float:
    """Nothing is late where nothing is lacking, however long ago the last write was."""
    last = max((segment.at for segment in log), default=now)
    return max(0.0, (now - last).total_seconds()) if lacking else 0.0


def _base(base: Base) -> BaseBackup:
    return BaseBackup(base.at.isoformat(timespec="seconds"), base.incremental, base.size)
