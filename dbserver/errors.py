"""Errors an operator sees, and the one table of exit codes.

Every error says what is wrong, and its hint says what to do next.
"""

import pwd
from enum import IntEnum
from pathlib import Path


class Exit(IntEnum):
    """Exit codes of every command (docs/reference/exit-codes.md)."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    UNHEALTHY = 3
    LOCKED = 4
    REFUSED = 5


class DbServerError(Exception):
    """An expected failure: the effect did not happen."""

    exit_code = Exit.FAILED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """Return the message, and the next step on a line of its own."""
        return f"{self.message}\nHINT: {self.hint}" if self.hint else self.message


class UsageError(DbServerError):
    """An argument or the configuration is wrong; nothing was changed."""

    exit_code = Exit.USAGE


class NotRunningError(DbServerError):
    """A server, or the Docker daemon, does not run or does not answer."""

    exit_code = Exit.UNHEALTHY


class LockedError(DbServerError):
    """Another operation is at work on the same servers."""

    exit_code = Exit.LOCKED


class RefusedError(DbServerError):
    """Refused because data or running applications would be harmed."""

    exit_code = Exit.REFUSED


class CommandError(DbServerError):
    """A program that was started ended with a failure."""

    def __init__(self, command: str, exit_status: int, output: str) -> None:
        super().__init__(f"{command} ended with exit status {exit_status}: {output}")
        self.exit_status = exit_status
        self.output = output


def not_writable(root: Path, what: str) -> DbServerError:
    """Return the error for a person who may not write into this clone."""
    number = root.stat().st_uid
    try:
        owner = pwd.getpwuid(number).pw_name
    except KeyError:
        owner = f"user {number}"
    return DbServerError(
        f"{what} is not yours to write or read: this clone belongs to {owner}",
        f"run this as {owner}, or make a clone of your own",
    )


def unforeseen(fault: BaseException) -> str:
    """Return the words for a fault that no module has made one of."""
    return f"unexpected {type(fault).__name__}: {fault}"
