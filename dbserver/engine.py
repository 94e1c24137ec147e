"""The Pulumi engine, where a verb needs it: start it, free its lock, read its outputs."""

import json
import os
import re
import shutil
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

from dbserver import contract, execute
from dbserver.declared import ROOT, workspace_stack
from dbserver.errors import CommandError, DbServerError, LockedError, RefusedError, UsageError

STATE = ROOT / ".state"
# Of the engine's lines, those that say that something has changed, and the program's own messages.
CHANGE = re.compile(r"^ *([+~-]|\+-|-\+|\+\+|--) +\S+ \S+ (created|updated|deleted|replaced|imported)\b|\bwarning: ")
# What the engine adds to an error, without telling an operator anything.
NOISE = re.compile(
    r"^ *(error: update failed|error: an unhandled error occurred: program exited.*|pulumi:pulumi:Stack \(.*\):)$"
)
COMMAND_SECONDS = 60


def require() -> None:
    """Raise where there is no `pulumi` on PATH."""
    if not shutil.which("pulumi"):
        raise UsageError("pulumi is not on PATH", "./scripts/start.sh installs it, or: source tools/environment.sh")


def select(stack: str) -> None:
    """Select the stack and make it where it is new; quick where its state is there already."""
    if not (_stack_file(stack).exists() and _local_backend() and workspace_stack() == stack):
        _pulumi("stack", "select", stack, "--create")


def up(stack: str, on_line: Callable[[str], None]) -> None:
    """Bring the stack to what it declares, comparing with the real containers first.

    Raises DbServerError with the engine's own error lines.
    """
    lines: list[str] = []

    def take(line: str) -> None:
        lines.append(line)
        if CHANGE.search(line):
            on_line(line.strip())

    argv = ["pulumi", "up", "--yes", "--skip-preview", "--refresh", "--suppress-outputs", "--non-interactive"]
    if execute.stream([*argv, "--color", "never", "--stack", stack], take, cwd=ROOT) != 0:
        raise _failure(stack, _errors(lines), _hint(lines))


def outputs(stack: str, *, secrets: bool = False) -> dict[str, Any]:
    """Return the stack's outputs."""
    shown = _pulumi("stack", "output", "--json", "--stack", stack, *(["--show-secrets"] if secrets else []))
    return dict(json.loads(shown))


def release_stale_lock(stack: str) -> list[int]:
    """Free the stack from updates that were killed; return their pids.

    Only a local lock whose process is gone from this very host is stale.
    Raises LockedError for any other.
    """
    locks = [_lock(path) for path in _lock_directory(stack).glob("*.json")] if _local_backend() else []
    for lock in locks:
        if lock.get("hostname") != socket.gethostname() or _alive(lock):
            who = f"pulumi (pid {lock.get('pid')} on {lock.get('hostname')})"
            raise LockedError(f"{who} holds the lock of stack {stack}", "wait until it has finished, then try again")
    if locks:
        _pulumi("cancel", "--yes", "--stack", stack)
    return [int(lock["pid"]) for lock in locks]


def _pulumi(*arguments: str) -> str:
    try:
        return execute.run(["pulumi", *arguments, "--non-interactive"], cwd=ROOT, timeout=COMMAND_SECONDS).stdout
    except CommandError as fault:
        raise _wrong_passphrase(fault.output) or fault from None


def _wrong_passphrase(said: str) -> UsageError | None:
    if "incorrect passphrase" not in said:
        return None
    hint = "put that passphrase into .state/passphrase; docs/how-to/state-and-secrets.md"
    return UsageError("the stack's encryptionsalt was made with another passphrase", hint)


def _backend() -> str:
    return os.environ.get("PULUMI_BACKEND_URL") or "file://./.state"


def _local_backend() -> bool:
    return _backend().startswith("file://")


def _state_root() -> Path:
    return (ROOT / Path(_backend().removeprefix("file://")).expanduser()).resolve() / ".pulumi"


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
    try:
        process = psutil.Process(int(lock["pid"]))
        return "pulumi" in process.name() and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, KeyError, ValueError):
        return False


def _failure(stack: str, errors: str, hint: str) -> DbServerError:
    """Return the error of the right kind: the program says itself what it refused."""
    for mark, kind in ((contract.FAULTY, UsageError), (contract.REFUSED, RefusedError)):
        if mark in errors:
            return kind(errors.partition("error: ")[2] or errors, "correct that, then run ./scripts/start.sh again")
    return _wrong_passphrase(errors) or DbServerError(f"the update of stack {stack} did not finish:\n{errors}", hint)


def _errors(lines: list[str]) -> str:
    """Return the diagnostics: what stands between `Diagnostics:` and the summary of resources."""
    text = "\n".join(line for line in lines if not NOISE.match(line)).replace("Exception calling application: ", "")
    return text.partition("Diagnostics:")[2].partition("\nResources:")[0].strip("\n") or "\n".join(lines[-15:])


def _hint(lines: list[str]) -> str:
    hints = [line.partition("HINT:")[2].strip() for line in lines if "HINT:" in line]
    return hints[0] if hints else "mend the cause, then run ./scripts/start.sh again"
