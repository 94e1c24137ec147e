"""db-server-postgres: its container, its settings, its administrator."""

from dataclasses import dataclass

import pulumi
import pulumi_docker as docker

from dbserver import contract
from dbserver.docker.images import Image
from dbserver.postgres import commands, server
from infra.container import ContainerPlan, create_container
from infra.network import Network
from infra.postgres_server import PostgresServer
from infra.preparation import prepare_postgres
from infra.settings import Settings

# Only the first start of a new data directory reads it: a password nobody
# knows, until the reconciliation a moment later sets the declared one.
RANDOM_PASSWORD_FILE = "/proc/sys/kernel/random/uuid"  # noqa: S105  a path


@dataclass(frozen=True)
class Postgres:
    """The declared PostgreSQL server."""

    image: Image
    container: docker.Container
    server: PostgresServer


def create_postgres(settings: Settings, image: Image, network: Network, admin_password: pulumi.Output[str]) -> Postgres:
    """Declare the container, and the server that has to answer in it."""
    wanted = settings.postgres
    config = contract.config_directory(settings.data_directory, contract.POSTGRES)
    plan = ContainerPlan(
        server=contract.POSTGRES,
        name=wanted.container_name,
        image=image,
        port=wanted.port,
        memory=wanted.memory,
        data_root=settings.data_directory,
        health_check=commands.health_check(wanted.admin_user),
        command=["postgres", "-c", f"config_file={server.CONFIG_PATH}"],
        envs=_environment(wanted.admin_user),
    )
    effective, admin = wanted.effective_settings, wanted.admin_user
    container = create_container(plan, network, lambda: prepare_postgres(plan, effective, admin, network.name))
    properties = {
        "container": container.name,
        "containerId": container.id,
        "image": image.name,
        "configDirectory": config,
        "adminUser": admin,
        "adminPassword": admin_password,
        "network": network.name,
        "settings": effective,
    }
    options = pulumi.ResourceOptions(additional_secret_outputs=["adminPassword"])
    return Postgres(image, container, PostgresServer("postgres-server", properties, options))


def _environment(admin: str) -> list[str]:
    return [
        f"PGDATA={contract.INNER_DATA[contract.POSTGRES]}",
        f"POSTGRES_USER={admin}",
        f"POSTGRES_DB={admin}",
        f"POSTGRES_PASSWORD_FILE={RANDOM_PASSWORD_FILE}",
        "POSTGRES_INITDB_ARGS=--encoding=UTF8 --data-checksums --auth-host=scram-sha-256",
    ]
