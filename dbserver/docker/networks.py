"""Networks: the shared one is looked up, and made only where the stack says so."""

import json
from dataclasses import dataclass

from dbserver import execute
from dbserver.docker.containers import ANSWER_SECONDS, daemon_error


@dataclass(frozen=True)
class Network:
    """A Docker network."""

    name: str
    id: str
    driver: str
    gateways: tuple[str, ...]


def find(name: str) -> Network | None:
    """Return the network of this name. Raises NotRunningError where the daemon does not answer."""
    shown = execute.run(["docker", "network", "inspect", name], check=False, timeout=ANSWER_SECONDS)
    if not shown.succeeded:
        if "no such network" in shown.stderr.lower() or "not found" in shown.stderr.lower():
            return None
        raise daemon_error(shown.output)
    entry = json.loads(shown.stdout)[0]
    configs = (entry.get("IPAM") or {}).get("Config") or []
    gateways = tuple(config["Gateway"] for config in configs if config.get("Gateway"))
    return Network(entry["Name"], entry["Id"], entry["Driver"], gateways)


def create(name: str) -> Network:
    """Make a bridge network of this name, or return the one that exists."""
    existing = find(name)
    if existing:
        return existing
    execute.run(["docker", "network", "create", "--driver", "bridge", name], timeout=ANSWER_SECONDS)
    return create(name)
