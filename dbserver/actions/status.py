"""status: what runs, what each server answers to a real query, what it uses, and what is not as declared."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dbserver import advice, cleaning, contract, identity, validity
from dbserver.applied.looking import Heard
from dbserver.backups import evidence, timers
from dbserver.backups.store import DRILL, Backup, Store
from dbserver.declared import Declared
from dbserver.docker import containers, daemon, images, rendered, usage
from dbserver.docker.containers import Container
from dbserver.docker.host import parse_identity
from dbserver.docker.images import Local
from dbserver.docker.usage import Usage
from dbserver.engine import backend
from dbserver.errors import CommandError, DbServerError
from dbserver.execute import NO_ANSWER, Finished
from dbserver.offsite import record
from dbserver.plan import differences
from dbserver.postgres import usage as postgres
from dbserver.redis import usage as redis
from dbserver.results.archive import Archive
from dbserver.results.status import LastBackup, PostgresUse, RedisUse, ServerStatus, Status, Validity
from dbserver.stack import refuse_others

# What is asked in a container ends itself before.
LIMIT_SECONDS = usage.ANSWER_SECONDS + 2
# Everything at once: one that waits for a free worker would wait for the slowest of the others.
WORKERS = 12


@dataclass(frozen=True)
class Answer:
    """What a server said. `text` is empty where it did not answer, and `fault` says why."""

    usage: Usage
    text: str = ""
    version: str = ""
    fault: str = ""
    postgres: PostgresUse | None = None
    redis: RedisUse | None = None


def status(declared: Declared) -> Status:
    """Return the state of both servers.

    Raises NotRunningError where the daemon does not answer, RefusedError where they are another stack's.

    Everything is asked at once: nearly all of the time goes into starting commands in containers.
    """
    return heard(declared, {})[0]


def heard(declared: Declared, questions: Mapping[str, str]) -> tuple[Status, Heard]:
    """Return the state of both servers, and what was heard for it; `questions` are asked besides, server -> text."""
    with ThreadPoolExecutor(WORKERS) as pool:
        inspected = pool.submit(containers.inspected, [*declared.containers.values(), *_archives(declared)])
        local = pool.submit(_images, declared)
        backups = pool.submit(_backups, declared)
        archived = pool.submit(_archived, declared) if declared.archive else None
        copied = pool.submit(record.seen, declared, datetime.now(UTC))
        asked = daemon.Questions()
        said = {server: pool.submit(_said, declared, server, questions, asked) for server in contract.SERVERS}
        inspected.add_done_callback(lambda done: asked.give_up() if done.exception() else None)
        certified = {server: pool.submit(_certified, declared, server) for server in declared.outside}
        shown = inspected.result()
        found, known_images = containers.parsed(shown), _by_server(declared, local.result())
        refuse_others(declared, {each.name: each.labels.get(contract.LABEL_STACK, "") for each in found.values()})
        servers = []
        for server in contract.SERVERS:
            container = found.get(declared.containers[server])
            if container is None:
                servers.append(_missing(declared, server))
                continue
            known = _known(declared, server, container, said[server].result(), known_images.get(server, Local()))
            servers.append(replace(known, certificate=certified[server].result() if server in certified else None))
        scheduled = timers.read(declared.stack, datetime.now().astimezone())
        state = Status(
            stack=declared.stack,
            servers=tuple(servers),
            backups=backups.result(),
            schedule=scheduled if scheduled.fields else None,
            archive=archived.result() if archived else None,
            offsite=copied.result(),
        )
        printed = {server: each.result().stdout for server, each in said.items()}
        return state, Heard(shown, local.result(), printed)


def _archived(declared: Declared) -> Archive:
    from dbserver.archive.standing import standing  # noqa: PLC0415  a stack without an archive must not wait for it

    return standing(declared, sizes=False)


def _certified(declared: Declared, server: str) -> Validity | None:
    try:
        return validity.of(declared.containers[server], server, datetime.now(UTC))
    except CommandError:
        return None


def _missing(declared: Declared, server: str) -> ServerStatus:
    name = declared.containers[server]
    return ServerStatus(
        server, name, state="missing", health="", answers="", version="", address=_address(server, name), published="",
        image="", data="", fault=f"container {name} does not exist",
    )  # fmt: skip


def _known(declared: Declared, server: str, container: Container, said: Finished, image: Local) -> ServerStatus:
    answer, drift = UNDERSTAND[server](container.name, said), _differences(declared, server, container, image)
    if container.running and container.belongs_to(declared.stack) and declared.network not in container.networks:
        said_so = f"is not on network {declared.network}: no application reaches it; ./scripts/start.sh"
        answer = replace(answer, text="", fault=f"{container.name} {said_so}")
    known = _server(server, container, answer, drift)
    known = replace(known, advice=_advice(declared, server, container, known), log=_log(container, known))
    if not known.answers or (known.redis and known.redis.persistence == "none"):
        return known  # a Redis that keeps nothing has no data to take for another's
    remembered = identity.read(backend.STATE, declared.stack).get(server)
    strange = identity.mismatch(server, known.data, parse_identity(said.stdout), remembered)
    return replace(known, data_fault=strange)


def _server(server: str, container: Container, said: Answer, drift: tuple[str, ...]) -> ServerStatus:
    answer = said if container.running else Answer(Usage(), fault=_why_stopped(container))
    return ServerStatus(
        server=server,
        container=container.name,
        state=container.state,
        health=container.health,
        answers=answer.text,
        version=answer.version,
        address=_address(server, container.name),
        published=", ".join(f"{each.address}:{each.port}" for each in container.published),
        image=container.image,
        data=container.mounts.get(contract.INNER_DATA[server], ""),
        fault=answer.fault,
        uptime_seconds=_uptime(container),
        restarts=container.restarts,
        oom_kills=max(answer.usage.oom_kills or 0, int(container.oom_killed)),
        memory_used_bytes=answer.usage.memory_used,
        memory_limit_bytes=container.memory or None,
        disk_free_bytes=answer.usage.disk_free,
        disk_total_bytes=answer.usage.disk_total,
        inodes_free=answer.usage.inodes_free,
        differences=drift,
        postgres=answer.postgres,
        redis=answer.redis,
    )


def _advice(declared: Declared, server: str, container: Container, known: ServerStatus) -> tuple[str, ...]:
    databases = known.postgres.other_collations if known.postgres else ()
    return (
        *advice.of_container(server, container, known.oom_kills or 0),
        *advice.of_crash(container),
        *advice.of_collations(container.name, declared.admin, databases),
    )


def _log(container: Container, known: ServerStatus) -> tuple[str, ...]:
    """Return the last lines of a server that ended by itself, or comes back from that and does not answer yet."""
    ended = not container.running and (container.exit_code or container.state == "restarting")
    if ended or (container.running and container.restarts and not known.answers):
        return tuple(cleaning.lines(containers.last_lines(container.name, advice.CRASHED_LINES)))
    return ()


def _postgres(name: str, said: Finished) -> Answer:
    figures, found = usage.parse(said.stdout), postgres.parse(said.stdout)
    if found is None:
        return Answer(figures, fault=f"{name} does not answer: {_reason(said)}")
    version, use = found
    return Answer(figures, f"{use.connections} of {use.max_connections} connections", version, postgres=use)


def _redis(name: str, said: Finished) -> Answer:
    figures, found = usage.parse(said.stdout), redis.parse(said.stdout)
    if found is None:
        return Answer(figures, fault=f"{name} does not answer PONG: {redis.refusal(said.stdout) or _reason(said)}")
    version, use = found
    return Answer(figures, "PONG", version, redis=use)


ASK = {contract.POSTGRES: postgres, contract.REDIS: redis}
UNDERSTAND: Mapping[str, Callable[[str, Finished], Answer]] = {contract.POSTGRES: _postgres, contract.REDIS: _redis}


def _said(declared: Declared, server: str, questions: Mapping[str, str], asked: daemon.Questions) -> Finished:
    argv = ASK[server].ask(declared.containers[server], declared.admin)
    question = ASK[server].QUESTION + questions.get(server, "")
    if server in questions:
        argv = rendered.before(argv, server)
    try:
        return asked.ask(argv, question, LIMIT_SECONDS)
    except CommandError as fault:
        return Finished(fault.exit_status, "", fault.output)


def _reason(said: Finished) -> str:
    """Return the first line that tells why: each of several questions fails with the same words."""
    if said.status == NO_ANSWER:
        return f"no answer within {usage.ANSWER_SECONDS} s"
    lines = cleaning.lines(said.stderr.strip())
    return lines[0] if lines else f"exit status {said.status}"


def _why_stopped(container: Container) -> str:
    killed = ", killed for lack of memory" if container.oom_killed else ""
    return f"container is {container.state} (exit code {container.exit_code}{killed})"


def _uptime(container: Container) -> float | None:
    """Return the seconds since the container's start by this host's clock; never negative where the clocks differ."""
    if not container.running:
        return None
    age = datetime.now(UTC) - datetime.fromisoformat(container.started_at)
    return round(max(age.total_seconds(), 0.0), 1)


def _images(declared: Declared) -> list[dict[str, Any]]:
    """Return what Docker tells of the declared images and of their stand-ins; nothing where it does not answer."""
    try:
        return images.inspected([name for several in _image_names(declared).values() for name in several])
    except DbServerError:
        return []


def _by_server(declared: Declared, inspected: Sequence[Mapping[str, Any]]) -> dict[str, Local]:
    """Return server -> its declared image, a stand-in included, where this machine has it."""
    names = _image_names(declared)
    found = images.parsed(inspected, [name for several in names.values() for name in several])
    return {server: found[name] for server, several in names.items() for name in reversed(several) if name in found}


def _image_names(declared: Declared) -> dict[str, list[str]]:
    return {
        server: [image, images.stand_in(image)] if declared.stand_ins else [image]
        for server, image in declared.images.items()
    }


def _archives(declared: Declared) -> list[str]:
    return [declared.archive.name] if declared.archive else []


def _differences(declared: Declared, server: str, container: Container, image: Local) -> tuple[str, ...]:
    plan = declared.plan(server)
    found = differences(plan, container, image.identity)
    if not container.belongs_to(declared.stack):
        found.append(f"label {contract.LABEL_STACK}: none, declared is {declared.stack}")
    added = set(container.environment) - image.variables - {entry.partition("=")[0] for entry in plan.environment}
    if added and container.image_id == image.identity:
        # Names only: what somebody has added may be a password.
        found.append(f"environment: {', '.join(sorted(added))} added, declared is none of it")
    return tuple(found)


def _backups(declared: Declared) -> tuple[LastBackup, ...]:
    """Return the newest backup of each subject, and the declared applications that have none; nothing where unknown."""
    try:
        newest = Store(Path(declared.backup_directory)).newest()
    except (OSError, DbServerError):
        return ()
    known = [_last_backup(found) for found in newest]
    without = sorted({*declared.applications} - {each.subject for each in known})
    return (*known, *map(LastBackup, without))


def _last_backup(found: Backup) -> LastBackup:
    drill, proved = found.note(DRILL), evidence.of(found)
    age = datetime.now(UTC) - datetime.fromisoformat(found.manifest.started)
    return LastBackup(
        subject=found.manifest.subject,
        id=found.id,
        age_seconds=max(int(age.total_seconds()), 0),
        size_bytes=found.manifest.size,
        verified=proved.verified,
        drilled=str(drill.get("at", "")),
        fault=str(drill.get("fault", "")),
        damaged=proved.damaged,
        started=found.manifest.started,
    )


def _address(server: str, name: str) -> str:
    return f"{name}:{contract.INNER_PORT[server]}"
