"""upgrade, and its rollback: the whole server in another major version, by directories that change places."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dbserver import clients, contract, locks, major, updating
from dbserver import declared as configuration
from dbserver.backups import everything, filling, making, moving
from dbserver.backups.filling import Target
from dbserver.backups.moving import Database
from dbserver.backups.store import Store
from dbserver.declared import Declared
from dbserver.docker import beside, containers, images
from dbserver.docker.beside import Directories
from dbserver.docker.images import Image
from dbserver.engine import command
from dbserver.errors import DbServerError, NotRunningError, RefusedError, UsageError
from dbserver.major import VERB, Plan, Wanted
from dbserver.postgres import throwaway
from dbserver.postgres.server import Server
from dbserver.registry import registered
from dbserver.results.upgrades import MovedDatabase, Upgraded, UpgradeUndone

REHEARSAL_DAYS = 7
Tell = Callable[[str], None]


@dataclass(frozen=True)
class How:
    """What may be done: application containers cut off, an upgrade that nobody has rehearsed."""

    override: bool = False
    unrehearsed: bool = False


def upgrade(declared: Declared, wanted: Wanted, how: How, tell: Tell) -> Upgraded:
    """Move everything into a new server of another major version, and let it take the place of the one before.

    One that was interrupted after its swap is finished. Raises RefusedError before anything is changed, DbServerError
    where anything fails: up to the swap the server before runs on then.
    """
    command.require()
    with _held(declared):
        began = time.monotonic()
        found = _cleaned(declared)
        if found.version == str(wanted.to) and not _answers(declared):
            tell(f"{declared.data_directory}/{contract.POSTGRES} is of PostgreSQL {wanted.to} already: finishing")
            name, _ = major.chosen_image(declared, wanted)
            return _finished(declared, name, (), found.before(), began, began, how, tell)
        plan = major.plan(declared, wanted)
        _refuse(declared, plan, how)
        moved, kept, closed = _moved(declared, plan, wanted, tell)
        major.forget_evidence(declared)
        return _finished(declared, plan.name, moved, kept, began, closed, how, tell)


def roll_back(declared: Declared, image_name: str, how: How, tell: Tell) -> UpgradeUndone:
    """Put the newest kept directory of an older major version back in place; the one that was there is kept.

    What was written since the upgrade is in that one alone. Raises UsageError where none is kept.
    """
    command.require()
    with _held(declared):
        began = time.monotonic()
        found = _cleaned(declared)
        name, image = _older(declared, found, image_name)
        clients.refuse(declared.servers([contract.POSTGRES]), override=how.override)
        kept = "" if found.back else beside.kept(found.version, major.stamp())
        if kept:
            locks.to_the_end(lambda: major.switch(declared, image, found.before(), kept))
        version = _up(declared, name, how, tell)
        directory = f"{declared.data_directory}/{kept}" if kept else ""
        return UpgradeUndone(declared.stack, name, version, directory, round(time.monotonic() - began, 1))


@contextmanager
def _held(declared: Declared) -> Iterator[None]:
    with locks.held(declared.stack, VERB), locks.held(f"{declared.stack}.{VERB}", VERB):
        yield


def _cleaned(declared: Declared) -> Directories:
    """Undo what a run that is gone left. Raises NotRunningError where the daemon does not answer."""
    containers.inspect([declared.containers[contract.POSTGRES]])
    return major.clean_up(declared, images.resolve(declared.images[contract.POSTGRES], stand_ins=declared.stand_ins))


def _refuse(declared: Declared, plan: Plan, how: How) -> None:
    at = major.rehearsed_at(declared, plan.image)
    if not how.unrehearsed and (at is None or datetime.now(UTC) - at > timedelta(days=REHEARSAL_DAYS)):
        hint = f"./scripts/dbserver upgrade postgres --to {plan.image.major} --rehearse; or --unrehearsed"
        raise RefusedError(f"no rehearsal with {plan.name} has succeeded in the last {REHEARSAL_DAYS} days", hint)
    clients.refuse(declared.servers([contract.POSTGRES]), override=how.override)


def _moved(declared: Declared, plan: Plan, wanted: Wanted, tell: Tell) -> tuple[tuple[MovedDatabase, ...], str, float]:
    """Fill the new directory and swap it in; return what was moved, where the one before is, since when it was shut."""
    old = major.server(declared)
    running = containers.inspect([old.container])[old.container]
    with major.new_server(declared, plan.image, beside.NEW) as new:
        _refuse_missing(old, new, plan)
        with _subjects(declared, plan), major.shut(declared, running.image) as following:
            closed = time.monotonic()
            tell("nobody can write any more; what is there is backed up and moved")
            _refuse_changed(old, plan, wanted)
            moved = _filled(declared, old, new, plan, wanted, tell)
            throwaway.take_overrides(new, plan.image, old.query(throwaway.OVERRIDES))
            _refuse_lost(new, plan)
            containers.stop(new.container)
            kept = beside.kept(plan.major, major.stamp())
            locks.to_the_end(lambda: major.switch(declared, plan.image, beside.NEW, kept, following))
    return moved, kept, closed


def _refuse_missing(old: Server, new: Server, plan: Plan) -> None:
    for each in plan.databases:
        lacking = moving.missing(new, moving.extensions(old, each.name))
        if lacking:
            raise RefusedError(
                f"{plan.name} lacks extensions of {each.name}: {', '.join(lacking)}; nothing was changed",
                "--image with one that has them",
            )


def _refuse_changed(old: Server, plan: Plan, wanted: Wanted) -> None:
    """Raise where what was looked at before the door closed is something else now."""
    moving.refuse_obstacles(old)
    now = {each.name for each in moving.databases(old, wanted.jobs, "")}
    changed = sorted(now ^ {each.name for each in plan.databases})
    if changed:
        raise DbServerError(f"just made or dropped: {', '.join(changed)}; nothing was changed", "run it again")


@contextmanager
def _subjects(declared: Declared, plan: Plan) -> Iterator[None]:
    """Hold the locks of everything that is backed up: nothing else works on it meanwhile."""
    with ExitStack() as held:
        for subject in [everything.SUBJECT, *(each.wanted.subject for each in plan.databases)]:
            held.enter_context(locks.held(f"{declared.stack}.{subject}", VERB))
        yield


def _filled(
    declared: Declared, old: Server, new: Server, plan: Plan, wanted: Wanted, tell: Tell
) -> tuple[MovedDatabase, ...]:
    """Back up roles and databases, restore and compare them; they have their names then."""
    kept = Store(Path(declared.backup_directory), declared.backup_recipients)
    moving.fill_globals(new, everything.make_globals(old, kept, making.Wanted("", note=plan.databases[0].wanted.note)))
    names: list[tuple[str, str]] = []
    moved: list[MovedDatabase] = []
    for number, each in enumerate(plan.databases):
        names.append((f"upgrade_{major.stamp()}_{number}", each.name))
        moved.append(_one(old, new, kept, each, names[-1][0], wanted))
        tell(f"{each.name}: {moved[-1].rows} rows in {moved[-1].seconds} s")
    there = {"postgres", "template1", *(each.name for each in plan.databases)}
    moving.give_names(new, names, moving.settings_in_databases(old, there))
    moving.refuse_other_roles(moving.roles(old), moving.roles(new))
    return tuple(moved)


def _one(old: Server, new: Server, kept: Store, each: Database, name: str, wanted: Wanted) -> MovedDatabase:
    began = time.monotonic()
    made = making.make(old, kept, each.wanted)
    newer = moving.fill(new, made, Target(name, each.name, moving.SESSION), wanted.jobs, wanted.identity)
    rows = sum(number for _, _, number in made.manifest.rows)
    return MovedDatabase(each.name, made.id, rows, round(time.monotonic() - began, 2), tuple(newer))


def _refuse_lost(new: Server, plan: Plan) -> None:
    """Raise where a database of the new server does not answer after its restart."""
    for each in plan.databases:
        filling.ask(new, "SELECT 1;\n", each.name)


def _finished(
    declared: Declared, name: str, moved: Sequence[MovedDatabase], kept: str, began: float, closed: float,
    how: How, tell: Tell,
) -> Upgraded:  # fmt: skip
    version = _up(declared, name, how, tell)
    now, directory = time.monotonic(), f"{declared.data_directory}/{kept}" if kept else ""
    return Upgraded(
        declared.stack, name, version, tuple(moved), directory, round(now - closed, 1), round(now - began, 1)
    )


def _up(declared: Declared, name: str, how: How, tell: Tell) -> str:
    """Declare the image, update the stack, prove that every application's database answers; return the version."""
    container = declared.containers[contract.POSTGRES]
    found = containers.inspect([container]).get(container)
    if found and found.image.removeprefix(contract.STAND_IN_PREFIX) != name:
        containers.stop(container)
        containers.remove(container)
    command.configure(declared.stack, f"{contract.POSTGRES}.image", name)
    tell(f"Pulumi.{declared.stack}.yaml says {name} now: keep that; updating the stack")
    updating.update(configuration.read(declared.stack), tell, override=how.override)
    running = major.server(declared)
    for application in registered(declared):
        filling.ask(running, "SELECT 1;\n", application.database)
    return major.version_of(running.answer())


def _older(declared: Declared, found: Directories, name: str) -> tuple[str, Image]:
    """Return the image for the directory to bring back. Raises UsageError where there is none."""
    before = beside.major(found.before()) if not found.back else found.version
    if not before:
        raise UsageError(
            f"no directory of a version before {found.version or 'any'} is kept in {declared.data_directory}",
            "dbserver rollback APP undoes a restore",
        )
    return major.chosen_image(declared, Wanted(int(before), name))


def _answers(declared: Declared) -> bool:
    try:
        return bool(major.server(declared).answer())
    except NotRunningError:
        return False
