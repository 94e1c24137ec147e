"""A server's rendered files that are gone: what to do so that an update writes them again.

Docker starts no container whose directory is gone, a server does not start without its files, and one that runs sees
nothing of a directory that is made anew in the place of its own.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence

from dbserver import clients, contract, execute
from dbserver.declared import Declared
from dbserver.docker import containers, host
from dbserver.docker.containers import Container
from dbserver.postgres.settings import HBA_FILE
from dbserver.redis import access, commands

FILES: Mapping[str, Sequence[str]] = {
    contract.POSTGRES: (contract.CONFIG_FILE[contract.POSTGRES], HBA_FILE),
    contract.REDIS: (contract.CONFIG_FILE[contract.REDIS], access.ACL_FILE, access.ADMIN_FILE),
}
STRANGE = f"an {access.ADMIN_FILE} that lets in"
SECONDS = 30


def remove_those_without_files(declared: Declared, tell: Callable[[str], None], *, override: bool) -> None:
    """Remove the stack's containers whose rendered files are gone: the update creates them again, with new files.

    One that runs stays where the update can write them beside it; the local password of Redis it can where everybody
    may do everything.
    Raises RefusedError where it cannot and applications are connected, unless `override`.
    """
    going: dict[str, tuple[Container, str]] = {}
    for server, found in _ours(declared).items():
        gone = _gone(declared, server, found)
        if gone and not (found.running and _stays(declared, server, found, gone, tell)):
            going[server] = found, f"container {found.name} lacks {', '.join(gone)}"
    # Each is refused before the first is removed.
    for server, (found, why) in going.items():
        if found.running:
            clients.refuse_held(declared.servers([server]), override=override, doing=f"{why}, it has to be made anew: ")
    for found, why in going.values():
        if found.running:
            containers.stop(found.name)
        tell(f"{why}: removed, created again on the same data")
        containers.remove(found.name)


def _ours(declared: Declared) -> dict[str, Container]:
    there = containers.inspect(list(declared.containers.values()))
    found = {server: there[name] for server, name in declared.containers.items() if name in there}
    return {server: each for server, each in found.items() if each.belongs_to(declared.stack)}


def _gone(declared: Declared, server: str, found: Container) -> list[str]:
    names = list(FILES[server])
    if found.running:
        inside = contract.INNER_CONFIG[server]
        argv = ["docker", "exec", found.name, "sh", "-c", host.MISSING, "sh", inside, *names]
        gone = execute.run(argv, timeout=SECONDS, check=False).stdout.split()
        return gone if access.ADMIN_FILE in gone or not _is_locked_out(declared, server, found) else [*gone, STRANGE]
    if found.state not in ("exited", "created"):
        return []
    return host.missing_files(contract.config_directory(declared.data_directory, server), names, found.image)


def _stays(declared: Declared, server: str, found: Container, gone: Sequence[str], tell: Callable[[str], None]) -> bool:
    if len(gone) == len(FILES[server]):
        return False
    if access.ADMIN_FILE not in gone and STRANGE not in gone:
        return True
    given = _give_password(declared, found)
    if given:
        tell(f"the local password of {found.name} was gone or another: it has a new one, and runs on")
    return given


def _is_locked_out(declared: Declared, server: str, found: Container) -> bool:
    if server != contract.REDIS:
        return False
    asked = execute.run(commands.cli(found.name, declared.admin, "PING"), timeout=SECONDS, check=False)
    return "WRONGPASS" in asked.output


def _give_password(declared: Declared, found: Container) -> bool:
    """Give the administrator of a Redis that is open to everybody another local password; False where it is not."""
    password = secrets.token_urlsafe(access.LOCAL_PASSWORD_BYTES)
    rule = f"ACL SETUSER {declared.admin} #{access.hashed(password)}\n"
    argv = commands.tenant_cli(found.name, "", "0", [], terminal=False)
    if execute.run(argv, stdin=rule, timeout=SECONDS, check=False).stdout.strip() != "OK":
        return False
    directory = contract.config_directory(declared.data_directory, contract.REDIS)
    host.write_files(directory, {access.ADMIN_FILE: password}, found.image, private=[access.ADMIN_FILE])
    return True
