"""An environment in the forms in which shells, files and pipelines take it. Pure, but for GitHub's own file."""

import json
import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from dbserver.applications import secrets
from dbserver.errors import UsageError

FORMS = ("dotenv", "shell", "json", "docker", "github")
# A shell splits, expands or drops all others; to Node's readers a # begins a comment.
PLAIN = re.compile(r"[A-Za-z0-9!%*+,./:=?@\[\]^_{}-]*")
OTHER_FORMS = "--format shell, to evaluate or source; docker, for docker run --env-file alone; or json"


def printed(variables: Mapping[str, str], form: str) -> str:
    """Return an environment in one of the forms. Raises UsageError where it has none."""
    if form == "github":
        if not os.environ.get("GITHUB_ENV"):
            raise UsageError("GITHUB_ENV is not set", "use --format github in a GitHub Actions step only")
        return github(variables, Path(os.environ["GITHUB_ENV"]))
    return {"dotenv": dotenv, "shell": shell, "json": as_json, "docker": docker}[form](variables)


def field(variables: Mapping[str, str], name: str, form: str) -> str:
    """Return one value alone. Raises UsageError with the known names, and for a form of whole environments."""
    if name not in variables:
        raise UsageError(f"there is no field {name}", f"one of: {', '.join(variables)}")
    if form not in ("dotenv", "json"):
        raise UsageError(f"--field prints one value alone, --format {form} all of them", "leave --format out, or json")
    return json.dumps(variables[name]) if form == "json" else variables[name]


def dotenv(variables: Mapping[str, str]) -> str:
    """Return NAME=value lines that mean the same to a shell, dotenv libraries, compose and Docker's --env-file.

    Docker takes quotes for a part of the value, so there are none. Raises UsageError where a value would need them.
    """
    odd = [name for name, value in variables.items() if not PLAIN.fullmatch(value)]
    if odd:
        said = f"{', '.join(odd)}: the readers of a dotenv file would not agree on its characters"
        raise UsageError(said, OTHER_FORMS)
    return docker(variables)


def shell(variables: Mapping[str, str]) -> str:
    """Return export statements for a POSIX shell."""
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items())


def as_json(variables: Mapping[str, str]) -> str:
    """Return one JSON object."""
    return json.dumps(variables, indent=2)


def docker(variables: Mapping[str, str]) -> str:
    """Return NAME=value lines in which every character stands for itself, as `docker run --env-file` reads them."""
    return "\n".join(f"{name}={value}" for name, value in variables.items())


def github(variables: Mapping[str, str], file: Path) -> str:
    """Append to the file that GitHub Actions reads; return the commands that mask the secrets in its log.

    Raises UsageError where it cannot be written.
    """
    try:
        with file.open("a") as target:
            target.write(docker(variables) + "\n")
    except OSError as fault:
        why = f"GITHUB_ENV names {file}, which cannot be written: {fault.strerror}"
        raise UsageError(why, "use --format github in a GitHub Actions step only") from None
    return "\n".join(f"::add-mask::{value.replace('%', '%25')}" for value in secrets(variables))
