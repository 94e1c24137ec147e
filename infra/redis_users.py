"""The users of Redis as a declared resource: everybody, or one fenced tenant per application.

It needs all others, so it is the first that `pulumi destroy` deletes: what refuses that stands here.
"""

from collections.abc import Sequence
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from dbserver.redis import access, convergence, server
from infra.deployment import refuse_destroying
from infra.server import Properties, ServerProvider, patiently, told


class RedisUsersProvider(ServerProvider):
    """Loads the users' rules; sees rules that were changed by hand."""

    # A state of before has the declared password too: it has to leave the rules that are in force.
    compared = ("container", "containerId", "adminUser", "adminPassword", "open", "fence", "tenants", "drift")

    def converge(self, props: Properties) -> Properties:
        """Write and load the rules."""
        running = server.Server(props["container"], props["adminUser"])
        before = convergence.rules_before(running)
        tenants = None if props["open"] else [access.Tenant(**tenant) for tenant in props["tenants"]]
        rules = access.rules(props["adminUser"], before.local_hash, tenants, before.known)
        loaded = convergence.apply_rules(running, before.text, rules, props["configDirectory"], props["image"])
        return {**props, "loaded": loaded, "drift": ""}

    def observe(self, props: Properties) -> Properties:
        """Return what differs from the rules that were loaded."""
        running = server.Server(props["container"], props["adminUser"])
        text, loaded = patiently(running.wait, lambda: server.loaded_rules(running))
        damaged = "" if access.is_whole(text) else f"{access.ACL_FILE} is gone or damaged"
        return {**props, "drift": damaged if loaded == props["loaded"] else "users were changed by hand"}

    def delete(self, _id: str, props: Properties) -> None:
        """Refuse while applications are connected: `destroy` begins here, so everything is as it was then."""
        told(_refuse_destroying, props)


def _refuse_destroying(props: Properties) -> Properties:
    refuse_destroying(props["container"], props["adminUser"])
    return props


class RedisUsers(Resource, module="db-server", name="RedisUsers"):
    """The users of Redis."""

    def __init__(self, resource_name: str, props: dict[str, Any], depends_on: Sequence[pulumi.Resource] = ()) -> None:
        options = pulumi.ResourceOptions(additional_secret_outputs=["tenants"], depends_on=list(depends_on))
        super().__init__(RedisUsersProvider(), resource_name, {**props, "drift": "", "loaded": None}, options)
