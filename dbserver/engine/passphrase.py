"""The passphrase of the stack's secrets: where it is taken from, and what the engine says where it does not fit."""

import os

from dbserver import inherited
from dbserver.declared import ROOT
from dbserver.engine.backend import STATE
from dbserver.errors import DbServerError, UsageError, not_writable

VARIABLE, FILE_VARIABLE = inherited.PASSPHRASE
WRONG = "incorrect passphrase"
MISSING = ("passphrase must be set with", f"unable to read {FILE_VARIABLE}")


def error(said: str) -> DbServerError | None:
    """Return the error for what the engine says where it cannot read the state or its secrets."""
    if WRONG in said:
        return UsageError("the stack's encryptionsalt was made with another passphrase", _hint())
    if any(each in said for each in MISSING):
        return UsageError("there is no passphrase to read the stack's secrets with", _hint())
    if "permission denied" in said.lower() and not os.access(STATE, os.W_OK):
        return not_writable(ROOT, str(STATE))
    return None


def _hint() -> str:
    """Name the source that counts: to the engine the words themselves go before a file."""
    own, given = str(STATE / "passphrase"), os.environ.get(FILE_VARIABLE, "")
    if VARIABLE in os.environ:
        way = f"{VARIABLE} is set: put that passphrase into it, or unset it"
    elif given not in ("", own):
        way = f"{FILE_VARIABLE} is set: put that passphrase into {given}, or unset it"
    else:
        way = "put that passphrase into .state/passphrase"
    return f"{way}; docs/how-to/state-and-secrets.md"
