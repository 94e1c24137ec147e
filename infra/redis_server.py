"""Redis as a declared resource: it answers, with these settings."""

from typing import Any

import pulumi
from pulumi.dynamic import Resource

from dbserver.redis import server
from infra.server import Properties, ServerProvider


class RedisProvider(ServerProvider):
    """Waits until Redis answers and brings its settings in line while it runs."""

    def converge(self, props: Properties) -> Properties:
        """Bring the server to what is declared and return the outputs."""
        running = server.Server(props["container"], props["adminUser"])
        version = running.wait()["redis_version"]
        server.apply_settings(running, props["settings"], props["configDirectory"], props["image"])
        return {**props, "version": version}

    def observe(self, props: Properties) -> Properties:
        """Return the settings in force."""
        return {
            **props,
            "settings": server.actual_settings(
                server.Server(props["container"], props["adminUser"]), props["settings"]
            ),
        }


class RedisServer(Resource, module="db-server", name="RedisServer"):
    """Redis as it runs: it answers, with these settings."""

    container: pulumi.Output[str]
    version: pulumi.Output[str]

    def __init__(self, resource_name: str, props: dict[str, Any]) -> None:
        super().__init__(RedisProvider(), resource_name, {**props, "version": None})
