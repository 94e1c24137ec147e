"""At the end of an update the servers stand: the engine does not look for containers that it has nothing to do with."""

from collections.abc import Mapping

import pulumi

from dbserver import contract
from dbserver.docker import containers
from dbserver.docker.containers import Container
from dbserver.errors import DbServerError
from dbserver.readiness import wait_until
from dbserver.settings.model import Settings
from infra.preflight import READY

# Without a refresh the engine takes a container that is gone for one that is there.
WAY_OUT = "./scripts/start.sh, or pulumi up --refresh"


def faults(settings: Settings) -> list[str]:
    """Return which containers of the stack are not there, and which servers do not run or do not answer."""
    names = _names(settings)
    found = containers.inspect(list(names.values()))
    return [fault for server, name in names.items() if (fault := _fault(server, name, found.get(name)))]


def foretell(settings: Settings, ids: Mapping[str, str | None]) -> None:
    """Warn in a preview of those that are gone and that an update will not make.

    `ids` are those that the state has: None for a container that an update makes.
    """
    names = [name for server, name in _names(settings).items() if ids.get(server)]
    found = containers.inspect(names) if names else {}
    for name in names:
        if name not in found:
            pulumi.log.warn(f"{_gone(name)}, and `up` does not make it: {WAY_OUT}")


def _names(settings: Settings) -> dict[str, str]:
    archive = {contract.ARCHIVE: settings.archive.container_name} if settings.archive.enabled else {}
    servers = {contract.POSTGRES: settings.postgres.container_name, contract.REDIS: settings.redis.container_name}
    return servers | archive


def _gone(name: str) -> str:
    return f"container {name} is not there, though the state has it"


def _fault(server: str, name: str, container: Container | None) -> str:
    if container is None:
        return _gone(name)
    if server == contract.ARCHIVE:
        return ""  # it waits for its server, and starts again when that goes
    if not container.running:
        return f"container {name} is {container.state}"
    if container.health == "healthy":
        return ""
    try:
        wait_until(name, READY[server](name))
    except DbServerError as fault:
        return fault.message
    return ""
