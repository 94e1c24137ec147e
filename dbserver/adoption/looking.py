"""Looks at a running installation; changes nothing."""

import json
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from dbserver import cleaning, contract, execute
from dbserver.adoption.found import DERIVED, Database, Installation, Postgres, Redis
from dbserver.docker import containers, images, networks
from dbserver.docker.containers import Container
from dbserver.errors import CommandError, NotRunningError, UsageError
from dbserver.postgres import adoption, properties
from dbserver.postgres.server import Server
from dbserver.redis.foreign import Foreign, pairs

PASSWORD_ARGUMENT = "--requirepass"  # noqa: S105  a name
# The official image's own default.
IMAGE_ADMIN = "postgres"


@dataclass(frozen=True)
class Where:
    """What the operator says of it: names of containers, the network (or nothing), Redis' password (or nothing)."""

    postgres: str
    redis: str
    network: str = ""
    redis_password: str = ""


def look(where: Where) -> Installation:
    """Return what is there. Raises NotRunningError for what does not run or answer, UsageError for what is a stack's.

    UsageError too where several networks could be meant.
    """
    found = containers.inspect([where.postgres, where.redis])
    for name in (where.postgres, where.redis):
        _refuse(name, found.get(name))
    network = networks.find(where.network or _network(found.values()))
    if network is None:
        raise UsageError(f"there is no network {where.network}", "docker network ls")
    with ThreadPoolExecutor() as pool:
        postgres = pool.submit(look_at_postgres, found[where.postgres])
        redis = pool.submit(look_at_redis, found[where.redis], where.redis_password)
        return Installation(postgres.result(), redis.result(), network.name, network.gateways)


def look_at_postgres(container: Container) -> Postgres:
    """Return what PostgreSQL says, asked through its socket."""
    admin = container.environment.get("POSTGRES_USER", IMAGE_ADMIN)
    server = Server(container.name, admin)
    try:
        told = json.loads(server.query(adoption.server(DERIVED)))
        databases = [_database(server, name) for name in told["databases"]]
    except CommandError as fault:
        hint = f"docker exec -it {container.name} psql -U {admin} has to come in without a password"
        raise NotRunningError(f"{container.name} does not let {admin} in: {fault.output}", hint) from None
    return Postgres(container, _image(container), admin, told, databases)


def foreign(container: Container, password: str = "") -> Foreign:
    """Return how to ask Redis; a password that stands in its command is known to whoever may inspect it."""
    words = [*container.command]
    told = [words[at + 1] for at, word in enumerate(words[:-1]) if word == PASSWORD_ARGUMENT]
    return Foreign(container.name, "", (password or (told or [""])[-1]).strip())


def look_at_redis(container: Container, password: str) -> Redis:
    """Return what Redis says."""
    server = foreign(container, password)
    server.answer()
    info = server.info("everything")
    settings = pairs(server.command("CONFIG", "GET", "*"))
    has_password = bool(settings.pop("requirepass", ""))
    users = [line.split()[1] for line in cleaning.lines(server.command("ACL", "LIST")) if line.startswith("user ")]
    listing = ["docker", "exec", container.name, "ls", "-A", settings["dir"]]
    files = execute.run(listing, timeout=containers.ANSWER_SECONDS).stdout.split("\n")
    return Redis(container, _image(container), info, settings, users, files, has_password)


def _database(server: Server, name: str) -> Database:
    known = json.loads(server.query(properties.read(name), name))
    public = server.query(adoption.schema_public(), name)
    return Database(name, known["properties"], known["roles"], int(known["size"]), public)


def _image(container: Container) -> str:
    """Return what the image's name stands for by now."""
    found = images.find(container.image)
    return found.identity if found else ""


def _refuse(name: str, container: Container | None) -> None:
    if container is None:
        raise NotRunningError(f"there is no container {name}", "name it: --postgres NAME, --redis NAME; docker ps -a")
    stack = container.labels.get(contract.LABEL_STACK)
    if stack:
        raise UsageError(
            f"container {name} is stack {stack}'s already: nothing is to be adopted", "./scripts/status.sh"
        )
    if not container.running:
        raise NotRunningError(f"container {name} is {container.state}", f"docker start {name}")


def _network(found: Collection[Container]) -> str:
    names = sorted({name for container in found for name in container.networks})
    shared = [name for name in names if all(name in container.networks for container in found)]
    if len(names) == 1:
        return names[0]
    both = shared or names
    raise UsageError(f"the containers are on several networks: {', '.join(names)}", f"--network {both[0]}")
