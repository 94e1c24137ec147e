"""The same two servers as a compose file: images, limits, ports, health checks, directories and settings."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench import commands
from dbserver import contract
from dbserver.postgres import commands as postgres
from dbserver.readiness import wait_until
from dbserver.redis import commands as redis

SHARED_MEMORY = "1g"


@dataclass(frozen=True)
class Servers:
    """What the compose file needs to know. `prefix` begins every name that the daemon gets to see."""

    prefix: str
    directory: Path
    images: Mapping[str, str]
    ports: Mapping[str, int]
    memory: Mapping[str, str]

    def container(self, server: str) -> str:
        """Return the name of a server's container."""
        return f"{self.prefix}-{server}"


def document(servers: Servers) -> dict[str, Any]:
    """Return the compose file's content."""
    own: dict[str, dict[str, Any]] = {
        contract.POSTGRES: {
            "command": ["postgres", "-c", f"config_file={contract.INNER_CONFIG['postgres']}/postgresql.conf"],
            "environment": {
                "PGDATA": contract.INNER_DATA[contract.POSTGRES],
                "POSTGRES_USER": contract.DEFAULT_ADMIN,
                "POSTGRES_DB": contract.DEFAULT_ADMIN,
                "POSTGRES_PASSWORD_FILE": "/proc/sys/kernel/random/uuid",
                "POSTGRES_INITDB_ARGS": "--encoding=UTF8 --data-checksums --auth-host=scram-sha-256",
            },
            "healthcheck": _health(postgres.health_check(contract.DEFAULT_ADMIN)),
        },
        contract.REDIS: {
            "command": ["redis-server", f"{contract.INNER_CONFIG['redis']}/redis.conf"],
            "healthcheck": _health(redis.health_check()),
        },
    }
    return {
        "name": servers.prefix,
        "services": {server: {**_common(servers, server), **own[server]} for server in contract.SERVERS},
        "networks": {"shared": {"name": f"{servers.prefix}-network"}},
    }


def _health(test: list[str]) -> dict[str, Any]:
    # Compose puts variables in: the shell's own `$` is written twice.
    words = [word.replace("$", "$$") for word in test]
    return {"test": words, "interval": "5s", "timeout": "5s", "retries": 5, "start_period": "1m0s"}


def _common(servers: Servers, server: str) -> dict[str, Any]:
    data = contract.data_directory(str(servers.directory / "data"), server)
    config = contract.config_directory(str(servers.directory / "data"), server)
    return {
        "image": servers.images[server],
        "container_name": servers.container(server),
        "restart": "always",
        "ports": [f"127.0.0.1:{servers.ports[server]}:{contract.INNER_PORT[server]}"],
        "volumes": [f"{data}:{contract.INNER_DATA[server]}", f"{config}:{contract.INNER_CONFIG[server]}:ro"],
        "mem_limit": servers.memory[server],
        "memswap_limit": servers.memory[server],
        "shm_size": SHARED_MEMORY,
        "stop_grace_period": f"{contract.STOP_SECONDS}s",
        "logging": {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}},
        "networks": {"shared": {"aliases": [server]}},
    }


class Compose:
    """`docker compose` on a file of its own."""

    def __init__(self, servers: Servers, docker_config: Path | None) -> None:
        self.servers = servers
        self.environment = {**os.environ, **({"DOCKER_CONFIG": str(docker_config)} if docker_config else {})}
        servers.directory.mkdir(parents=True)
        self.file = servers.directory / "docker-compose.yml"
        self.file.write_text(yaml.safe_dump(document(servers), sort_keys=False))

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
