"""list, info, env, drop: the applications on the server."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from dbserver import advice, clients, contract, locks
from dbserver.applications import Application
from dbserver.applied.applications import applied
from dbserver.backups import making, replaced
from dbserver.backups.making import Wanted
from dbserver.backups.store import Store
from dbserver.declared import Declared
from dbserver.docker import containers, passwords
from dbserver.errors import DbServerError, RefusedError
from dbserver.postgres import access, collations, remains, sql, swap
from dbserver.postgres.server import Server
from dbserver.redis import keys
from dbserver.redis.server import Server as Redis
from dbserver.registry import one, registered, variables
from dbserver.results.applications import ApplicationInfo, Applications, Doomed, Dropped, Environment

# How long Redis may be walked over: for a table of all, and for one that somebody asks for.
LIST_SECONDS, INFO_SECONDS = 1.0, 30.0
UNKNOWN = "docs/how-to/recover.md, 'A generated password is not known'"


def list_applications(declared: Declared) -> Applications:
    """Return every application with what it uses."""
    known = registered(declared)
    entries = set(declared.applications.values())
    found = _found(declared, known, LIST_SECONDS)
    found = [replace(each, declared=(each.database, each.role) in entries) for each in found]
    return Applications(declared.stack, tuple(found), tuple(_advice(declared)))


def info(declared: Declared, name: str) -> ApplicationInfo:
    """Return one application with what it uses and its extensions."""
    return _found(declared, [one(declared, name)], INFO_SECONDS)[0]


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
            _take_rights(declared, application)
            _server(declared).query(access.drop(application), declared.admin)
            _forget_passwords(declared, application)
    return Dropped(declared.stack, name, application.database, application.role, found.size_bytes, backup)


def _advice(declared: Declared) -> Iterator[str]:
    found = containers.inspect(list(declared.containers.values()))
    for server, name in declared.containers.items():
        if name in found:
            yield from advice.of_container(server, found[name], int(found[name].oom_killed))
    postgres = declared.containers[contract.POSTGRES]
    said = json.loads(_server(declared).query(f"{collations.FIND}SELECT :collations;\n"))
    yield from advice.of_collations(postgres, declared.admin, [row["name"] for row in said])


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
        said = f"{found.connections} clients are connected to {application.database}"
        raise RefusedError(f"{said}{_who(declared, application)}", hint)
    _refuse_remaining(declared, application)
    return found


def _who(declared: Declared, application: Application) -> str:
    """Return who is connected to an application's database, as far as the server tells."""
    known = clients.find(declared.servers([contract.POSTGRES])).clients
    theirs = [client for client in known if client.application == application.name]
    shown = [f"{each.shown} {each.address}".strip() + f", {each.total} as {each.application}" for each in theirs]
    return f": {'; '.join(shown)}" if shown else ""


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
        said = f"role {role} owns: {', '.join(objects[: remains.AT_MOST])}{more}; nothing was changed"
        raise RefusedError(said, f"in each database: REASSIGN OWNED BY {role} TO its new owner; DROP OWNED BY {role}")


def _take_rights(declared: Declared, application: Application) -> None:
    """Take what others have granted to the role, in their databases and on what belongs to none."""
    server, role = _server(declared), application.role
    found = json.loads(server.query(remains.elsewhere(role, [application.database])))
    for database in (*found["databases"], declared.admin):
        server.query(remains.take_rights(role), database)


def _redis(declared: Declared) -> Redis:
    return Redis(declared.containers[contract.REDIS], declared.admin)


def _server(declared: Declared) -> Server:
    return Server(declared.containers[contract.POSTGRES], declared.admin)


def _usage(declared: Declared, known: list[Application]) -> dict[str, dict[str, Any]]:
    names = [application.database for application in known]
    return dict(json.loads(_server(declared).query(sql.usage(names)))) if names else {}


def _found(declared: Declared, known: list[Application], seconds: float) -> list[ApplicationInfo]:
    usage = _usage(declared, known)
    told = _server(declared).in_each([each.database for each in known if each.database in usage], sql.INSTALLED)
    extensions = {database: tuple(names) for database, names in told.items()}
    kept = replaced.names(_server(declared)) if known else {}
    found = [replace(_info(each, usage), kept=tuple(kept.get(each.name, ()))) for each in known]
    found = [replace(each, extensions=extensions.get(each.database)) if each.exists else each for each in found]
    in_redis = keys.used(_redis(declared), {each.name: each.redis_prefixes for each in known}, seconds)
    return [_with_keys(each, in_redis) for each in found]


def _with_keys(found: ApplicationInfo, in_redis: Mapping[str, keys.Use]) -> ApplicationInfo:
    used = in_redis.get(found.name)
    return replace(found, redis_keys=used.keys, redis_bytes=used.size) if used and found.redis_prefixes else found


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
        redis_prefixes=application.redis_prefixes,
        redis_database=application.redis_database,
    )
