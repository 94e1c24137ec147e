"""An upgrade to another major version: what is asked for, what stands in the way, the server that is filled for it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dbserver import contract, identity
from dbserver.backups import filling, moving
from dbserver.backups.moving import Database
from dbserver.declared import Declared
from dbserver.docker import beside, containers, host, images
from dbserver.docker.beside import Directories
from dbserver.docker.images import Image
from dbserver.engine import backend
from dbserver.errors import DbServerError, RefusedError, UsageError
from dbserver.postgres import door, swap, throwaway
from dbserver.postgres.server import Server
from dbserver.refusals import FREE_BYTES
from dbserver.units import size

STAMP = "%Y%m%dt%H%M%Sz"
VERB = "upgrade"


@dataclass(frozen=True)
class Wanted:
    """What is asked for: a major version, or an image of it; the key of encrypted backups; how many jobs."""

    to: int
    image: str = ""
    identity: Path | None = None
    jobs: int = 2


@dataclass(frozen=True)
class Plan:
    """An upgrade that nothing stands in the way of. `name` is the image as the configuration names it."""

    name: str
    image: Image
    version: str
    major: str
    databases: list[Database]


def plan(declared: Declared, wanted: Wanted) -> Plan:
    """Find the image and the databases; refuse what cannot be upgraded. Nothing is changed."""
    running = server(declared)
    found = running.answer()
    if int(found["major"]) >= wanted.to:
        hint = "a newer one; or --rollback, back to the version before"
        raise UsageError(f"{running.container} is PostgreSQL {version_of(found)} already", hint)
    if declared.backup_recipients and wanted.identity is None:
        raise UsageError("backups are encrypted, and what is backed up is restored", "--identity FILE")
    name, image = chosen_image(declared, wanted)
    _refuse_elsewhere(declared)
    moving.refuse_obstacles(running)
    running.query(swap.REGISTRY, running.admin)
    todo = moving.databases(running, wanted.jobs, f"before the upgrade to {wanted.to}")
    needed, room = sum(each.size for each in todo) * 11 // 10 + FREE_BYTES, filling.room(running)
    if room < needed:
        raise RefusedError(f"too little disk: {size(needed)} are needed, {size(room)} are free", "make room")
    return Plan(name, image, version_of(found), str(found["major"]), todo)


def chosen_image(declared: Declared, wanted: Wanted) -> tuple[str, Image]:
    """Return the name for the configuration and the image. Raises UsageError for one of another major version."""
    name = wanted.image or images.of_major(declared.images[contract.POSTGRES], wanted.to)
    image = images.resolve(name, stand_ins=declared.stand_ins)
    if image.major != str(wanted.to):
        raise UsageError(f"{name} is PostgreSQL {image.major or 'of no known version'}", f"--image of {wanted.to}")
    return name, image


def clean_up(declared: Declared, image: Image) -> Directories:
    """Undo what a run that is gone left: a closed door, its throwaway server, its directories.

    The caller holds the lock.
    """
    containers.discard(throwaway.name(declared.containers[contract.POSTGRES]))
    reopen(declared, image.name)
    found = beside.settle(declared.data_directory, image.name, stamp())
    beside.discard(declared.data_directory, image.name, [beside.NEW, beside.REHEARSAL])
    return found


@contextmanager
def shut(declared: Declared, image: str) -> Iterator[int]:
    """Keep the door of the server closed, as door.shut; a mark tells the next start, whoever is killed."""
    mark = _mark(declared)
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()
    with door.shut(server(declared), config_directory(declared), image) as following:
        yield following


def reopen(declared: Declared, image: str) -> None:
    """Open the door that a run that is gone has left closed."""
    if door.reopen(server(declared), config_directory(declared), image):
        _mark(declared).unlink(missing_ok=True)


def reopen_marked(declared: Declared) -> None:
    """Open the door where a mark says that it was closed.

    The engine does not see that: a server that was stopped is not compared with what is declared.
    """
    container = declared.containers[contract.POSTGRES]
    found = containers.inspect([container]).get(container) if _mark(declared).exists() else None
    if found:
        reopen(declared, found.image)


@contextmanager
def new_server(declared: Declared, image: Image, name: str) -> Iterator[Server]:
    """Yield a new server of the image in a directory beside the data directory; both are removed where it fails.

    The directory of a rehearsal always is.
    """
    directory = f"{declared.data_directory}/{name}"
    plan = declared.plan(contract.POSTGRES)
    try:
        with throwaway.running(plan, image, declared.admin, directory, declared.stack) as new:
            yield new
    except BaseException:
        clean_up(declared, image)  # not the directory alone: by then the one before may have its name
        raise
    if name == beside.REHEARSAL:
        beside.discard(declared.data_directory, image.name, [name])


def switch(declared: Declared, image: Image, incoming: str, kept: str, following: int | None = None) -> None:
    """Stop the server, let the directories change places, remove its container: the update makes another.

    With `following` nobody may have written since the next transaction had that number. The server before runs again
    where it is still in place afterwards.
    """
    container = declared.containers[contract.POSTGRES]
    found = containers.inspect([container]).get(container)
    if found:
        containers.stop(container)
    try:
        forget_identity(declared, image)
        if found and following is not None:
            place = contract.data_directory(declared.data_directory, contract.POSTGRES)
            door.refuse_written(place, found.image, following)
        beside.exchange(declared.data_directory, image.name, incoming, kept)
    except BaseException:
        if found and beside.settle(declared.data_directory, image.name, stamp()).version != image.major:
            with suppress(DbServerError):
                containers.start(container)
                server(declared).wait()
        raise
    if found:
        containers.remove(container)


def forget_identity(declared: Declared, image: Image) -> None:
    """Another directory takes the data's place on purpose; the update remembers which.

    Before they change places: forgotten for nothing, the next update knows it again.
    """
    identity.forget(backend.STATE, declared.stack, contract.POSTGRES)
    host.write_files(config_directory(declared), {contract.IDENTITY_FILE: ""}, image.name)


def stamp() -> str:
    """Return what the name of a directory that is kept says of when."""
    return datetime.now(UTC).strftime(STAMP)


def version_of(answer: Mapping[str, Any]) -> str:
    """Return the version of a server's answer, without what a distribution adds."""
    return str(answer["version"]).partition(" ")[0]


