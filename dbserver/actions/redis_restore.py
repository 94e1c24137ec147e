"""restore --redis: all of Redis, or one application's keys, as they were; the server runs on meanwhile."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from dbserver import contract, locks, moment, registry
from dbserver.backups import choosing, proof, redis_filling, redis_making, redis_moment
from dbserver.backups.store import Backup, Store
from dbserver.declared import Declared
from dbserver.errors import DbServerError, RefusedError, UsageError
from dbserver.redis.server import Server, actual_settings, is_open
from dbserver.redis.source import Part
from dbserver.results.backups import Loss
from dbserver.results.redis_backups import RedisRestored


@dataclass(frozen=True)
class Plan:
    """A restore that nothing stands in the way of. `part` is None for everything; `losses` are in keys.

    `at` is the moment as of which the backup was made, and `window` what else can be reached; empty where none was
    asked for.
    """

    backup: Backup
    application: str
    part: Part | None
    losses: tuple[Loss, ...]
    at: str = ""
    window: str = ""


def plan(declared: Declared, name: str, text: str) -> Plan:
    """Choose and prove the backup, refuse what cannot be restored, and say what would be lost; nothing is changed.

    `name` is the application, empty for everything.
    """
    server, part = _whose(declared, name)
    chosen = choosing.choose(_store(declared), redis_making.SUBJECT, text)
    if isinstance(chosen, Path):
        hint = f"./scripts/dbserver backups {redis_making.SUBJECT}"
        raise UsageError(f"{chosen} is no backup of this Redis", hint)
    return _plan(server, name, part, chosen)


def plan_at(declared: Declared, name: str, text: str) -> Plan:
    """As `plan`, for a backup that is made as of a moment that is past."""
    server, part = _whose(declared, name)
    with _held(declared):
        made = redis_moment.make(server, _store(declared), text, redis_making.Wanted())
    found = _plan(server, name, part, made.backup)
    return replace(found, at=moment.written(made.moment), window=str(made.window))


def _whose(declared: Declared, name: str) -> tuple[Server, Part | None]:
    server = _server(declared)
    server.answer()
    return server, _part(declared, server, name) if name else None


def _plan(server: Server, name: str, part: Part | None, chosen: Backup) -> Plan:
    redis_filling.refuse(server, chosen)
    faults = proof.differences(chosen) or redis_making.structure(server, chosen)
    if faults:
        raise DbServerError(f"{chosen.id} is damaged: {'; '.join(faults[:3])}", "take another one")
    return Plan(chosen, name, part, () if part else _losses(redis_filling.counts(server), chosen))


def restore(declared: Declared, wanted: Plan) -> RedisRestored:
    """Restore what the plan says. The caller has confirmed it.

    Raises DbServerError where anything fails; before the content is taken
    over, the server's is as it was.
    """
    began = time.monotonic()
    server = _server(declared)
    with _held(declared), redis_filling.loaded(server, wanted.backup):
        if wanted.part:
            before, replaced, keys, away = _restore_part(declared, server, wanted, wanted.part)
        else:
            before, replaced, keys, away = _restore_all(declared, server, wanted)
    return RedisRestored(
        stack=declared.stack,
        application=wanted.application,
        backup=wanted.backup.id,
        at=wanted.at,
        before=before.id,
        keys=keys,
        replaced=replaced,
        away_seconds=round(away, 3),
        seconds=round(time.monotonic() - began, 2),
    )


def _restore_all(declared: Declared, server: Server, wanted: Plan) -> tuple[Backup, int, int, float]:
    """Writes wait from before the content is saved until the new one is on the disk: none is lost between them."""
    paused = time.monotonic()
    with redis_filling.paused(server):
        before = _save(declared, server, wanted)
        redis_filling.switch(server)
        found = redis_filling.counts(server)
    away = time.monotonic() - paused
    try:
        redis_filling.compare(wanted.backup, found)
    except DbServerError as fault:
        raise DbServerError(fault.message, f"./scripts/dbserver restore --redis {before.id}") from None
    return before, sum(number for _, _, number in before.manifest.rows), sum(found.values()), away


def _restore_part(declared: Declared, server: Server, wanted: Plan, part: Part) -> tuple[Backup, int, int, float]:
    staging = _staging(declared, server)
    before = _save(declared, server, wanted)
    began = time.monotonic()
    replaced, keys = redis_filling.replace_part(server, part, staging)
    away = time.monotonic() - began
    redis_filling.keep(server)
    return before, replaced, keys, away


def _save(declared: Declared, server: Server, wanted: Plan) -> Backup:
    note = f"before restore of {wanted.backup.id}" + f" for {wanted.application}" * bool(wanted.application)
    return redis_making.make(server, _store(declared), redis_making.Wanted(note=note))


def _part(declared: Declared, server: Server, name: str) -> Part:
    """Return what is the application's own. Raises RefusedError where nothing keeps it apart from others'."""
    application = registry.one(declared, name)
    if not is_open(server):
        if not application.redis_prefix:
            raise RefusedError(f"the server knows no prefix of {name}'s keys", "./scripts/start.sh")
        return Part(application.redis_database, application.redis_prefix)
    shared = [each.name for each in registry.registered(declared)
              if each.redis_database == application.redis_database and each.name != name]  # fmt: skip
    if application.redis_database and not shared:
        return Part(application.redis_database, "")
    whose = f"shared with {', '.join(shared)}" if application.redis_database else "everybody's"
    raise RefusedError(
        f"redis.access is open, and its database {application.redis_database} is {whose}: which keys are {name}'s?",
        "set redis.access to password, give it a redisDatabase of its own, or restore everything with --redis alone",
    )


def _staging(declared: Declared, server: Server) -> int:
    """Return a numbered database that nobody uses, for keys on their way."""
    number = int(actual_settings(server, {"databases": ""})["databases"])
    used = {int(name.removeprefix("db")) for name in redis_filling.counts(server)}
    used |= {each.redis_database for each in registry.registered(declared)} | {0}
    unused = set(range(number)) - used
    if not unused:
        raise RefusedError("every numbered database of Redis is in use: one has to be empty", "empty one of them")
    return max(unused)


def _losses(live: dict[str, int], backup: Backup) -> tuple[Loss, ...]:
    kept = {name: number for _, name, number in backup.manifest.rows}
    rows = [Loss(name, live.get(name), kept.get(name)) for name in sorted({*live, *kept})]
    return tuple(row for row in rows if row.live != row.backup)


@contextmanager
def _held(declared: Declared) -> Iterator[None]:
    with locks.held(f"{declared.stack}.{redis_making.SUBJECT}", "restore --redis"):
        yield


def _store(declared: Declared) -> Store:
    return Store(Path(declared.backup_directory))


def _server(declared: Declared) -> Server:
    return Server(declared.containers[contract.REDIS], declared.admin)
