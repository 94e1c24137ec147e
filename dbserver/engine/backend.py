"""Where the states of the stacks are: on this machine, or at a service of the engine's."""

from pathlib import Path

from dbserver import contract
from dbserver.declared import ROOT, backend

STATE = ROOT / ".state"


def is_local() -> bool:
    """Return whether the states are files on this machine."""
    return backend().startswith("file://")


def root() -> Path:
    """Return the directory of a backend on this machine."""
    return (ROOT / Path(backend().removeprefix("file://")).expanduser()).resolve() / ".pulumi"


def stack_file(stack: str) -> Path:
    """Return the file of a stack's state."""
    return root() / "stacks" / contract.PROJECT / f"{stack}.json"


def history(stack: str) -> Path:
    """Return the directory of what was kept after each update."""
    return root() / "history" / contract.PROJECT / stack


def lock_directory(stack: str) -> Path:
    """Return where an update at work has a file of its own."""
    return root() / "locks" / "organization" / contract.PROJECT / stack
