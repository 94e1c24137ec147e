"""adopt: from a running installation of elsewhere to this stack, on the same data, with a way back."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dbserver import contract, gap, locks
from dbserver import declared as configured
from dbserver.adoption import configuration, fitting, proof, showing, swapping
from dbserver.adoption import record as records
from dbserver.adoption.found import Database, Installation
from dbserver.adoption.looking import Where, foreign, look
from dbserver.adoption.record import ADOPTED, GOING_BACK, SWAPPING, Record
from dbserver.adoption.taking import Taking, back_up, scripts
from dbserver.backups.store import Store
from dbserver.docker import containers
from dbserver.engine import backend, command, state
from dbserver.errors import DbServerError, RefusedError, UsageError
from dbserver.postgres import adoption
from dbserver.postgres.server import Server
from dbserver.readiness import READY_SECONDS
from dbserver.redis.server import Server as Redis
from dbserver.results.adoption import Adopted, AdoptionFinished, AdoptionPlan, AdoptionUndone, ProvedDatabase
from dbserver.results.servers import Away

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Wanted:
    """What to adopt, into which stack. `left_out` are databases that are declared nowhere."""

    stack: str
    where: Where
    left_out: Sequence[str] = ()
    allow_open_redis: bool = False


@dataclass(frozen=True)
class Plan:
    """What will be done: `names` is database -> application, `text` the whole content of the stack's file."""

    wanted: Wanted
    found: Installation
    names: Mapping[str, str]
    text: str
    shown: AdoptionPlan


def standing(stack: str) -> AdoptionPlan | None:
    """Return where an adoption that has begun stands; nothing where none has."""
    record = records.read(_path(stack))
    return AdoptionPlan(stack, record.step, configured.file(stack).name) if record else None


def plan(wanted: Wanted) -> Plan:
    """Look at the installation, and return what would be done; nothing is changed.

    Raises RefusedError with every reason not to begin, each with its way out.
    """
    found = look(wanted.where)
    chosen = fitting.declared(found.postgres, wanted.left_out)
    path = configured.file(wanted.stack)
    before = path.read_text() if path.exists() else ""
    configured.judge(wanted.stack, before)
    content = configuration.parsed(before, path.name)
    reasons = fitting.refusals(found, wanted.left_out, allow_open=wanted.allow_open_redis)
    if not reasons:
        reasons = [f"{path.name}: {each}" for each in configuration.contradictions(content, found, chosen)]
    reasons += _in_the_way(found)
    if reasons:
        raise RefusedError(f"{contract.REFUSED}\n  " + "\n  ".join(reasons), "mend these, then run it again")
    text = configuration.text(configuration.merged(content, found, chosen))
    configured.judge(wanted.stack, text)
    notices = fitting.notices(found, wanted.left_out)
    changes = configuration.changes(before, text, path.name)
    names = _names(text, chosen)
    return Plan(wanted, found, names, text, showing.shown(wanted.stack, path.name, found, names, changes, notices))


def adopt(wanted: Wanted, tell: Tell) -> Adopted:
    """Do what the plan says; one that was interrupted goes on.

    Where the stack's servers do not come up, or something is missing in them,
    the old containers are started again, and DbServerError says so.
    """
    began = time.monotonic()
    _require_engine()
    with locks.held(wanted.stack, "adopt"):
        record = records.read(_path(wanted.stack))
        if record and record.step != SWAPPING:
            told = f"an adoption of stack {wanted.stack} was begun, it is: {record.step}"
            raise RefusedError(told, "adopt --undo, or adopt --finish")
        record = record or _begin(plan(wanted), tell)
        away, proved, keys = _swap_or_go_back(record, tell)
    return Adopted(
        stack=record.stack,
        file=configured.file(record.stack).name,
        backups=tuple(record.backups),
        servers=_away(record, away),
        databases=proved,
        roles=len(record.before["roles"]),
        redis_keys=keys,
        kept=tuple(each.kept for each in record.olds.values()),
        seconds=round(time.monotonic() - began, 1),
    )


def undo(stack: str, tell: Tell) -> AdoptionUndone:
    """Start the old containers again, on the same data, and give roles and databases back what they had."""
    began = time.monotonic()
    with locks.held(stack, "adopt --undo"):
        record = _required(stack)
        away, proved = _go_back(record, tell)
    return AdoptionUndone(stack, _away(record, away), proved, round(time.monotonic() - began, 1))


def finish(stack: str) -> AdoptionFinished:
    """Remove the containers that were kept: there is no way back afterwards. The data and the backups stay."""
    with locks.held(stack, "adopt --finish"):
        record = _required(stack)
        if record.step != ADOPTED:
            raise RefusedError(f"the adoption of stack {stack} is {record.step}", "adopt, or adopt --undo, first")
        removed = swapping.remove(record)
        _path(stack).unlink()
    return AdoptionFinished(stack, tuple(removed))


