"""The entry: dispatch, errors, exit codes. Actions are imported when they are called, so that `--help` is quick."""

import json
import signal
import sys
import traceback
from itertools import pairwise
from pathlib import Path
from types import FrameType

import click

from dbserver.cli import (  # noqa: F401  importing them adds their verbs
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
from dbserver.cli.options import commands, say
from dbserver.errors import DbServerError, Exit, UsageError


def main() -> None:
    """Run the command line and exit with the documented code."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        sys.exit(commands(standalone_mode=False, prog_name="dbserver") or Exit.DONE)
    except click.ClickException as fault:
        _fail(UsageError(fault.format_message(), "dbserver --help"))
    except (KeyboardInterrupt, click.Abort):
        _fail(DbServerError("interrupted", "run the command again to finish"))
    except DbServerError as fault:
        _fail(fault)
    except Exception as fault:  # noqa: BLE001  no stack trace reaches a user; it is kept for the report
        _fail(DbServerError(f"unexpected {type(fault).__name__}: {fault}", f"report it, with {_keep_trace()}"))


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    # As Ctrl-C: what was begun is cleaned up on the way out.
    raise KeyboardInterrupt


def _keep_trace() -> Path:
    from dbserver.declared import ROOT

    path = ROOT / ".state" / "last-error.txt"
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(traceback.format_exc())
    return path


def _wants_json(argv: list[str]) -> bool:
    """A command line that could not be parsed tells its form all the same."""
    return "--format=json" in argv or ("--format", "json") in pairwise(argv)


def _fail(fault: DbServerError) -> None:
    if _wants_json(sys.argv):
        error = {"message": fault.message, "hint": fault.hint, "exit_code": int(fault.exit_code)}
        click.echo(json.dumps({"schema": "error-1", "error": error}, indent=2))
    say(f"error: {fault.message}")
    if fault.hint:
        say(f"HINT: {fault.hint}")
    sys.exit(fault.exit_code)
