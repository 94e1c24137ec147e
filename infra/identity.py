"""Which data the stack's servers have: judged before an update, remembered after one."""

import os
from collections.abc import Mapping

import pulumi

from dbserver import contract, identity, owner, refusals
from dbserver.docker import host
from dbserver.docker import identity as asking
from dbserver.docker.host import Identity
from dbserver.docker.images import Image
from dbserver.errors import CommandError
from dbserver.owner import Owner
from dbserver.settings.model import Settings
from infra.plans import PROJECT, container_plan

STATE = PROJECT / ".state"


def remembered_in(settings: Settings, server: str) -> str:
    """Return the host's file that remembers, beside the data, which it is."""
    return f"{contract.config_directory(settings.data_directory, server)}/{contract.IDENTITY_FILE}"


def reasons(settings: Settings, stack: str, server: str, found: Identity) -> list[str]:
    """Return why the data that is there is not the stack's; nothing where none is known, or it has nothing to lose."""
    if not lasts(settings, server):
        return []
    known = identity.read(STATE, stack).get(server)
    where = contract.data_directory(settings.data_directory, server)
    strange = refusals.strange(server, where, found, known, new=bool(os.environ.get(contract.NEW_SERVER_VARIABLE)))
    if known and known.path != where and pulumi.runtime.is_dry_run():
        # Another declared directory is what a preview judges and allows by its own rule.
        for text in strange:
            pulumi.log.warn(f"{text}; `up` refuses that")
        return []
    return strange


def strangers(stack: str, found: Mapping[str, Identity]) -> list[str]:
    """Return why running servers, container -> what was found with it, are not this state's to bring in line."""
    ours, by_owner = _ours(make=False), dict[Owner, list[str]]()
    for container, seen in found.items():
        theirs = owner.parsed(seen.owner)
        if theirs:
            by_owner.setdefault(theirs, []).append(container)
    if os.environ.get(contract.TAKE_OVER_VARIABLE):
        return []
    return [text for theirs, names in by_owner.items() for text in refusals.owned(stack, names, theirs, ours)]


def _ours(*, make: bool) -> Owner:
    return owner.of_state(PROJECT, os.environ.get("PULUMI_BACKEND_URL") or contract.DEFAULT_BACKEND, make=make)


def remember(settings: Settings, stack: str, images: Mapping[str, Image], before: Mapping[str, Identity]) -> None:
    """Remember the data of the servers that run, beside the state and beside the data.

    `before` is what was there before the update: where that is what is known, nobody is asked again.
    """
    known, now, ours = identity.read(STATE, stack), {}, _ours(make=True)
    for server in contract.SERVERS:
        seen, same = before.get(server, Identity()), known.get(server)
        if same and ours.is_noted(seen.owner) and (seen.found, seen.remembered) == (same.identity, same.identity):
            now[server] = same.identity
        else:
            now[server] = _now(settings, server, images[server], ours)
    found = {
        server: identity.placed(word, contract.data_directory(settings.data_directory, server))
        for server, word in now.items()
        if word
    }
    # A server that does not tell just now has not lost what is known of it; one that keeps nothing has.
    kept = {server: each for server, each in known.items() if server not in found and lasts(settings, server)}
    if found | kept != known:
        identity.write(STATE, stack, found | kept)


def lasts(settings: Settings, server: str) -> bool:
    """Return whether a server's data outlives its process."""
    return server != contract.REDIS or settings.redis.persistence != "none"


def _now(settings: Settings, server: str, image: Image, ours: Owner) -> str:
    """Return the identity of a running server's data, given where it has none, and remember it beside the data."""
    plan = container_plan(settings, server, image.name)
    seen = asking.asked(plan.name, server) if lasts(settings, server) else None
    if seen is None:
        return ""
    try:
        word = seen.found or (asking.mark(plan.name, server) if server == contract.REDIS else "")
        if word != seen.remembered or not ours.is_noted(seen.owner):
            directory = contract.config_directory(settings.data_directory, server)
            host.write_files(directory, {contract.IDENTITY_FILE: word, contract.OWNER_FILE: str(ours)}, image.name)
    except CommandError:
        return ""  # a full disk; the server's own checks tell of it
    return word
