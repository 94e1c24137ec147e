"""What is taken before anything is touched: verified backups of all of it, and the scripts of the way back."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

from dbserver.adoption.found import Postgres
from dbserver.backups import archive, everything, evidence, making, proof, redis_making
from dbserver.backups.making import Wanted
from dbserver.backups.store import Backup, Store
from dbserver.errors import DbServerError
from dbserver.postgres import adoption
from dbserver.postgres.server import Server
from dbserver.redis.foreign import Foreign
from dbserver.units import size

NOTE = "before it was adopted"


Lock = Callable[[str], AbstractContextManager[None]]


@dataclass(frozen=True)
class Taking:
    """What backups are made of: both servers, the place for them, database -> application, a subject's lock."""

    postgres: Server
    redis: Foreign
    kept: Store
    names: Mapping[str, str]
    lock: Lock


def back_up(databases: Sequence[str], of: Taking, tell: Callable[[str], None]) -> list[Backup]:
    """Back up every database, the roles and settings, and Redis; prove each. Raises DbServerError where one fails.

    They come through standard output: these containers mount no directory for them.
    """
    made = []
    for subject, make in _makers(databases, of):
        with of.lock(subject):
            backup = make()
        faults = proof.differences(backup) or _structure(of.postgres, backup)
        evidence.note(backup, faults)
        if faults:
            raise DbServerError(f"{backup.id} is damaged: {'; '.join(faults[:3])}", "look at the disk: dmesg")
        tell(f"{backup.id}: {size(backup.manifest.size)}, verified")
        made.append(backup)
    return made


def _makers(databases: Sequence[str], of: Taking) -> Iterator[tuple[str, Callable[[], Backup]]]:
    for name in databases:
        wanted = Wanted(name, of.names.get(name, ""), note=NOTE, streamed=True)
        yield wanted.subject, partial(making.make, of.postgres, of.kept, wanted)
    everywhere = Wanted("", note=NOTE, streamed=True)
    yield everything.SUBJECT, partial(everything.make_globals, of.postgres, of.kept, everywhere)
    yield redis_making.SUBJECT, partial(redis_making.make, of.redis, of.kept, redis_making.Wanted(note=NOTE))


def _structure(server: Server, backup: Backup) -> Sequence[str]:
    """Return what is wrong inside of a database's dump; that of an encrypted one is read with its key alone."""
    if not backup.manifest.database or backup.manifest.recipients:
        return []
    return archive.faults(server.container, backup)


def scripts(postgres: Postgres) -> list[tuple[str, str]]:
    """Return database -> what gives it, and with the first one all roles and databases, back what they have now."""
    known = {each.name: each.properties for each in postgres.databases}
    own = adoption.put_back(postgres.told["roles"], known, postgres.admin)
    first = ("postgres", own + adoption.put_back_overrides(postgres.overrides))
    return [first, *((e.name, adoption.put_back_schema(e.public)) for e in postgres.databases if e.public)]
