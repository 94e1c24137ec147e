"""A stack's state: read, copied and mended, and what an update that was killed has left of it."""

import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dbserver import json_file
from dbserver.docker import host
from dbserver.engine import backend, command, copies
from dbserver.errors import LockedError

CONTAINER = "docker:index/container:Container"


def accept(stack: str, ids: Mapping[str, str]) -> list[str]:
    """Have the state know these containers, by their server's name, in place of others; return those it did not know.

    The engine knows a container by its id alone: one that compose has made anew is gone to it, and the new one in the
    way. Importing it would replace it all the same, because the provider reads back only a part of its properties.
    What an update has left half-way it would delete: that keeps its id.
    """
    state = json.loads(exported(stack))
    changed = _created(state["deployment"], ids)
    for resource in state["deployment"].get("resources") or ():
        name = _name(resource)
        half_way = resource.get("delete") or resource.get("pendingReplacement")
        if resource["type"] == CONTAINER and not half_way and resource["id"] != ids.get(name, resource["id"]):
            resource["id"] = resource["outputs"]["id"] = ids[name]
            changed.append(name)
    if changed:
        command.pulumi("stack", "import", "--stack", stack, stdin=json.dumps(state))
    return changed


def _created(deployment: dict[str, Any], ids: Mapping[str, str]) -> list[str]:
    """Note the containers that a killed update had made and not noted; return their servers' names.

    The operation that it left behind has everything that it had asked for; the rest is read at the next refresh.
    """
    resources, pending = deployment.get("resources") or [], deployment.get("pending_operations") or []
    known = {resource["urn"] for resource in resources}
    made = [operation for operation in pending if operation["type"] == "creating"
            and operation["resource"]["type"] == CONTAINER and _name(operation["resource"]) in ids
            and operation["resource"]["urn"] not in known]  # fmt: skip
    for operation in made:
        resource = operation["resource"]
        number = ids[_name(resource)]
        asked = {key: value for key, value in resource["inputs"].items() if not key.startswith("__")}
        before = {resource["parent"], resource["provider"].rpartition("::")[0], *resource.get("dependencies", ())}
        place = max(index for index, each in enumerate(resources, 1) if each["urn"] in before)
        resources.insert(place, {**resource, "id": number, "outputs": {**asked, "id": number}})
        pending.remove(operation)
    return [_name(operation["resource"]) for operation in made]


def _name(resource: Mapping[str, Any]) -> str:
    return str(resource["urn"]).rpartition("::")[2]


def knows(stack: str, identity: str) -> bool:
    """Return whether the state names this container; of a state that is not on this machine nobody asks."""
    try:
        return not backend.is_local() or identity in backend.stack_file(stack).read_text()
    except OSError:
        return True


def read(stack: str) -> bytes:
    """Return the stack's state as it lies on this machine. Raises OSError where there is none."""
    return backend.stack_file(stack).read_bytes()


def is_quiet(stack: str) -> bool:
    """Return whether the state is on this machine, with no update at work on it and none left half-way."""
    return backend.is_local() and backend.stack_file(stack).exists() and not _locks(stack)


def exported(stack: str) -> str:
    """Return the stack's state; its secrets stay encrypted."""
    return command.pulumi("stack", "export", "--stack", stack)


def imported(stack: str, state: str) -> None:
    """Give a stack that is new here a state of elsewhere."""
    command.make(stack)
    command.pulumi("stack", "import", "--stack", stack, stdin=state)


def files() -> list[Path]:
    """Return the files of the stacks whose states are here; none where the backend is elsewhere."""
    return list(backend.stack_file("any").parent.glob("*")) if backend.is_local() else []


def mend(stack: str) -> str:
    """Take a copy of the state where the state is cut off, as a killed update leaves it; return which, in words.

    What was made since is found by its name, as after a lost state. Nothing is done while an update is at work. Raises
    DbServerError where no copy is whole.
    """
    file = backend.stack_file(stack)
    cut_off = backend.is_local() and file.exists() and not copies.is_whole(file)
    if not cut_off or not all(map(_stale, _locks(stack))):
        return ""
    copy, words = copies.best(file, backend.history(stack))
    host.replace_file(file, copy.read_text(), file.stat().st_mode & 0o777)
    return words


def release_stale_lock(stack: str) -> list[int]:
    """Free the stack from updates that were killed; return their pids.

    Only a local lock whose process is gone from this very host is stale.
    Raises LockedError for any other.
    """
    locks = _locks(stack)
    for lock in locks:
        if not _stale(lock):
            who = f"pulumi (pid {lock.get('pid')} on {lock.get('hostname')})"
            raise LockedError(f"{who} holds the lock of stack {stack}", "wait until it has finished, then try again")
    if locks:
        command.pulumi("cancel", "--yes", "--stack", stack)
    return [int(lock["pid"]) for lock in locks]


def dead_updates(stack: str) -> list[int]:
    """Return the pids of updates that were killed and left a lock; nothing is released."""
    return [int(lock.get("pid", 0)) for lock in _locks(stack) if _stale(lock)]


def _locks(stack: str) -> list[Mapping[str, Any]]:
    return [json_file.read(path) for path in backend.lock_directory(stack).glob("*.json")] if backend.is_local() else []


def _stale(lock: Mapping[str, Any]) -> bool:
    return lock.get("hostname") == socket.gethostname() and not _alive(lock)


def _alive(lock: Mapping[str, Any]) -> bool:
    import psutil  # noqa: PLC0415  a start with nothing to do must not wait for this import

    try:
        process = psutil.Process(int(lock["pid"]))
        return "pulumi" in process.name() and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, KeyError, ValueError):
        return False
