"""The users of Redis as a declared resource: everybody, or one fenced tenant per application."""

from typing import Any

import pulumi
from pulumi.dynamic import Resource

from dbserver.redis import access, server
from infra.server import Properties, ServerProvider, patiently


class RedisUsersProvider(ServerProvider):
    """Loads the users' rules; sees rules that were changed by hand."""

    # A state of before has the declared password too: it has to leave the rules that are in force.
    compared = ("container", "containerId", "adminUser", "adminPassword", "open", "fence", "tenants", "drift")

    def converge(self, props: Properties) -> Properties:
        """Write and load the rules."""
        running = server.Server(props["container"], props["adminUser"])
        before = server.rules_before(running)
        tenants = None if props["open"] else [access.Tenant(**tenant) for tenant in props["tenants"]]
        rules = access.rules(props["adminUser"], before.local_hash, tenants, before.known)
        loaded = server.apply_rules(running, before.text, rules, props["configDirectory"], props["image"])
        return {**props, "loaded": loaded, "drift": ""}

    def observe(self, props: Properties) -> Properties:
        """Return what differs from the rules that were loaded."""
        running = server.Server(props["container"], props["adminUser"])
        same = patiently(running.wait, lambda: server.loaded_rules(running)) == props["loaded"]
        return {**props, "drift": "" if same else "users were changed by hand"}


class RedisUsers(Resource, module="db-server", name="RedisUsers"):
    """The users of Redis."""

    def __init__(self, resource_name: str, props: dict[str, Any]) -> None:
        options = pulumi.ResourceOptions(additional_secret_outputs=["tenants"])
        super().__init__(RedisUsersProvider(), resource_name, {**props, "drift": "", "loaded": None}, options)
