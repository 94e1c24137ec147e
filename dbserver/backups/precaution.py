"""Before a server's container is recreated: a proved backup of what it holds, and little left to write."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dbserver import contract, locks
from dbserver.applications import Application
from dbserver.backups import archive, evidence, making, proof, redis_making
from dbserver.backups.store import Backup, Store
from dbserver.docker.containers import Container
from dbserver.errors import DbServerError, NotRunningError, RefusedError
from dbserver.postgres import registry, sql
from dbserver.postgres.server import Server
from dbserver.redis.server import Server as Redis


@dataclass(frozen=True)
class Precaution:
    """What is needed to back up before a container goes. `recipients` are the public keys to encrypt to."""

    stack: str
    admin: str
    backups: Path
    recipients: Sequence[str] = ()


def take(server: str, container: Container, known: Precaution) -> list[str]:
    """Back up what a server holds, and prove it; return the backups' ids. PostgreSQL then writes a checkpoint.

    A server that does not answer has nothing to give: the way back from a broken one stays open. Raises RefusedError
    where it answers and a backup fails.
    """
    try:
        made = TAKE[server](container, known)
    except NotRunningError:
        return []
    except (DbServerError, OSError) as fault:
        flag = f"{contract.NO_CHECKPOINT_FLAG} (for pulumi itself: {contract.NO_CHECKPOINT_VARIABLE}=yes)"
        what = f"{container.name} would be recreated, and was not backed up before: {getattr(fault, 'message', fault)}"
        raise RefusedError(f"{contract.REFUSED} {what}", f"mend the cause, or go on without: {flag}") from None
    return [backup.id for backup in made]


def silent(running: Server) -> list[str]:
    """Return what does not answer in PostgreSQL: every registered application is asked, in its database, as its role.

    As the administrator who becomes the role: its own connections may all be taken by the application already.
    """
    faults = []
    for each in registered(running):
        question = f"SET ROLE {sql.identifier(each.role)};\nSELECT count(*) FROM pg_class;\n"
        asked = running.attempt(question, each.database)
        if not asked.succeeded:
            faults.append(f"application {each.name}: database {each.database} does not answer: {asked.output}")
    return faults


def write_out(server: str, container: Container, admin: str) -> None:
    """Let PostgreSQL write what it holds in memory, so that its shutdown has little left to do."""
    if server == contract.POSTGRES:
        Server(container.name, admin).attempt(sql.CHECKPOINT, "postgres")


def _postgres(container: Container, known: Precaution) -> list[Backup]:
    running = Server(container.name, known.admin)
    running.answer()
    return [_database(running, known, each.name, each.database) for each in registered(running)]


def registered(running: Server) -> list[Application]:
    """Return the applications that the server knows and whose database is there."""
    known = registry.parse(running.query(registry.listed(running.admin)))
    there = json.loads(running.query(sql.usage([each.database for each in known]))) if known else {}
    return [each for each in known if each.database in there]


def _database(running: Server, known: Precaution, application: str, database: str) -> Backup:
    wanted = making.Wanted(database, application, note=_note(running.container))
    return _proved(
        known,
        wanted.subject,
        lambda kept: making.make(running, kept, wanted),
        lambda made: [] if known.recipients else archive.faults(running.container, made),
    )


def _redis(container: Container, known: Precaution) -> list[Backup]:
    running = Redis(container.name, known.admin)
    running.answer()
    wanted = redis_making.Wanted(note=_note(container.name))
    return [
        _proved(
            known,
            redis_making.SUBJECT,
            lambda kept: redis_making.make(running, kept, wanted),
            lambda made: redis_making.structure(running, made),
        )
    ]


def _proved(
    known: Precaution, subject: str, make: Callable[[Store], Backup], structure: Callable[[Backup], Sequence[str]]
) -> Backup:
    with locks.held(f"{known.stack}.{subject}", "start"):
        made = make(Store(known.backups, known.recipients))
    faults = proof.differences(made) or structure(made)
    evidence.note(made, faults)
    if faults:
        raise DbServerError(f"{made.id} is damaged: {'; '.join(faults[:3])}")
    return made


def _note(container: str) -> str:
    return f"before {container} was recreated"


TAKE = {contract.POSTGRES: _postgres, contract.REDIS: _redis}
