"""PostgreSQL as a declared resource: it answers, with these settings and this administrator."""

from collections.abc import Sequence
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from dbserver import contract
from dbserver.postgres import convergence
from dbserver.postgres.scram import matches
from dbserver.postgres.server import Server
from infra.deployment import refuse_disconnecting
from infra.server import Properties, ServerProvider, certificate_found, patiently


class PostgresProvider(ServerProvider):
    """Waits until PostgreSQL answers, sets the administrator's password, applies the settings."""

    compared = (*ServerProvider.compared, "adminUser", "adminPassword", "network", "certificate")

    def converge(self, props: Properties) -> Properties:
        """Bring the server to what is declared and return the outputs."""
        running = Server(props["container"], props["adminUser"])
        running.wait()

        def before_restart(needing: Sequence[str]) -> None:
            names, doing = {contract.POSTGRES: running.container}, f"{', '.join(needing)} takes a restart: "
            refuse_disconnecting(names, props["network"], running.admin, doing)

        return {**props, "version": convergence.converge(running, _declared(props), before_restart)}

    def observe(self, props: Properties) -> Properties:
        """Return the settings in force, and no password or certificate where the server has another one."""
        running = Server(props["container"], props["adminUser"])
        found = patiently(running.wait, lambda: convergence.state(running, props["settings"]))
        current = matches(found["verifier"], props["adminPassword"])
        return {
            **props,
            **certificate_found(props, contract.POSTGRES),
            "settings": convergence.actual_settings(found, props["settings"], running.admin, props["network"]),
            "adminPassword": props["adminPassword"] if current else "",
        }


def _declared(props: Properties) -> convergence.Declared:
    return convergence.Declared(
        password=props["adminPassword"],
        settings=props["settings"],
        network=props["network"],
        directory=props["configDirectory"],
        image=props["image"],
        certificate=props.get("certificate", ""),
    )


class PostgresServer(Resource, module="db-server", name="PostgresServer"):
    """PostgreSQL as it runs: it answers, with these settings and this administrator."""

    container: pulumi.Output[str]
    version: pulumi.Output[str]

    def __init__(self, resource_name: str, props: dict[str, Any], opts: pulumi.ResourceOptions) -> None:
        super().__init__(PostgresProvider(), resource_name, {**props, "version": None}, opts)
