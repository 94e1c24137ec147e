"""The same two servers as compose starts them: the file that our stack has rendered, under names of its own."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench import commands
from dbserver import contract
from dbserver.compose import NETWORK
from dbserver.postgres import commands as postgres
from dbserver.readiness import wait_until
from dbserver.redis import commands as redis


@dataclass(frozen=True)
class Servers:
    """Names of the servers' own: `prefix` begins every one that the daemon gets to see, `directory` holds all.

    `like` is the directory of the stack that is compared.
    """

    prefix: str
    like: Path
    directory: Path
    ports: Mapping[str, int]

    def container(self, server: str) -> str:
        """Return the name of a server's container."""
        return f"{self.prefix}-{server}"

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.directory / "data"


def document(rendered: Mapping[str, Any], servers: Servers) -> dict[str, Any]:
    """Return the content of the compose file, from the one that our stack has rendered."""
    return {
        "name": servers.prefix,
        "services": {server: _own(servers, server, service) for server, service in rendered["services"].items()},
        "networks": {NETWORK: {"name": f"{servers.prefix}-network"}},
    }


def _own(servers: Servers, server: str, service: Mapping[str, Any]) -> dict[str, Any]:
    """Return a service without the labels by which our verbs know its container, at its own port and directories."""
    ours, theirs = str(servers.like), str(servers.directory)
    return {
        **{key: value for key, value in service.items() if key != "labels"},
        "container_name": servers.container(server),
        "ports": [f"127.0.0.1:{servers.ports[server]}:{contract.INNER_PORT[server]}"],
        "volumes": [{**each, "source": each["source"].replace(ours, theirs)} for each in service["volumes"]],
    }


class Compose:
    """`docker compose` on a file of its own."""

    def __init__(self, rendered: Path, servers: Servers, docker_config: Path | None) -> None:
        self.servers = servers
        self.environment = {**os.environ, **({"DOCKER_CONFIG": str(docker_config)} if docker_config else {})}
        servers.directory.mkdir(parents=True)
        self.file = servers.directory / contract.COMPOSE_FILE
        self.content = document(yaml.safe_load(rendered.read_text()), servers)
        self.write()
        mounts = [Path(each["source"]) for service in self.content["services"].values() for each in service["volumes"]]
        # As they are now: ours are made anew in every round.
        self.directories = {each: (servers.like / each.relative_to(servers.directory)).stat() for each in mounts}

    def write(self) -> None:
        """Write the file of what it shall hold."""
        self.file.write_text(yaml.safe_dump(self.content, sort_keys=False))

    def make_directories(self) -> None:
        """Make what the file mounts and is not there; its owners are as ours."""
        for directory, like in self.directories.items():
            directory.mkdir(parents=True, exist_ok=True)
            os.chown(directory, like.st_uid, like.st_gid)
            directory.chmod(like.st_mode & 0o777)

    def argv(self, *arguments: str) -> list[str]:
        """Return the command."""
        return ["docker", "compose", "--file", str(self.file), *arguments]

    def up(self, *arguments: str) -> float:
        """Return the seconds of `docker compose up -d`."""
        return commands.timed(self.argv("up", "-d", *arguments), self.environment, self.servers.directory)

    def restart(self) -> float:
        """Return the seconds of `docker compose restart`."""
        return commands.timed(self.argv("restart"), self.environment, self.servers.directory)

    def down(self) -> None:
        """Remove containers and network; the directories are the caller's."""
        commands.run(self.argv("down", "--timeout", "1"), self.environment, self.servers.directory)


def wait_until_both_answer(containers: Mapping[str, str]) -> None:
    """Return once PostgreSQL takes connections over TCP and Redis answers PONG, asked in both containers at once."""
    probes = {contract.POSTGRES: postgres.wait_until_ready, contract.REDIS: redis.wait_until_ready}
    with ThreadPoolExecutor() as pool:
        asked = [pool.submit(wait_until, name, probes[server](name)) for server, name in containers.items()]
        for one in asked:
            one.result()
