"""What the running servers tell of a preview: which settings take a restart, who is connected, what is there."""

import json
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from dbserver import clients, contract
from dbserver.clients import Servers
from dbserver.docker import containers
from dbserver.errors import CommandError, DbServerError
from dbserver.postgres import sql
from dbserver.postgres.server import Server
from dbserver.preview.rule import CONTAINER, POSTGRES, SERVER_OF, Live
from dbserver.preview.server_rules import closes, settings
from dbserver.preview.steps import CREATE, DELETE, REPLACE, UPDATE, Digest, Step

ASKED = {
    "contexts": "which settings take a restart (judged by a table)",
    "connected": "who is connected",
    "containers": "which containers there are",
}


def look(digest: Digest) -> Live:
    """Ask the running servers what the rules need to know of these steps, and nothing else."""
    questions = {"contexts": _contexts(digest), "connected": _connected(digest), "containers": _existing(digest)}
    with ThreadPoolExecutor() as pool:
        asked = {name: pool.submit(ask) for name, ask in questions.items() if ask}
    found: dict[str, Any] = {}
    not_seen = []
    for name, answer in asked.items():
        try:
            found[name] = answer.result()
        except DbServerError as fault:
            said = fault.output if isinstance(fault, CommandError) else fault.message
            not_seen.append(f"{ASKED[name]}: {said.splitlines()[0] if said else 'no answer'}")
    return Live(**found, not_seen=tuple(not_seen))


def _contexts(digest: Digest) -> Callable[[], Any] | None:
    changed = [step for step in digest.steps if step.type == POSTGRES and step.kind == UPDATE and settings(step)]
    known = _servers(changed)
    if not known.containers:
        return None
    running, names = Server(known.containers[contract.POSTGRES], known.admin), list(settings(changed[0]))
    return lambda: json.loads(running.query(sql.contexts(names)))


def _connected(digest: Digest) -> Callable[[], Any] | None:
    """Whether a setting takes a restart is known only afterwards, so its server's clients are asked for as well."""
    going = [step.name for step in digest.steps if step.type == CONTAINER and step.kind in (REPLACE, DELETE)]
    going += [contract.POSTGRES for step in digest.steps if step.type == POSTGRES and settings(step)]
    going += [contract.REDIS for step in digest.steps if closes(step)]
    known = _servers([step for step in digest.steps if SERVER_OF.get(step.type, step.name) in going])
    return (lambda: _of_applications(known)) if known.containers else None


def _of_applications(servers: Servers) -> dict[str, tuple[str, ...]]:
    with ThreadPoolExecutor() as pool:
        return dict(pool.map(lambda name: (name, _of_one(servers, name)), servers.containers))


def _of_one(servers: Servers, name: str) -> tuple[str, ...]:
    found = clients.find(replace(servers, containers={name: servers.containers[name]}))
    if found.faults:
        raise DbServerError("; ".join(fault.rpartition("exit status")[2] for fault in found.faults))
    return tuple(sorted({each.shown for each in found.of_applications()}))


def _existing(digest: Digest) -> Callable[[], Any] | None:
    made = [str(step.new.get("name")) for step in digest.steps if step.type == CONTAINER and step.kind == CREATE]
    return (lambda: {name: found.mounts for name, found in containers.inspect(made).items()}) if made else None


def _servers(steps: Collection[Step]) -> Servers:
    """Return the servers as the state knows them, whatever is declared by now."""
    known, admin, network = {}, contract.DEFAULT_ADMIN, contract.DEFAULT_NETWORK
    for step in steps:
        server = SERVER_OF.get(step.type, step.name if step.type == CONTAINER else "")
        name = step.old.get("name") if step.type == CONTAINER else step.old.get("container")
        if server in contract.SERVERS and name:
            known[server] = str(name)
        admin = str(step.old.get("adminUser") or admin)
        for each in step.old.get("networksAdvanced") or ():
            network = str(each.get("name") or network)
        network = str(step.old.get("network") or network)
    return Servers(known, admin, network)
