"""An environment in the forms in which shells, files and pipelines take it. Pure, but for GitHub's own file."""

import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from dbserver.errors import UsageError

FORMS = ("dotenv", "shell", "json", "github")
PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,-]*")


def dotenv(variables: Mapping[str, str]) -> str:
    """Return NAME=value lines for dotenv libraries and `source`; in Docker's env files quotes stay."""
    return "\n".join(f"{name}={_quoted(value)}" for name, value in variables.items())


def shell(variables: Mapping[str, str]) -> str:
    """Return export statements for a POSIX shell."""
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items())


def as_json(variables: Mapping[str, str]) -> str:
    """Return one JSON object."""
    return json.dumps(variables, indent=2)


def github(variables: Mapping[str, str], file: Path) -> str:
    """Append to the file that GitHub Actions reads; return the commands that mask the secrets in its log.

    Raises UsageError where it cannot be written.
    """
    try:
        with file.open("a") as target:
            target.write("".join(f"{name}={value}\n" for name, value in variables.items()))
    except OSError as fault:
        why = f"GITHUB_ENV names {file}, which cannot be written: {fault.strerror}"
        raise UsageError(why, "use --format github in a GitHub Actions step only") from None
    secrets = [variables[name] for name in ("DB_PASSWORD", "DATABASE_URL", "REDIS_URL") if variables.get(name)]
    return "\n".join(f"::add-mask::{value.replace('%', '%25')}" for value in secrets)


def _quoted(value: str) -> str:
    if PLAIN.fullmatch(value):
        return value
    if "'" not in value:
        return f"'{value}'"
    escaped = re.sub(r'([\\"$`])', r"\\\1", value)
    return f'"{escaped}"'
