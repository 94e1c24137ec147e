"""The entry: dispatch, errors, exit codes. Actions are imported when they are called, so that `--help` is quick."""

import signal
import sys
from types import FrameType

import click

from dbserver.cli.failing import fail, unexpected
from dbserver.cli.options import commands
from dbserver.cli.verbs import (  # noqa: F401  importing them adds their verbs
    adoption,
    applications,
    archives,
    backups,
    changes,
    drills,
    keeping,
    offsite,
    schedules,
    servers,
    statements,
    upgrades,
)
from dbserver.errors import DbServerError, Exit, UsageError


def main() -> None:
    """Run the command line and exit with the documented code."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        sys.exit(commands(standalone_mode=False, prog_name="dbserver") or Exit.DONE)
    except click.ClickException as fault:
        fail(UsageError(fault.format_message(), "dbserver --help"))
    except (KeyboardInterrupt, click.Abort):
        fail(DbServerError("interrupted", "run the command again to finish"))
    except DbServerError as fault:
        fail(fault)
    except Exception as fault:  # noqa: BLE001  no stack trace reaches a user
        fail(unexpected(fault))


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    # As Ctrl-C: what was begun is cleaned up on the way out.
    raise KeyboardInterrupt