def config_directory(declared: Declared) -> str:
    """Return the host directory of the server's configuration files."""
    return contract.config_directory(declared.data_directory, contract.POSTGRES)


def server(declared: Declared) -> Server:
    """Return the stack's PostgreSQL."""
    return Server(declared.containers[contract.POSTGRES], declared.admin)


def rehearsed_at(declared: Declared, image: Image) -> datetime | None:
    """Return when an upgrade to this very image was rehearsed with success."""
    try:
        found = json.loads(_evidence(declared).read_text())
        return datetime.fromisoformat(found["at"]) if found["image"] == image.identity else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def forget_evidence(declared: Declared) -> None:
    """What was rehearsed counts no more."""
    _evidence(declared).unlink(missing_ok=True)


def _refuse_elsewhere(declared: Declared) -> None:
    """Raise where the running server is not what is declared: another stack's, or on another directory."""
    found = containers.inspect([declared.containers[contract.POSTGRES]])[declared.containers[contract.POSTGRES]]
    inner = contract.INNER_DATA[contract.POSTGRES]
    if not found.belongs_to(declared.stack):
        raise RefusedError(f"{found.name} belongs to stack {found.labels.get(contract.LABEL_STACK)}", "--stack")
    if found.mounts.get(inner) != contract.data_directory(declared.data_directory, contract.POSTGRES):
        raise RefusedError(
            f"{found.name} works on {found.mounts.get(inner)}, declared is another", "./scripts/start.sh"
        )


def _mark(declared: Declared) -> Path:
    return backend.STATE / VERB / f"{declared.stack}.closed"


def _evidence(declared: Declared) -> Path:
    return backend.STATE / VERB / f"{declared.stack}.json"


def keep_evidence(declared: Declared, image: Image) -> None:
    """Note that an upgrade to this very image was rehearsed with success."""
    path = _evidence(declared)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"at": datetime.now(UTC).isoformat(timespec="seconds"), "image": image.identity}) + "\n")
