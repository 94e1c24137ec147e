"""What the stack tells the outside (docs/reference/outputs.md)."""

from typing import Any

import pulumi

from dbserver import contract
from dbserver.settings.model import Settings
from infra.network import Network
from infra.plans import backup_directory
from infra.postgres import Postgres
from infra.redis import Redis
from infra.tls import Tls, tls_output


def outputs(
    settings: Settings,
    network: Network,
    postgres: Postgres,
    redis: Redis,
    admin_password: pulumi.Output[str],
    applications: pulumi.Output[dict[str, dict[str, str]]],
    tls: Tls | None,
) -> dict[str, Any]:
    """Return the stack's outputs by name."""
    return {
        "network": network.name,
        "dataDirectory": settings.data_directory,
        "backupDirectory": backup_directory(settings),
        "postgres": _server(contract.POSTGRES, postgres, settings.postgres.port),
        "redis": _server(contract.REDIS, redis, settings.redis.port),
        "adminUser": settings.postgres.admin_user,
        "adminDatabase": settings.postgres.admin_user,
        "adminPassword": admin_password,
        "applications": applications,
        **({"tls": tls_output(settings, tls)} if tls else {}),
    }


def _server(server: str, declared: Postgres | Redis, port: int) -> dict[str, Any]:
    return {
        "host": declared.container.name,
        "port": contract.INNER_PORT[server],
        "publishedAddress": "127.0.0.1",
        "publishedPort": port,
        "containerId": declared.container.id,
        "image": declared.image.name,
        "imageIdentity": declared.image.identity,
        "version": declared.server.version,
    }
