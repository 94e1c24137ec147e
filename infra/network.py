"""The network that the servers share with the applications.

It belongs to someone else: it is looked up, and made only where the stack
says `create: true`. Even then it is never deleted: other containers use it.
"""

from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider

from dbserver.docker import networks


class NetworkProvider(ResourceProvider):
    """Makes a network where it is missing; never removes one."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Return the network of this name, made or found."""
        return CreateResult(networks.create(props["name"]).id, {"name": props["name"]})

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Return the network, or nothing where it is gone."""
        found = networks.find(props["name"])
        return ReadResult(found.id, {"name": found.name}) if found else ReadResult("", {})

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """A new name is another network."""
        changed = olds.get("name") != news["name"]
        return DiffResult(changes=changed, replaces=["name"] if changed else [])


class SharedNetwork(Resource, module="db-server", name="Network"):
    """The declared network."""

    name: pulumi.Output[str]

    def __init__(self, resource_name: str, name: str) -> None:
        super().__init__(NetworkProvider(), resource_name, {"name": name})


@dataclass(frozen=True)
class Network:
    """The network's name, and the resources that containers on it wait for."""

    name: str
    needs: list[pulumi.Resource]


def create_network(name: str, *, create: bool) -> Network:
    """Declare the network, or just name the one that is there (preflight has seen it)."""
    return Network(name, [SharedNetwork("network", name)] if create else [])
