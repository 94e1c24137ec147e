"""PostgreSQL as a declared resource: it answers, with these settings and this administrator."""

from typing import Any

import pulumi
from pulumi.dynamic import Resource

from dbserver.postgres import server
from dbserver.postgres.scram import matches
from infra.server import Properties, ServerProvider


class PostgresProvider(ServerProvider):
    """Waits until PostgreSQL answers, sets the administrator's password, applies the settings."""

    compared = (*ServerProvider.compared, "adminUser", "adminPassword", "network")

    def converge(self, props: Properties) -> Properties:
        """Bring the server to what is declared and return the outputs."""
        running = server.Server(props["container"], props["adminUser"])
        running.wait()
        return {**props, "version": server.converge(running, _declared(props))}

    def observe(self, props: Properties) -> Properties:
        """Return the settings in force, and no password where the server has another one."""
        running = server.Server(props["container"], props["adminUser"])
        current = matches(server.state(running, props["settings"])["verifier"], props["adminPassword"])
        return {
            **props,
            "settings": server.actual_settings(running, props["settings"], props["network"]),
            "adminPassword": props["adminPassword"] if current else "",
        }


def _declared(props: Properties) -> server.Declared:
    return server.Declared(
        password=props["adminPassword"],
        settings=props["settings"],
        network=props["network"],
        directory=props["configDirectory"],
        image=props["image"],
    )


class PostgresServer(Resource, module="db-server", name="PostgresServer"):
    """PostgreSQL as it runs: it answers, with these settings and this administrator."""

    container: pulumi.Output[str]
    version: pulumi.Output[str]

    def __init__(self, resource_name: str, props: dict[str, Any], opts: pulumi.ResourceOptions) -> None:
        super().__init__(PostgresProvider(), resource_name, {**props, "version": None}, opts)
