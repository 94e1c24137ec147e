"""Redis as a declared resource: it answers, with these settings."""

from typing import Any

import pulumi
from pulumi.dynamic import Resource

from dbserver import contract
from dbserver.docker import certificate
from dbserver.redis import convergence, server, settings
from infra.server import Properties, ServerProvider, certificate_found, patiently


class RedisProvider(ServerProvider):
    """Waits until Redis answers and brings its settings and its certificate in line while it runs."""

    compared = (*ServerProvider.compared, "certificate")

    def converge(self, props: Properties) -> Properties:
        """Bring the server to what is declared and return the outputs."""
        running = server.Server(props["container"], props["adminUser"])
        version = running.wait()["redis_version"]
        pem = props.get("certificate")
        if pem and not certificate.in_place(running.container, contract.REDIS, pem):
            certificate.write(props["configDirectory"], pem, props["image"], contract.REDIS)
        convergence.apply_settings(running, props["settings"], props["configDirectory"], props["image"])
        if pem:
            convergence.load_certificate(running)
        return {**props, "version": version}

    def observe(self, props: Properties) -> Properties:
        """Return the settings in force, none where its file has others, and no certificate where it has another one."""
        running = server.Server(props["container"], props["adminUser"])
        found = patiently(running.wait, lambda: server.actual_settings(running, props["settings"]))
        if server.file_text(running, contract.CONFIG_FILE[contract.REDIS]) != settings.render(props["settings"]):
            found = {}
        return {**props, "settings": found, **certificate_found(props, contract.REDIS)}


class RedisServer(Resource, module="db-server", name="RedisServer"):
    """Redis as it runs: it answers, with these settings."""

    container: pulumi.Output[str]
    version: pulumi.Output[str]

    def __init__(self, resource_name: str, props: dict[str, Any], opts: pulumi.ResourceOptions) -> None:
        super().__init__(RedisProvider(), resource_name, {**props, "version": None}, opts)
