"""rescue: from the copies alone to a running server, on a machine that has nothing but this project."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from dbserver import contract, execute, locks, major, updating
from dbserver import declared as configuration
from dbserver.actions.status import status
from dbserver.backups import everything, manifest, moving, redis_filling, redis_making
from dbserver.backups.filling import Target
from dbserver.backups.store import Backup, Store
from dbserver.declared import ROOT, Declared
from dbserver.docker import beside, containers, daemon, host, images, ports
from dbserver.engine import command, state
from dbserver.errors import DbServerError, NotRunningError, RefusedError, UsageError
from dbserver.offsite import archived, copies, fetching, journal, recovery, setup, targets
from dbserver.offsite.archived import Needed
from dbserver.offsite.copying import Depot
from dbserver.offsite.place import Place
from dbserver.offsite.setup import Setup
from dbserver.redis.server import Server as RedisServer
from dbserver.results.offsite import Rescued, RescuedPart

VERB, FILLED = "rescue", "filled"
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Wanted:
    """What is asked for: from where, which stack, opened by which key, with how many jobs.

    `at` is a moment to which PostgreSQL is recovered; with `backups` the archive's copies are left alone.
    `tls_address` is this machine's, in place of the old one's.
    """

    place: Place
    stack: str
    identity: Path
    jobs: int = 2
    at: str | None = None
    backups: bool = False
    tls_address: str | None = None


def rescue(wanted: Wanted, tell: Tell) -> Rescued:
    """Fetch configuration, state, the archive or the newest backup of everything, start the stack, restore.

    Raises RefusedError, before anything is changed, where a container, data or a state of this stack exists already.
    One that was interrupted goes on where it is run again.
    """
    began = time.monotonic()
    with locks.held(wanted.stack, VERB):
        with targets.opened(wanted.place) as target:
            depot = Depot(target, wanted.stack, wanted.place)
            names = _newest(depot)
            found = _at_home(_setup(depot, names[setup.SUBJECT], wanted.identity), wanted)
            configuration.judge(wanted.stack, found.configuration)
            declared = configuration.parse(wanted.stack, found.configuration)
            needed = _needed(depot, declared, names[everything.SUBJECT], wanted)
            kept = _prepared(declared, wanted, found, tell)
            backups, fetched = _fetched(depot, declared, names if needed is None else _redis_alone(names), wanted, tell)
            fetched += recovery.fetch(depot, declared, needed, wanted.identity, tell) if needed else 0
        fetch_seconds = time.monotonic() - began
        _started(declared, found, tell)
        parts = _recovered(declared, needed, wanted, tell) if needed else _restored(declared, backups, wanted, tell)
        redis = backups.get(redis_making.SUBJECT)
        parts = (*parts, *([_redis(declared, redis)] if redis else []))
        _proved(declared)
        if needed:
            recovery.clean_up(declared)
        command.select(wanted.stack)
        _mark(wanted.stack).unlink(missing_ok=True)
    return Rescued(
        stack=wanted.stack,
        url=wanted.place.url,
        setup=names[setup.SUBJECT],
        parts=parts,
        fetched_bytes=fetched,
        fetch_seconds=round(fetch_seconds, 1),
        seconds=round(time.monotonic() - began, 1),
        kept=kept,
    )


def _newest(depot: Depot) -> dict[str, str]:
    """Return subject -> the name of its newest copy. Raises UsageError where there is not all that it takes."""
    found: dict[str, tuple[datetime, str]] = {}
    for name, objects in depot.listed().items():
        subject, moment = copies.named(name) or ("", datetime.min)  # noqa: DTZ901  listed ones have names
        if copies.FILE in objects and archived.parse(name) is None:
            found[subject] = max(found.get(subject, (moment, name)), (moment, name))
    lacking = [subject for subject in (setup.SUBJECT, everything.SUBJECT) if subject not in found]
    if lacking:
        where = f"{depot.place.url} holds no {' and no '.join(lacking)} of stack {depot.stack}"
        raise UsageError(where, "--stack and --from as they were where the copies were made")
    return {subject: name for subject, (_, name) in found.items()}


def _needed(depot: Depot, declared: Declared, roles: str, wanted: Wanted) -> Needed | None:
    """Return what PostgreSQL is recovered from; None where the backups are to be restored."""
    if wanted.at and declared.archive is None:
        raise UsageError(f"stack {declared.stack} had no archive", "without --at the newest backups are restored")
    done = _mark(wanted.stack).read_text() if _mark(wanted.stack).exists() else ""
    if wanted.backups and done not in ("", FILLED):
        raise UsageError("PostgreSQL is recovered from the archive already", "run it as before, without --backups")
    if wanted.at and done == FILLED:
        raise UsageError("the newest backups are in place already", "run it as before, without --at")
    if wanted.backups or declared.archive is None or done == FILLED:
        return None
    _, moment = copies.named(roles) or ("", datetime.now(UTC))
    return recovery.find(depot.listed(), wanted.at, moment)


def _redis_alone(names: Mapping[str, str]) -> dict[str, str]:
    return {subject: name for subject, name in names.items() if subject == redis_making.SUBJECT}


def _setup(depot: Depot, name: str, identity: Path) -> Setup:
    content = b"".join(depot.plain(fetching.chosen(depot, name), identity))
    return setup.parse(content, name)


def _at_home(found: Setup, wanted: Wanted) -> Setup:
    """Return the setup with this machine's address for TLS. Raises RefusedError where it has another machine's."""
    if wanted.tls_address:
        return setup.with_tls_address(found, wanted.tls_address)
    declared, own = configuration.parse(wanted.stack, found.configuration), ports.addresses()
    away = sorted({*declared.outside.values()} - {*own})
    if own and away:
        hint = f"--tls-address ADDRESS puts one of this machine's in its place: {', '.join(own)}"
        raise RefusedError(f"tls.address {away[0]} is no address of this machine", hint)
    return found


def _prepared(declared: Declared, wanted: Wanted, found: Setup, tell: Tell) -> str:
    """Refuse, then write the configuration and get the parts that it takes; return where one that was here is kept."""
    resumed = _mark(wanted.stack).exists()
    if not resumed:
        setup.refuse(wanted.stack, found)
        _refuse(declared, with_image=False)
    kept = setup.put_back(wanted.stack, found)
    tell(f"Pulumi.{wanted.stack}.yaml and the passphrase of its secrets are back")
    argv = [str(ROOT / "tools" / "prepare"), "--stack", wanted.stack]
    if execute.stream(argv, tell, cwd=ROOT) != 0:
        raise DbServerError("this machine lacks a part", f"tools/prepare --stack {wanted.stack}, then again")
    command.require()
    if not resumed:
        _refuse(declared, with_image=True)
        _mark(wanted.stack).parent.mkdir(parents=True, exist_ok=True)
        _mark(wanted.stack).touch()
    return kept


def _refuse(declared: Declared, *, with_image: bool) -> None:
    """Raise RefusedError where something of the stack exists; without images only what can be seen is looked at."""
    reasons = []
    if with_image or not daemon.look().fault:
        names = [*declared.containers.values(), *([declared.archive.name] if declared.archive else [])]
        reasons += [f"container {name} exists" for name in containers.inspect(names)]
    for server in contract.SERVERS:
        path = contract.data_directory(declared.data_directory, server)
        if with_image:
            image = images.resolve(declared.images[server], stand_ins=declared.stand_ins)
            filled = host.inspect_directory(path, image.name, server).filled
        else:
            filled = Path(path).is_dir() and any(Path(path).iterdir())
        reasons += [f"there is data in {path}"] * filled
    if reasons:
        hint = f"this is no bare machine; where it only does not run: ./scripts/start.sh --stack {declared.stack}"
        raise RefusedError(f"{'; '.join(reasons)}; nothing was changed there", hint)


def _fetched(
    depot: Depot, declared: Declared, names: Mapping[str, str], wanted: Wanted, tell: Tell
) -> tuple[dict[str, Backup], int]:
    """Fetch the backups, but those that an interrupted run has fetched; return them by subject, and their bytes."""
    kept, found = Store(Path(declared.backup_directory)), {}
    for subject, name in names.items():
        if subject == setup.SUBJECT:
            continue
        if not (kept.directory / name).exists():
            tell(f"fetching {name}")
            _fetch(depot, name, wanted.identity, kept)
        found[subject] = kept.one(name)
    return found, sum(backup.manifest.size for backup in found.values())


def _fetch(depot: Depot, name: str, identity: Path, kept: Store) -> None:
    try:
        fetching.fetch(depot, fetching.chosen(depot, name), identity, kept)
    except DbServerError as fault:
        there = f"{depot.place.url.rstrip('/')}/{depot.stack}/{name}"
        hint = f"where the copy is damaged: move {there} away and run it again, it takes the one before"
        raise DbServerError(fault.message, hint) from None


def _started(declared: Declared, found: Setup, tell: Tell) -> None:
    if declared.stack not in [path.stem for path in state.files()]:
        state.imported(declared.stack, setup.moved(found.state))
    tell("starting the stack with its state, empty")
    updating.update(declared, tell, override=False, new=True)


def _recovered(declared: Declared, needed: Needed, wanted: Wanted, tell: Tell) -> tuple[RescuedPart, ...]:
    """Recover PostgreSQL from the archive's copies, unless an interrupted run has done that."""
    mark = _mark(wanted.stack)
    if mark.read_text():
        part = RescuedPart(**json.loads(mark.read_text()))
    else:
        part = recovery.recover(declared, needed, wanted.at, tell)
        mark.write_text(json.dumps(asdict(part)))  # from now on somebody may have written
    updating.update(declared, tell, override=False, new=True)
    return (part,)


