"""list, info, env, drop: the applications on the server."""

import json
from typing import Any

from dbserver import contract, engine, locks
from dbserver.applications import Application
from dbserver.declared import Declared
from dbserver.errors import CommandError, NotRunningError, RefusedError, UsageError
from dbserver.postgres import access, sql
from dbserver.postgres.server import Server
from dbserver.results import ApplicationInfo, Applications, Dropped, Environment


def registered(declared: Declared) -> list[Application]:
    """Return the applications that the server knows. Raises NotRunningError where it does not answer."""
    server = _server(declared)
    server.answer()
    try:
        rows = json.loads(server.query(access.REGISTERED, declared.admin))
    except CommandError as fault:
        if "does not exist" in fault.output:
            return []
        raise
    return [Application(**row) for row in rows]


def one(declared: Declared, name: str) -> Application:
    """Return an application by name. Raises UsageError with the known names."""
    known = registered(declared)
    for application in known:
        if application.name == name:
            return application
    raise unknown(name, [application.name for application in known])


def unknown(name: str, known: list[str]) -> UsageError:
    """Return the error for a name that nobody knows."""
    return UsageError(f"there is no application {name}", f"one of: {', '.join(sorted(known)) or 'none is declared'}")


def list_applications(declared: Declared) -> Applications:
    """Return every application with what it uses."""
    known = registered(declared)
    usage = _usage(declared, known)
    return Applications(declared.stack, tuple(_info(application, usage) for application in known))


def info(declared: Declared, name: str) -> ApplicationInfo:
    """Return one application with what it uses and its extensions."""
    application = one(declared, name)
    found = _info(application, _usage(declared, [application]))
    if not found.exists:
        return found
    extensions = json.loads(_server(declared).query(sql.EXTENSIONS, application.database))
    return found.with_extensions(tuple(extensions))


def environment(declared: Declared, name: str) -> Environment:
    """Return what an application needs to connect, from the stack's outputs."""
    engine.require()
    known = engine.outputs(declared.stack, secrets=True).get("applications")
    if not isinstance(known, dict):
        raise NotRunningError(f"stack {declared.stack} has no outputs yet", "./scripts/start.sh")
    if name not in known:
        raise unknown(name, list(known))
    return Environment(name, tuple(known[name].items()))


def drop(declared: Declared, name: str) -> Dropped:
    """Destroy an application's database and role; it must be declared no more and no client connected.

    Raises RefusedError where either does not hold.
    """
    with locks.held(engine.STATE / "locks", declared.stack, "drop"):
        application = one(declared, name)
        _refuse_declared(declared, application)
        found = _info(application, _usage(declared, [application]))
        if found.connections:
            hint = "stop its containers, then drop it"
            raise RefusedError(f"{found.connections} clients are connected to {application.database}", hint)
        _server(declared).query(access.drop(application), declared.admin)
    return Dropped(declared.stack, name, application.database, application.role, found.size_bytes)


def _refuse_declared(declared: Declared, application: Application) -> None:
    """Raise where an entry, under whatever name, declares the database or the role."""
    for name, (database, role) in declared.applications.items():
        if name == application.name or database == application.database or role == application.role:
            hint = f"remove the entry {name} from Pulumi.{declared.stack}.yaml, ./scripts/start.sh, then drop it"
            raise RefusedError(f"application {application.name} is declared (as {name})", hint)


def _server(declared: Declared) -> Server:
    return Server(declared.containers[contract.POSTGRES], declared.admin)


def _usage(declared: Declared, known: list[Application]) -> dict[str, dict[str, Any]]:
    names = [application.database for application in known]
    return dict(json.loads(_server(declared).query(sql.usage(names)))) if names else {}


def _info(application: Application, usage: dict[str, dict[str, Any]]) -> ApplicationInfo:
    used = usage.get(application.database)
    return ApplicationInfo(
        name=application.name,
        database=application.database,
        role=application.role,
        owner=used["owner"] if used else "",
        exists=used is not None,
        size_bytes=int(used["size"]) if used else 0,
        connections=int(used["connections"]) if used else 0,
        connection_limit=application.connections,
        redis_prefix=application.redis_prefix,
        redis_database=application.redis_database,
    )
