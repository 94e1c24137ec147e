"""status: what runs, and what each server answers to a real query."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from dbserver import contract
from dbserver.declared import Declared
from dbserver.docker import containers
from dbserver.docker.containers import Container
from dbserver.errors import DbServerError
from dbserver.postgres.server import Server as Postgres
from dbserver.redis.server import Server as Redis
from dbserver.results import ServerStatus, Status


def status(declared: Declared) -> Status:
    """Return the state of both servers. Raises NotRunningError where the daemon does not answer."""
    found = containers.inspect(list(declared.containers.values()))
    with ThreadPoolExecutor() as pool:
        servers = pool.map(lambda server: _server(declared, server, found), contract.SERVERS)
        return Status(declared.stack, tuple(servers))


def _server(declared: Declared, server: str, found: dict[str, Container]) -> ServerStatus:
    name = declared.containers[server]
    container = found.get(name)
    answers, version, fault = _ask(declared, server, container)
    return ServerStatus(
        server=server,
        container=name,
        state=container.state if container else "missing",
        health=container.health if container else "",
        answers=answers,
        version=version,
        address=f"{name}:{contract.INNER_PORT[server]}",
        published=_published(container),
        image=container.image if container else "",
        data=container.mounts.get(contract.INNER_DATA[server], "") if container else "",
        fault=fault,
    )


def _ask(declared: Declared, server: str, container: Container | None) -> tuple[str, str, str]:
    """Return answer, version and fault."""
    if container is None:
        return "", "", f"container {declared.containers[server]} does not exist"
    if not container.running:
        killed = ", killed for lack of memory" if container.oom_killed else ""
        return "", "", f"container is {container.state} (exit code {container.exit_code}{killed})"
    try:
        return *ASK[server](declared), ""
    except DbServerError as fault:
        return "", "", fault.message


def _ask_postgres(declared: Declared) -> tuple[str, str]:
    answer = Postgres(declared.containers[contract.POSTGRES], declared.admin).answer()
    return f"{answer['connections']} of {answer['max_connections']} connections", answer["version"].split()[0]


def _ask_redis(declared: Declared) -> tuple[str, str]:
    return "PONG", Redis(declared.containers[contract.REDIS], declared.admin).answer()["redis_version"]


ASK: dict[str, Callable[[Declared], tuple[str, str]]] = {
    contract.POSTGRES: _ask_postgres,
    contract.REDIS: _ask_redis,
}


def _published(container: Container | None) -> str:
    return ", ".join(f"{address}:{port}" for address, port in container.published.values()) if container else ""
