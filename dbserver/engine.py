"""The Pulumi engine, where a verb needs it: start it, free its lock, read its outputs."""

import json
import re
import shutil
import socket
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from dbserver import checkpoints, committed, contract, diagnostics, execute, passphrase
from dbserver.declared import ROOT, backend, workspace_stack
from dbserver.docker import host
from dbserver.errors import CommandError, DbServerError, LockedError, UsageError

STATE = ROOT / ".state"
# Of the engine's lines, those that say that something has changed, and the program's own messages.
CHANGE = re.compile(r"^ *([+~-]|\+-|-\+|\+\+|--) +\S+ \S+ (created|updated|deleted|replaced|imported)\b|\bwarning: ")
COMMAND_SECONDS = 60
CONTAINER = "docker:index/container:Container"


def require() -> None:
    """Raise where there is no `pulumi` on PATH."""
    if not shutil.which("pulumi"):
        raise UsageError("pulumi is not on PATH", "./scripts/start.sh installs it, or: source tools/environment.sh")


def make(stack: str) -> None:
    """Make the stack where it is new; the selected one stays selected."""
    if _local_backend() and _stack_file(stack).exists():
        return
    try:
        with committed.untouched(_configuration(stack)):
            _pulumi("stack", "init", stack, "--no-select")
    except CommandError as fault:
        if "already exists" not in fault.output:
            raise


def select(stack: str) -> None:
    """Select the stack; quick where it is selected already."""
    if not (_local_backend() and workspace_stack() == stack):
        _pulumi("stack", "select", stack)


def up(
    stack: str, on_line: Callable[[str], None], *,
    disconnect: bool = False, checkpoint: bool = True, keep: bool = False, new: bool = False,
    take_over: bool = False,
) -> None:  # fmt: skip
    """Bring the stack to what it declares, comparing with the real containers first.

    With `disconnect` it may replace a server that application containers are connected to, without `checkpoint` one
    that was not backed up before; with `keep` containers of elsewhere that it takes over stay, under another name; with
    `new` whatever a data directory holds is the stack's from now on, with `take_over` what another state has made.

    Raises DbServerError with the engine's own error lines.
    """
    lines: list[str] = []
    warned: set[str] = set()

    def take(line: str) -> None:
        lines.append(line)
        # The engine tells a warning when it comes, and once more among the diagnostics.
        warning = line.partition("warning: ")[2]
        if CHANGE.search(line) and not (warning and warning in warned):
            warned.add(warning)
            on_line(line.strip())

    argv = ["pulumi", "up", "--yes", "--skip-preview", "--refresh", "--suppress-outputs", "--non-interactive"]
    allowed = {contract.DISCONNECT_VARIABLE: disconnect, contract.NO_CHECKPOINT_VARIABLE: not checkpoint}
    allowed |= {contract.KEEP_VARIABLE: keep, contract.NEW_SERVER_VARIABLE: new, contract.TAKE_OVER_VARIABLE: take_over}
    env = {name: "yes" for name, given in allowed.items() if given}
    with _configured(stack) as configured:
        status = execute.stream([*argv, "--color", "never", *configured, "--stack", stack], take, cwd=ROOT, env=env)
    if status != 0:
        raise diagnostics.failure(f"the update of stack {stack}", diagnostics.errors(lines), diagnostics.AGAIN)


# Now and then the engine takes a provider that it ends itself for one that has crashed (pulumi#22662). Asked again it
# does not, and a preview changes nothing.
PREMATURE = "exited prematurely"


def preview(stack: str, *, refresh: bool) -> str:
    """Return what `pulumi preview --json` prints; nothing is changed, the selected stack included.

    A program that refuses ends the preview with an error, which stands in what is printed. Raises DbServerError where
    nothing is printed at all.
    """
    argv = ["pulumi", "preview", "--json", "--non-interactive", "--stack", stack, *(["--refresh"] if refresh else [])]
    with _configured(stack) as configured:
        done = execute.run([*argv, *configured], cwd=ROOT, check=False)
        if PREMATURE in done.stdout:
            done = execute.run([*argv, *configured], cwd=ROOT, check=False)
    if done.stdout.lstrip().startswith("{"):
        return done.stdout
    if "no stack named" in done.output:
        raise UsageError(f"there is no stack {stack} yet", f"pulumi stack init {stack} --no-select")
    raise passphrase.error(done.output) or DbServerError(f"the preview of stack {stack} failed: {done.output}")


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
        _pulumi("stack", "import", "--stack", stack, stdin=json.dumps(state))
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
        return not _local_backend() or identity in _stack_file(stack).read_text()
    except OSError:
        return True


