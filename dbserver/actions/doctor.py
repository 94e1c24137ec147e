"""doctor: look at everything, judge by the table of causes. What cannot be seen is left out, and named."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import psutil

from dbserver import compose, contract, identity, validity
from dbserver.archive.standing import standing
from dbserver.backups import evidence, timers
from dbserver.declared import ROOT, Declared
from dbserver.diagnosis.cause import judge
from dbserver.diagnosis.causes import CAUSES
from dbserver.diagnosis.container_causes import looping
from dbserver.diagnosis.facts import Facts, Place, Postgres, Redis, Server
from dbserver.docker import containers, daemon, examination, images, networks, ports
from dbserver.docker.containers import Container
from dbserver.docker.images import Image
from dbserver.engine import backend, state
from dbserver.errors import DbServerError
from dbserver.offsite import record
from dbserver.plan import differences
from dbserver.postgres import examination as postgres
from dbserver.redis import examination as redis
from dbserver.results.diagnosis import Diagnosis

Fact = TypeVar("Fact")

LOG_SECONDS = 600
LOG_LINES = 1000
# What a look at one thing may fail with: the daemon's word, an answer in another form, a process that is gone.
UNSEEN = (DbServerError, OSError, ValueError, LookupError, TypeError, psutil.Error)


def doctor(declared: Declared) -> Diagnosis:
    """Return what is wrong and why. Raises nothing for a server, a daemon or an engine that is not there."""
    found = daemon.look()
    facts = Facts(declared, found.fault, found.said) if found.fault else _facts(declared, found.version)
    seen, unseen = _looked_at(facts)
    return Diagnosis(declared.stack, judge(facts, CAUSES), seen, unseen)


def _facts(declared: Declared, version: str) -> Facts:
    with ThreadPoolExecutor() as pool:
        network = pool.submit(_had, lambda: networks.find(declared.network) is not None)
        compose_fault = pool.submit(_had, partial(_compose_fault, declared))
        locks = pool.submit(_had, partial(state.dead_updates, declared.stack))
        found = _had(partial(containers.inspect, list(declared.containers.values())))
        names = contract.SERVERS if found is not None else ()
        looks = {
            server: pool.submit(_server, declared, server, (found or {}).get(declared.containers[server]))
            for server in names
        }
        servers = {server: look.result() for server, look in looks.items()}
        return Facts(
            declared,
            version=version,
            network=network.result(),
            dead_updates=tuple(locks.result() or ()),
            compose_fault=compose_fault.result() or "",
            compose_foreign=tuple(_had(partial(compose.foreign, ROOT)) or ()),
            archive=_had(partial(standing, declared, sizes=False)),
            schedule=_had(partial(timers.read, declared.stack, datetime.now().astimezone())),
            damaged_backups=_had(partial(evidence.damaged, Path(declared.backup_directory))) or (),
            offsite=_had(partial(record.seen, declared, datetime.now(UTC))),
            servers=servers,
        )


def _compose_fault(declared: Declared) -> str:
    found = {server: _image(declared, server) for server in contract.SERVERS}
    services = [(replace(declared.plan(server), image=image.name), image) for server, image in found.items() if image]
    complete = len(services) == len(contract.SERVERS)
    return compose.stale(ROOT, compose.render(declared.stack, services)) if complete else ""


def _server(declared: Declared, server: str, container: Container | None) -> Server:
    """Return what is to be seen of one server; each thing by itself, so that one that hangs hides no other."""
    name, known = declared.containers[server], Server(server, declared.containers[server], container)
    known = replace(known, up_seconds=_up_seconds(container))
    serves = container is not None and container.running and not looping(known)
    with ThreadPoolExecutor() as pool:
        image = pool.submit(_had, partial(_image, declared, server))
        log = pool.submit(_had, partial(_log, known))
        inside = pool.submit(_had, partial(ASK[server], name, declared.admin)) if serves else None
        holders = None if serves else pool.submit(_had, partial(ports.holders, declared.ports[server]))
        certified = serves and server in declared.outside
        valid = pool.submit(_had, partial(validity.of, name, server, datetime.now(UTC))) if certified else None
        place = pool.submit(_had, partial(_place, declared, known, image.result(), serves=serves))
        known = replace(
            known,
            log=log.result() or (),
            image_major=_major(container, image.result()),
            differences=tuple(_had(partial(_differences, declared, server, container, image.result())) or ()),
            holders=tuple(holder.name for holder in (holders.result() if holders else None) or ()),
            place=place.result(),
            known=identity.read(backend.STATE, declared.stack).get(server),
            certificate=valid.result() if valid else None,
        )
        return _with_answer(known, inside.result() if inside else None)


def _with_answer(known: Server, answer: tuple[Postgres | Redis | None, str] | None) -> Server:
    found, refusal = answer or (None, "")
    if isinstance(found, Postgres):
        return replace(known, postgres=found)
    return replace(known, redis=found, refusal=refusal)


ASK: dict[str, Callable[[str, str], tuple[Postgres | Redis | None, str]]] = {
    contract.POSTGRES: postgres.examine,
    contract.REDIS: redis.examine,
}


def _had(look: Callable[[], Fact]) -> Fact | None:
    """Return a fact, or None where it cannot be had."""
    try:
        return look()
    except UNSEEN:
        return None


def _up_seconds(container: Container | None) -> float | None:
    if container is None or not container.running:
        return None
    started = _had(lambda: datetime.fromisoformat(container.started_at).timestamp())
    return None if started is None else max(time.time() - started, 0)


def _log(known: Server) -> tuple[str, ...]:
    """Return the lines since the last start, of ten minutes at most; all attempts of one that crashes at each."""
    if known.container is None:
        return ()
    since = known.container.started_at
    if looping(known) or (known.up_seconds or 0) > LOG_SECONDS:
        since = (datetime.now(UTC) - timedelta(seconds=LOG_SECONDS)).isoformat()
    lines = containers.recent_lines(known.name, since, LOG_LINES)
    # Statements are the clients' words: they may hold anything, and what looks like one of the server's own lines.
    return tuple(line for line in lines if "STATEMENT:" not in line and not line.startswith("\t"))


def _image(declared: Declared, server: str) -> Image | None:
    name = declared.images[server]
    return images.find(name) or (images.find(images.stand_in(name)) if declared.stand_ins else None)


def _major(container: Container | None, image: Image | None) -> str:
    if container:
        return container.environment.get("PG_MAJOR", "")
    return image.major if image else ""


def _differences(declared: Declared, server: str, container: Container | None, image: Image | None) -> list[str]:
    return differences(declared.plan(server), container, image.identity if image else "") if container else []


def _place(declared: Declared, known: Server, image: Image | None, *, serves: bool) -> Place | None:
    if serves:
        return examination.inside(known.name, known.server)
    name = known.container.image_id if known.container else image.name if image else ""
    path = contract.data_directory(declared.data_directory, known.server)
    remembered = f"{contract.config_directory(declared.data_directory, known.server)}/{contract.IDENTITY_FILE}"
    return examination.through_helper(name, known.server, path, remembered) if name else None


def _looked_at(facts: Facts) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what was looked at, and what should have been but could not."""
    looks = [("the Docker daemon", True)]
    if not facts.daemon:
        looks.append((f"network {facts.declared.network}", facts.network is not None))
        looks.append(("the containers", bool(facts.servers)))
    for server in facts.servers.values():
        if server.container:
            inside = server.postgres or server.redis
            looks.append((f"container {server.name}: {server.container.state}, its log", True))
            looks.append((f"the data directory of {server.name} and its disk", server.place is not None))
            looks.append((f"{server.name} from inside", inside is not None))
    return tuple(what for what, seen in looks if seen), tuple(what for what, seen in looks if not seen)
