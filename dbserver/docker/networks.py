"""Networks: the shared one is looked up, and made only where the stack says so."""

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from dbserver import execute
from dbserver.docker import daemon
from dbserver.docker.containers import ANSWER_SECONDS

ADDRESSES = ("IPv4Address", "IPv6Address")


@dataclass(frozen=True)
class Network:
    """A Docker network. `members` is address -> container, for those that run."""

    name: str
    id: str
    driver: str
    gateways: tuple[str, ...]
    members: Mapping[str, str] = field(default_factory=dict)


def find(name: str) -> Network | None:
    """Return the network of this name. Raises NotRunningError where the daemon does not answer."""
    shown = execute.run(["docker", "network", "inspect", name], check=False, timeout=ANSWER_SECONDS)
    if not shown.succeeded:
        if "no such network" in shown.stderr.lower() or "not found" in shown.stderr.lower():
            return None
        raise daemon.refused(shown.output)
    entry = json.loads(shown.stdout)[0]
    configs = (entry.get("IPAM") or {}).get("Config") or []
    gateways = tuple(_gateway(config) for config in configs if config.get("Subnet") or config.get("Gateway"))
    return Network(entry["Name"], entry["Id"], entry["Driver"], gateways, _members(entry.get("Containers") or {}))


def _gateway(config: Mapping[str, str]) -> str:
    """Return a network's gateway; Docker names none that it chose itself where the subnet was given: its first one."""
    if config.get("Gateway"):
        return config["Gateway"]
    subnet = ipaddress.ip_network(config["Subnet"])
    handed_out = ipaddress.ip_network(config.get("IPRange") or subnet)
    first = handed_out.network_address
    return str(first + 1 if first == subnet.network_address else first)


def _members(containers: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    addresses = [(each.get(key, ""), each["Name"]) for each in containers.values() for key in ADDRESSES]
    return {address.partition("/")[0]: name for address, name in addresses if address}


def create(name: str) -> Network:
    """Make a bridge network of this name, or return the one that exists."""
    existing = find(name)
    if existing:
        return existing
    execute.run(["docker", "network", "create", "--driver", "bridge", name], timeout=ANSWER_SECONDS)
    return create(name)
