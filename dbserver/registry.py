"""The applications: those that the server knows, and what the stack gives them."""

from dbserver import clients, contract
from dbserver.applications import Application, on_host
from dbserver.declared import Declared
from dbserver.engine import command
from dbserver.errors import NotRunningError
from dbserver.postgres import registry as entries
from dbserver.postgres.server import Server


def registered(declared: Declared) -> list[Application]:
    """Return the applications that the server knows. Raises NotRunningError where it does not answer."""
    server = Server(declared.containers[contract.POSTGRES], declared.admin)
    server.answer()
    return entries.parse(server.query(entries.listed(declared.admin)))


def one(declared: Declared, name: str) -> Application:
    """Return an application by name. Raises UsageError with the known names."""
    known = registered(declared)
    for application in known:
        if application.name == name:
            return application
    raise clients.unknown(name, [application.name for application in known])


def variables(declared: Declared, name: str, *, host: bool = False) -> dict[str, str]:
    """Return what an application needs to connect, from the stack's outputs; passwords included.

    It comes from the network, or with `host` from the Docker host itself. Raises UsageError with the known names,
    NotRunningError where the stack has no outputs yet.
    """
    command.require()
    outputs = command.outputs(declared.stack, secrets=True)
    known = outputs.get("applications")
    if not isinstance(known, dict):
        raise NotRunningError(f"stack {declared.stack} has no outputs yet", "./scripts/start.sh")
    if name not in known:
        raise clients.unknown(name, list(known))
    if not host:
        return dict(known[name])
    servers = {server: outputs[server] for server in contract.SERVERS}
    published = {server: (each["publishedAddress"], each["publishedPort"]) for server, each in servers.items()}
    return on_host(known[name], published, outputs.get("tls", {}).get("servers", ()))
