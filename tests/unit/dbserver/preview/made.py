"""Previews made for a test: steps as the engine prints them."""

import json
from typing import Any

from dbserver.preview.rule import APPLICATION, CONTAINER, NETWORK, POSTGRES, REDIS, Facts, Live, judge
from dbserver.preview.rules import RULES
from dbserver.preview.steps import parse
from dbserver.results.preview import Preview

DATA = {"postgres": "/var/lib/postgresql/data", "redis": "/data"}
KIND = {
    "postgres-server": POSTGRES,
    "redis-server": REDIS,
    "network": NETWORK,
    "postgres": CONTAINER,
    "redis": CONTAINER,
    "archive": CONTAINER,
}
SAFE = {"appendonly": "yes", "save": "3600 1", "maxmemory": "100"}


def container(server: str = "postgres", **changes: Any) -> dict[str, Any]:
    """Return a container's inputs, with changes; `labels`, `data` and `pgdata` are given plainly."""
    labels = {"com.database.version": "17", "com.database.image": "sha256:a", **changes.pop("labels", {})}
    mounts = changes.pop("mounts", {DATA[server]: f"/data/db-server/{server}"})
    return {
        "name": f"db-server-{server}",
        "image": f"{server}:17",
        "envs": [f"PGDATA={changes.pop('pgdata', DATA[server])}"],
        "labels": [{"label": label, "value": value} for label, value in labels.items()],
        "mounts": [
            {"type": "bind", "source": source, "target": target}
            for target, source in {**mounts, "/backups": "/srv/backups"}.items()
        ],
        "ports": [{"external": 5432, "internal": 5432, "ip": "127.0.0.1"}],
        "networksAdvanced": [{"name": "nginx-network"}],
        "memory": 1024,
        **changes,
    }


def archive(keep: str = "604800", how: str = "asynchronous", directory: str = "/srv/archive") -> dict[str, Any]:
    """Return the inputs of the archive's container."""
    command = ["-c", "the keeper", "archive", "dbadmin", keep, "86400", how]
    return {
        "name": "db-server-archive",
        "command": command,
        "mounts": [{"type": "bind", "source": directory, "target": "/archive"}],
    }


def step(op: str, name: str, old: dict[str, Any] | None, new: dict[str, Any] | None, kind: str = "") -> dict[str, Any]:
    """Return one step; what is no server, container or network is an application."""
    urn = f"urn:pulumi:STACK::db-server::{kind or KIND.get(name, APPLICATION)}::{name}"
    states = {"oldState": old, "newState": new}
    return {"op": op, "urn": urn, **{key: {"inputs": state} for key, state in states.items() if state is not None}}


def replaced(server: str = "postgres", **changes: Any) -> dict[str, Any]:
    """Return the step that replaces a container."""
    return step("replace", server, container(server), container(server, **changes))


def settings(server: str, old: dict[str, str], new: dict[str, str]) -> dict[str, Any]:
    """Return the step that changes a server's settings."""
    inputs = {"container": f"db-server-{server}", "adminUser": "dbadmin", "containerId": "c"}
    return step("update", f"{server}-server", {**inputs, "settings": old}, {**inputs, "settings": new})


def text(*steps: dict[str, Any], stack: str = "prod") -> str:
    """Return what the engine prints."""
    return json.dumps({"steps": steps}).replace("STACK", stack)


def judged(*steps: dict[str, Any], stack: str = "prod", live: Live | None = None, **allowed: str) -> Preview:
    """Return what a preview of these steps costs; a name to allow is written with `_` for `-` and `__` for `:`."""
    names = {name.replace("__", ":").replace("_", "-"): reason for name, reason in allowed.items()}
    return judge(Facts(parse(text(*steps, stack=stack)), live or Live()), RULES, names)


def costs(found: Preview) -> dict[str, str]:
    """Return name -> cost."""
    return {change.name: change.cost for change in found.changes}