def _restored(declared: Declared, backups: dict[str, Backup], wanted: Wanted, tell: Tell) -> tuple[RescuedPart, ...]:
    """Restore roles and databases, unless an interrupted run has done that."""
    roles = backups[everything.SUBJECT]
    databases = [each for each in backups.values() if each.manifest.kind in (manifest.APPLICATION, manifest.DATABASE)]
    if _mark(wanted.stack).read_text() != FILLED:
        _fill(declared, roles, databases, wanted, tell)
    updating.update(declared, tell, override=False, new=True)
    parts = [_part(roles, len(moving.roles(major.server(declared))["roles"]))]
    return (*parts, *(_part(each, sum(rows for _, _, rows in each.manifest.rows)) for each in databases))


def _fill(declared: Declared, roles: Backup, databases: Sequence[Backup], wanted: Wanted, tell: Tell) -> None:
    """Fill a new server beside the empty one, and let it take its place."""
    image = images.resolve(declared.images[contract.POSTGRES], stand_ins=declared.stand_ins)
    aside = beside.kept(image.major, major.stamp())
    major.clean_up(declared, image)
    with major.new_server(declared, image, beside.NEW) as new:
        moving.fill_globals(new, roles)
        named = []
        for number, backup in enumerate(databases):
            name = backup.manifest.database
            named.append((f"{VERB}_{major.stamp()}_{number}", name))
            moving.fill(new, backup, Target(named[-1][0], name, moving.SESSION), wanted.jobs, wanted.identity)
            tell(f"{name} is restored, as of {backup.manifest.started}")
        moving.give_names(new, named)
        containers.stop(new.container)
        major.switch(declared, image, beside.NEW, aside)
    _mark(wanted.stack).write_text(FILLED)  # from now on somebody may have written
    beside.discard(declared.data_directory, image.name, [aside])  # the empty one


def _redis(declared: Declared, backup: Backup) -> RescuedPart:
    server = RedisServer(declared.containers[contract.REDIS], declared.admin)
    redis_filling.refuse(server, backup)
    with redis_filling.loaded(server, backup), redis_filling.paused(server):
        redis_filling.switch(server)
        found = redis_filling.counts(server)
    redis_filling.compare(backup, found)
    return _part(backup, sum(found.values()))


def _proved(declared: Declared) -> None:
    """Raise NotRunningError where a server does not answer."""
    faults = [f"{each.container}: {each.fault}" for each in status(declared).servers if not each.answers]
    if faults:
        raise NotRunningError("everything is restored, but " + "; ".join(faults), "./scripts/start.sh")


def _part(backup: Backup, rows: int) -> RescuedPart:
    return RescuedPart(backup.manifest.subject, backup.id, backup.manifest.started, rows)


def _mark(stack: str) -> Path:
    """Return the file that says that what is here was made by a rescue that did not come to its end."""
    return journal.directory(stack) / "rescuing"
