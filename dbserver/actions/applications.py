"""list, info, env, drop: the applications on the server."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from dbserver import contract, locks
from dbserver.applications import Application
from dbserver.applied.applications import applied
from dbserver.backups import making
from dbserver.backups.making import Wanted
from dbserver.backups.store import Store
from dbserver.declared import Declared
from dbserver.docker import containers, passwords
from dbserver.errors import DbServerError, RefusedError
from dbserver.postgres import access, remains, sql, swap
from dbserver.postgres.server import Server
from dbserver.registry import one, registered, variables
from dbserver.results.applications import ApplicationInfo, Applications, Doomed, Dropped, Environment

UNKNOWN = "docs/how-to/recover.md, 'A generated password is not known'"


def list_applications(declared: Declared) -> Applications:
    """Return every application with what it uses."""
    known = registered(declared)
    return Applications(declared.stack, _found(declared, known))


def info(declared: Declared, name: str) -> ApplicationInfo:
    """Return one application with what it uses and its extensions."""
    return _found(declared, [one(declared, name)])[0]


def environment(declared: Declared, name: str, *, host: bool = False) -> Environment:
    """Return what an application needs to connect, from the stack's outputs; `host`: where it runs on the host itself.

    Raises DbServerError where its password is not known, and the server is not declared to keep it: nothing that is
    printed would let it in.
    """
    found = variables(declared, name, host=host)
    if not found.get("DB_PASSWORD") and name not in declared.keeping:
        hint = f"give it, a new passwordVersion, or keepPassword: true: {UNKNOWN}"
        raise DbServerError(f"this stack does not know the password of application {name}; nothing is printed", hint)
    return Environment(name, tuple(found.items()))


def doomed(declared: Declared, name: str) -> Doomed:
    """Return what `drop` would destroy. Raises RefusedError where it would refuse: nobody is asked for nothing."""
    application = one(declared, name)
    found = _refused(declared, application)
    backups = Store(Path(declared.backup_directory), declared.backup_recipients).of(name)
    last = backups[-1].id if backups else ""
    return Doomed(declared.stack, name, application.database, application.role, found.size_bytes, last)


def drop(declared: Declared, name: str) -> Dropped:
    """Back up and then destroy an application's database and role; it must be declared no more, no client connected.

    What its restores have kept goes too: the role could not be dropped. Raises RefusedError where it is declared, was
    part of the last update, has clients or something elsewhere, DbServerError where the backup fails; then nothing is
    destroyed.
    """
    with locks.held(declared.stack, "drop"):
        application = one(declared, name)
        found = _refused(declared, application)
        with locks.held(f"{declared.stack}.{name}", "drop"):
            backup = _backed_up(declared, application) if found.exists else ""
            _forget_kept(declared, name)
            _server(declared).query(access.drop(application), declared.admin)
            _forget_passwords(declared, application)
    return Dropped(declared.stack, name, application.database, application.role, found.size_bytes, backup)


def _backed_up(declared: Declared, application: Application) -> str:
    wanted = Wanted(application.database, application.name, note="before it was dropped")
    return making.make(_server(declared), Store(Path(declared.backup_directory), declared.backup_recipients), wanted).id


def _forget_kept(declared: Declared, name: str) -> None:
    for database in _kept(declared, name):
        _server(declared).query(swap.forget(database), declared.admin)


def _forget_passwords(declared: Declared, application: Application) -> None:
    """After the role: until then it has one of them."""
    name = declared.containers[contract.POSTGRES]
    directory = contract.password_directory(declared.data_directory, application.role)
    passwords.forget(directory, containers.inspect([name])[name].image)


def _kept(declared: Declared, name: str) -> list[str]:
    known = json.loads(_server(declared).query(swap.REGISTRY + swap.registered(name), declared.admin))
    return [row["name"] for row in known]


def _refused(declared: Declared, application: Application) -> ApplicationInfo:
    """Raise RefusedError where it may not be dropped; else return what it uses."""
    _refuse_declared(declared, application)
    found = _info(application, _usage(declared, [application]))
    if found.connections:
        hint = "stop its containers, then drop it"
        raise RefusedError(f"{found.connections} clients are connected to {application.database}", hint)
    _refuse_remaining(declared, application)
    return found


def _refuse_declared(declared: Declared, application: Application) -> None:
    """Raise where an entry, under whatever name, declares the database or the role, or the last update had one."""
    name = _claiming(declared.applications, application)
    if name:
        hint = f"remove the entry {name} from Pulumi.{declared.stack}.yaml, ./scripts/start.sh, then drop it"
        raise RefusedError(f"application {application.name} is declared (as {name})", hint)
    name = _claiming(applied(declared.stack), application)
    if name:
        said = f"application {application.name} is part of the last update (as {name}); its entry is missing since"
        raise RefusedError(said, "if that is meant: ./scripts/start.sh, then drop it; else bring the entry back")


def _claiming(entries: Mapping[str, tuple[str, str]], application: Application) -> str:
    for name, (database, role) in entries.items():
        if name == application.name or database == application.database or role == application.role:
            return name
    return ""


def _refuse_remaining(declared: Declared, application: Application) -> None:
    """Raise where the role could not be dropped after its database, because of what it has elsewhere."""
    server, role = _server(declared), application.role
    going = [application.database, *_kept(declared, application.name)]
    found = json.loads(server.query(remains.elsewhere(role, going)))
    objects = list(found["shared"])
    for database in found["databases"]:
        objects += [f"{each} in database {database}" for each in json.loads(server.query(remains.here(role), database))]
    if objects:
        more = f" and {len(objects) - remains.AT_MOST} more" if len(objects) > remains.AT_MOST else ""
        said = f"role {role} owns, or has rights on: {', '.join(objects[: remains.AT_MOST])}{more}; nothing was changed"
        raise RefusedError(said, f"in each database: REASSIGN OWNED BY {role} TO its new owner; DROP OWNED BY {role}")


def _server(declared: Declared) -> Server:
    return Server(declared.containers[contract.POSTGRES], declared.admin)


def _usage(declared: Declared, known: list[Application]) -> dict[str, dict[str, Any]]:
    names = [application.database for application in known]
    return dict(json.loads(_server(declared).query(sql.usage(names)))) if names else {}


def _found(declared: Declared, known: list[Application]) -> tuple[ApplicationInfo, ...]:
    usage = _usage(declared, known)
    extensions = _extensions(declared, [each.database for each in known if each.database in usage])
    found = [_info(application, usage) for application in known]
    return tuple(replace(each, extensions=extensions.get(each.database)) if each.exists else each for each in found)


def _extensions(declared: Declared, databases: list[str]) -> dict[str, tuple[str, ...]]:
    """Return what is installed in each of these databases that tells."""
    found: dict[str, tuple[str, ...]] = {}
    while databases:
        said = _server(declared).attempt(sql.extensions(databases), declared.admin).stdout
        told = [json.loads(line) for line in said.splitlines()]
        found |= {database: tuple(names) for each in told for database, names in each.items()}
        databases = databases[len(told) + 1 :]
    return found


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
