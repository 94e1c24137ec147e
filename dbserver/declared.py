"""What a stack's configuration file declares, read without Pulumi.

Operations have to work where Pulumi is absent or its state is locked, so they
read the same file. The program's pydantic models judge it; here a value that
is missing is the default and nothing is validated.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from dbserver import contract
from dbserver.applications import default_database
from dbserver.errors import UsageError

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Declared:
    """The names that operations need. `applications` is name -> database and role."""

    stack: str
    network: str
    create_network: bool
    data_directory: str
    admin: str
    containers: dict[str, str]
    images: dict[str, str]
    stand_ins: bool
    applications: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def selected_stack(wanted: str | None = None) -> str:
    """Return the stack by flag, else PULUMI_STACK, else the one selected in this directory, else dev."""
    return wanted or os.environ.get("PULUMI_STACK") or workspace_stack() or contract.DEFAULT_STACK


def workspace_stack() -> str | None:
    """Return what `pulumi stack select` stored: workspaces/<project>-<sha1 of Pulumi.yaml's path>-workspace.json."""
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    digest = hashlib.sha1(str(ROOT / "Pulumi.yaml").encode(), usedforsecurity=False).hexdigest()
    try:
        stored = json.loads((home / "workspaces" / f"{contract.PROJECT}-{digest}-workspace.json").read_text())
        return str(stored["stack"]).rpartition("/")[2] or None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read(stack: str) -> Declared:
    """Return what Pulumi.<stack>.yaml declares. Raises UsageError for a file that is missing or no YAML."""
    path = ROOT / f"Pulumi.{stack}.yaml"
    try:
        content = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        known = ", ".join(sorted(file.suffixes[0].strip(".") for file in ROOT.glob("Pulumi.*.yaml")))
        raise UsageError(f"stack {stack} has no configuration: {path.name} is missing", f"one of: {known}") from None
    except yaml.YAMLError as fault:
        raise UsageError(f"{path.name} is no valid YAML: {fault}", "correct the file") from None
    values = _section(content, "config")
    network = _section(values, f"{contract.PROJECT}:network")
    servers = {server: _section(values, f"{contract.PROJECT}:{server}") for server in contract.SERVERS}
    return Declared(
        stack=stack,
        network=str(network.get("name", contract.DEFAULT_NETWORK)),
        create_network=network.get("create") in (True, "true"),
        data_directory=str(values.get(f"{contract.PROJECT}:dataDirectory", contract.DEFAULT_DATA_DIRECTORY)),
        admin=str(servers[contract.POSTGRES].get("adminUser", contract.DEFAULT_ADMIN)),
        containers={s: str(servers[s].get("containerName", contract.DEFAULT_CONTAINER[s])) for s in contract.SERVERS},
        images={s: str(servers[s].get("image", contract.DEFAULT_IMAGE[s])) for s in contract.SERVERS},
        stand_ins=values.get(f"{contract.PROJECT}:standIns") in (True, "true"),
        applications=_applications(values.get(f"{contract.PROJECT}:applications")),
    )


def _applications(entries: Any) -> dict[str, tuple[str, str]]:
    """Return name -> database and role."""
    known = {}
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and "name" in entry:
            database = str(entry.get("database") or default_database(str(entry["name"])))
            known[str(entry["name"])] = database, str(entry.get("role") or database)
    return known


def _section(values: Any, key: str) -> dict[str, Any]:
    section = values.get(key) if isinstance(values, dict) else None
    return section if isinstance(section, dict) else {}
