"""What Docker tells of containers, networks and images, without what changes by itself. Pure."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

# Of a container's network: addresses and endpoints are others after each start.
ENDPOINT = ("NetworkID", "Aliases", "IPAMConfig", "Links", "DriverOpts")
NETWORK = ("Id", "Name", "Driver", "Scope", "Internal", "Attachable", "EnableIPv6", "IPAM", "Options", "Labels")


def containers(inspected: Sequence[Mapping[str, Any]]) -> str:
    """Return containers as they were made and changed, with whether they run; without what each start sets anew."""
    return _canonical([_container(each) for each in inspected])


def networks(inspected: Sequence[Mapping[str, Any]]) -> str:
    """Return networks without their members."""
    return _canonical([{key: each.get(key) for key in NETWORK} for each in inspected])


def images(inspected: Sequence[Mapping[str, Any]]) -> str:
    """Return which images the names stand for that were asked for, in their order; other names come and go."""
    return _canonical([each["Id"] for each in inspected])


def _container(found: Mapping[str, Any]) -> dict[str, Any]:
    attached = found["NetworkSettings"]["Networks"] or {}
    return {
        "id": found["Id"],
        "image": found["Image"],
        "state": found["State"]["Status"],
        "config": found["Config"],
        "host": found["HostConfig"],
        "mounts": sorted(_canonical(mount) for mount in found["Mounts"]),
        "networks": {name: {key: each.get(key) for key in ENDPOINT} for name, each in attached.items()},
    }


def _canonical(found: Any) -> str:
    return json.dumps(found, sort_keys=True)
