"""The applications: those that the server knows, and what the stack gives them."""

from dbserver import clients, contract, engine
from dbserver.applications import Application
from dbserver.declared import Declared
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


def variables(declared: Declared, name: str) -> dict[str, str]:
    """Return what an application needs to connect, from the stack's outputs; passwords included.

    Raises UsageError with the known names, NotRunningError where the stack has no outputs yet.
    """
    engine.require()
    known = engine.outputs(declared.stack, secrets=True).get("applications")
    if not isinstance(known, dict):
        raise NotRunningError(f"stack {declared.stack} has no outputs yet", "./scripts/start.sh")
    if name not in known:
        raise clients.unknown(name, list(known))
    return dict(known[name])
