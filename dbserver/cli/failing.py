"""The end of a command that failed: what is wrong, what to do next, the exit code. Works without any package."""

import json
import sys
import traceback
from itertools import pairwise
from pathlib import Path

from dbserver import cleaning
from dbserver.errors import DbServerError, not_writable, unforeseen

ROOT = Path(__file__).resolve().parents[2]


def fail(fault: DbServerError) -> None:
    """Print the error, as JSON too where the command line asks for that, and exit with its code."""
    if _wants_json(sys.argv):
        error = {"message": fault.message, "hint": fault.hint, "exit_code": int(fault.exit_code)}
        sys.stdout.write(json.dumps({"schema": "error-1", "error": error}, indent=2) + "\n")
    sys.stdout.flush()
    sys.stderr.write(cleaning.printable(f"error: {fault}\n"))
    sys.exit(fault.exit_code)


def unexpected(fault: Exception) -> DbServerError:
    """Return the error for a fault that no module has made one of; no stack trace reaches a user, it is kept."""
    if isinstance(fault, ModuleNotFoundError) and str(fault.name).partition(".")[0] not in ("dbserver", "infra"):
        return DbServerError(
            f"the Python environment lacks {fault.name}",
            "tools/prepare; or ./scripts/start.sh, which prepares and starts",
        )
    if isinstance(fault, PermissionError) and ROOT in Path(str(fault.filename)).parents:
        return not_writable(ROOT, str(fault.filename))
    return DbServerError(unforeseen(fault), _report())


def _report() -> str:
    path = ROOT / ".state" / "last-error.txt"
    try:
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(traceback.format_exc())
    except OSError as fault:
        return f"report it; {path} could not be written: {fault.strerror}"
    return f"report it, with {path}"


def _wants_json(argv: list[str]) -> bool:
    """A command line that could not be parsed tells its form all the same."""
    return "--format=json" in argv or ("--format", "json") in pairwise(argv)