def _require_engine() -> None:
    try:
        command.require()
    except UsageError as fault:
        hint = "tools/prepare gets it; start.sh would take the containers over, without backups and a way back"
        raise UsageError(fault.message, hint) from None


def _begin(planned: Plan, tell: Tell) -> Record:
    """Make the backups, write the file, then the record: until that nothing of the installation is touched."""
    found, wanted, path = planned.found, planned.wanted, configured.file(planned.wanted.stack)
    server = Server(found.postgres.container.name, found.postgres.admin)
    made = back_up([each.name for each in found.postgres.databases], _taking(planned, server), tell)
    position = server.query(adoption.POSITION)
    configuration.write(path, planned.text)
    tell(f"{path.name} is written")
    record = Record(
        stack=wanted.stack,
        step=SWAPPING,
        olds={server: swapping.old(container) for server, container in found.containers.items()},
        before=proof.before(found, made, position),
        scripts=scripts(found.postgres),
        backups=[backup.id for backup in made],
        ports=showing.ports(found),
        admin=found.postgres.admin,
    )
    return records.write(_path(wanted.stack), record)


def _taking(planned: Plan, server: Server) -> Taking:
    wanted = planned.wanted
    return Taking(
        postgres=server,
        redis=foreign(planned.found.redis.container, wanted.where.redis_password),
        kept=Store(*configuration.store(planned.text, configured.ROOT)),
        names=planned.names,
        lock=lambda subject: locks.held(f"{wanted.stack}.{subject}", "adopt"),
    )


def _swap_or_go_back(record: Record, tell: Tell) -> tuple[Mapping[str, float | None], tuple[ProvedDatabase, ...], int]:
    try:
        return _swap(record, tell)
    except DbServerError as fault:
        tell(f"{fault.message}; going back to the old containers")
        raise _gone_back(record, fault, tell) from None


def _gone_back(record: Record, fault: DbServerError, tell: Tell) -> DbServerError:
    """Go back, and return what is told then: what was in the way, and whether the old containers run."""
    try:
        _go_back(record, tell)
    except DbServerError as second:
        return DbServerError(f"{fault.message}\nand the way back stopped: {second.message}", second.hint)
    told = DbServerError(f"{fault.message}\nthe old containers run again", fault.hint)
    told.exit_code = fault.exit_code
    return told


def _swap(record: Record, tell: Tell) -> tuple[Mapping[str, float | None], tuple[ProvedDatabase, ...], int]:
    command.make(record.stack)
    for pid in state.release_stale_lock(record.stack):
        tell(f"an update by process {pid} was killed half-way: its lock is released")
    server = Server(record.olds[contract.POSTGRES].name, record.admin)
    with gap.measured(swapping.probes(record), READY_SECONDS) as away:
        command.up(record.stack, tell, disconnect=True, checkpoint=False, keep=True)
    swapping.hold(record, tell)
    proved = proof.prove(server, record.before)
    redis = Redis(record.olds[contract.REDIS].name, record.admin)
    keys = proof.prove_redis(redis.info("keyspace"), record.before["redis"])
    command.select(record.stack)
    records.write(_path(record.stack), record.at(ADOPTED))
    return away, proved, keys


def _go_back(record: Record, tell: Tell) -> tuple[Mapping[str, float | None], tuple[ProvedDatabase, ...]]:
    """Bring the old containers back; run again, it goes on. The record goes when all of it is done."""
    path, name = _path(record.stack), record.olds[contract.POSTGRES].name
    olds, owns = swapping.standing(record), swapping.own(record)
    swapping.refuse_moved_on(record, owns)
    record = records.write(path, record.at(GOING_BACK))
    fault = swapping.put_back(name, record) if contract.POSTGRES in owns else "not yet"
    with gap.measured(swapping.probes(record), READY_SECONDS) as away:
        swapping.exchange(record, olds, owns)
    tell(f"{', '.join(each.name for each in record.olds.values())} run again")
    fault = fault and swapping.put_back(name, record)
    if fault:
        raise DbServerError(f"roles and databases did not get back what they had: {fault}", "adopt --undo, again")
    proved = proof.prove(Server(name, record.admin), record.before)
    path.unlink()
    return away, proved


def _names(text: str, chosen: Sequence[Database]) -> dict[str, str]:
    known = configuration.names(text)
    return {each.name: known[each.name] for each in chosen}


def _in_the_way(found: Installation) -> list[str]:
    """Return the containers whose names are needed to keep the old ones."""
    names = [container.name + contract.KEPT_SUFFIX for container in found.containers.values()]
    return [f"container {name} is there: docker rename it" for name in containers.inspect(names)]


def _required(stack: str) -> Record:
    record = records.read(_path(stack))
    if record is None:
        raise UsageError(f"no adoption of stack {stack} is under way", "dbserver adopt")
    return record


def _away(record: Record, away: Mapping[str, float | None]) -> tuple[Away, ...]:
    return tuple(Away(server, old.name, away.get(server)) for server, old in record.olds.items())


def _path(stack: str) -> Path:
    return records.path_of(backend.STATE, stack)
