"""The engine's commands, as verbs need them."""

import json
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from dbserver import contract, execute
from dbserver.declared import ROOT, workspace_stack
from dbserver.engine import backend, committed, diagnostics, events, passphrase
from dbserver.errors import CommandError, DbServerError, UsageError

COMMAND_SECONDS = 60
# Now and then the engine takes a provider that it ends itself for one that has crashed (pulumi#22662). Asked again it
# does not, and a preview changes nothing.
PREMATURE = "exited prematurely"


def require() -> None:
    """Raise where there is no `pulumi` on PATH."""
    if not shutil.which("pulumi"):
        raise UsageError("pulumi is not on PATH", "./scripts/start.sh installs it, or: source tools/environment.sh")


def make(stack: str) -> None:
    """Make the stack where it is new; the selected one stays selected."""
    if backend.is_local() and backend.stack_file(stack).exists():
        return
    try:
        with committed.untouched(_configuration(stack)):
            pulumi("stack", "init", stack, "--no-select")
    except CommandError as fault:
        if "already exists" not in fault.output:
            raise


def select(stack: str) -> None:
    """Select the stack; quick where it is selected already."""
    if not (backend.is_local() and workspace_stack() == stack):
        pulumi("stack", "select", stack)


def up(
    stack: str, tell: Callable[[str], None], *,
    disconnect: bool = False, checkpoint: bool = True, keep: bool = False, new: bool = False,
    take_over: bool = False,
) -> None:  # fmt: skip
    """Bring the stack to what it declares, comparing with the real containers first.

    With `disconnect` it may replace a server that application containers are connected to, without `checkpoint` one
    that was not backed up before; with `keep` containers of elsewhere that it takes over stay, under another name; with
    `new` whatever a data directory holds is the stack's from now on, with `take_over` what another state has made.

    Raises DbServerError with the engine's own error lines.
    """
    argv = ["pulumi", "up", "--yes", "--skip-preview", "--refresh", "--json", "--non-interactive"]
    account = events.Account(tell)
    allowed = {contract.DISCONNECT_VARIABLE: disconnect, contract.NO_CHECKPOINT_VARIABLE: not checkpoint}
    allowed |= {contract.KEEP_VARIABLE: keep, contract.NEW_SERVER_VARIABLE: new, contract.TAKE_OVER_VARIABLE: take_over}
    env = {name: "yes" for name, given in allowed.items() if given}
    with _configured(stack) as configured:
        status = execute.stream([*argv, *configured, "--stack", stack], account.take, cwd=ROOT, env=env)
    if status != 0:
        raise diagnostics.failure(f"the update of stack {stack}", account.faults(), diagnostics.AGAIN)


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


def configure(stack: str, path: str, value: str) -> None:
    """Set a value in the stack's configuration file, such as `postgres.image`."""
    pulumi("config", "set", "--path", f"{contract.PROJECT}:{path}", value, "--stack", stack)


def outputs(stack: str, *, secrets: bool = False) -> dict[str, Any]:
    """Return the stack's outputs; none of a stack that was never made."""
    try:
        shown = pulumi("stack", "output", "--json", "--stack", stack, *(["--show-secrets"] if secrets else []))
    except CommandError as fault:
        if "no stack named" in fault.output:
            return {}
        raise
    return dict(json.loads(shown))


def pulumi(*arguments: str, stdin: str = "") -> str:
    """Run a short command of the engine; return what it prints. Raises the error for a passphrase that does not fit."""
    argv = ["pulumi", *arguments, "--non-interactive"]
    try:
        return execute.run(argv, stdin=stdin, cwd=ROOT, timeout=COMMAND_SECONDS).stdout
    except CommandError as fault:
        raise passphrase.error(fault.output) or fault from None


def _configured(stack: str) -> AbstractContextManager[list[str]]:
    """Keep what an update or a preview writes out of the stack's file, where the state with its salt is here."""
    if not backend.is_local():
        return nullcontext([])
    return committed.copied(_configuration(stack), backend.STATE, backend.stack_file(stack))


def _configuration(stack: str) -> Path:
    return ROOT / f"Pulumi.{stack}.yaml"