def state(stack: str) -> bytes:
    """Return the stack's state as it lies on this machine. Raises OSError where there is none."""
    return _stack_file(stack).read_bytes()


def state_is_quiet(stack: str) -> bool:
    """Return whether the state is on this machine, with no update at work on it and none left half-way."""
    return _local_backend() and _stack_file(stack).exists() and not _locks(stack)


def exported(stack: str) -> str:
    """Return the stack's state; its secrets stay encrypted."""
    return _pulumi("stack", "export", "--stack", stack)


def imported(stack: str, state: str) -> None:
    """Give a stack that is new here a state of elsewhere."""
    make(stack)
    _pulumi("stack", "import", "--stack", stack, stdin=state)


def states() -> list[Path]:
    """Return the files of the stacks whose states are here; none where the backend is elsewhere."""
    return list(_stack_file("any").parent.glob("*")) if _local_backend() else []


def configure(stack: str, path: str, value: str) -> None:
    """Set a value in the stack's configuration file, such as `postgres.image`."""
    _pulumi("config", "set", "--path", f"{contract.PROJECT}:{path}", value, "--stack", stack)


def outputs(stack: str, *, secrets: bool = False) -> dict[str, Any]:
    """Return the stack's outputs; none of a stack that was never made."""
    try:
        shown = _pulumi("stack", "output", "--json", "--stack", stack, *(["--show-secrets"] if secrets else []))
    except CommandError as fault:
        if "no stack named" in fault.output:
            return {}
        raise
    return dict(json.loads(shown))


def mend_state(stack: str) -> str:
    """Take a copy of the state where the state is cut off, as a killed update leaves it; return which, in words.

    What was made since is found by its name, as after a lost state. Nothing is done while an update is at work. Raises
    DbServerError where no copy is whole.
    """
    file = _stack_file(stack)
    cut_off = _local_backend() and file.exists() and not checkpoints.is_whole(file)
    if not cut_off or not all(map(_stale, _locks(stack))):
        return ""
    copy, words = checkpoints.best(file, _state_root() / "history" / contract.PROJECT / stack)
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
        _pulumi("cancel", "--yes", "--stack", stack)
    return [int(lock["pid"]) for lock in locks]


def dead_updates(stack: str) -> list[int]:
    """Return the pids of updates that were killed and left a lock; nothing is released."""
    return [int(lock.get("pid", 0)) for lock in _locks(stack) if _stale(lock)]


def _locks(stack: str) -> list[Mapping[str, Any]]:
    return [_lock(path) for path in _lock_directory(stack).glob("*.json")] if _local_backend() else []


def _stale(lock: Mapping[str, Any]) -> bool:
    return lock.get("hostname") == socket.gethostname() and not _alive(lock)


def _pulumi(*arguments: str, stdin: str = "") -> str:
    argv = ["pulumi", *arguments, "--non-interactive"]
    try:
        return execute.run(argv, stdin=stdin, cwd=ROOT, timeout=COMMAND_SECONDS).stdout
    except CommandError as fault:
        raise passphrase.error(fault.output) or fault from None


def _configured(stack: str) -> AbstractContextManager[list[str]]:
    """Keep what an update or a preview writes out of the stack's file, where the state with its salt is here."""
    if not _local_backend():
        return nullcontext([])
    return committed.copied(_configuration(stack), STATE, _stack_file(stack))


def _configuration(stack: str) -> Path:
    return ROOT / f"Pulumi.{stack}.yaml"


def _local_backend() -> bool:
    return backend().startswith("file://")


def _state_root() -> Path:
    return (ROOT / Path(backend().removeprefix("file://")).expanduser()).resolve() / ".pulumi"


def _stack_file(stack: str) -> Path:
    return _state_root() / "stacks" / "db-server" / f"{stack}.json"


def _lock_directory(stack: str) -> Path:
    return _state_root() / "locks" / "organization" / "db-server" / stack


def _lock(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _alive(lock: Mapping[str, Any]) -> bool:
    import psutil  # noqa: PLC0415  a start with nothing to do must not wait for this import

    try:
        process = psutil.Process(int(lock["pid"]))
        return "pulumi" in process.name() and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, KeyError, ValueError):
        return False
