"""db-server-postgres: its container, its settings, its administrator."""

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_docker as docker
from pulumi.dynamic import Resource

from dbserver import contract
from dbserver.docker.images import Image
from dbserver.postgres import commands, server, sql
from dbserver.postgres import settings as postgres_settings
from dbserver.postgres.scram import matches
from infra.container import ContainerPlan, create_container
from infra.network import Network
from infra.preparation import prepare_container
from infra.server import Properties, ServerProvider
from infra.settings import Settings

# Only the first start of a new data directory reads it: a password nobody
# knows, until the reconciliation a moment later sets the declared one.
RANDOM_PASSWORD_FILE = "/proc/sys/kernel/random/uuid"  # noqa: S105  a path


class PostgresProvider(ServerProvider):
    """Waits until PostgreSQL answers, sets the administrator's password, applies the settings."""

    compared = (*ServerProvider.compared, "adminUser", "adminPassword")

    def converge(self, props: Properties) -> Properties:
        """Bring the server to what is declared and return the outputs."""
        running = server.Server(props["container"], props["adminUser"])
        running.wait()
        server.reconcile_admin(running, props["adminPassword"])
        server.apply_settings(running, props["settings"], props["configDirectory"], props["image"])
        return {**props, "version": running.answer()["version"]}

    def observe(self, props: Properties) -> Properties:
        """Return the settings in force, and no password where the server has another one."""
        running = server.Server(props["container"], props["adminUser"])
        stored = running.query(sql.role_password(props["adminUser"]))
        current = matches(stored, props["adminPassword"])
        return {
            **props,
            "settings": server.actual_settings(running, props["settings"]),
            "adminPassword": props["adminPassword"] if current else "",
        }


class PostgresServer(Resource, module="db-server", name="PostgresServer"):
    """PostgreSQL as it runs: it answers, with these settings and this administrator."""

    version: pulumi.Output[str]

    def __init__(self, resource_name: str, props: dict[str, Any], opts: pulumi.ResourceOptions) -> None:
        super().__init__(PostgresProvider(), resource_name, {**props, "version": None}, opts)


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
    rendered = postgres_settings.render(wanted.effective_settings)
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
    container = create_container(
        plan, network, lambda: prepare_container(plan, {contract.CONFIG_FILE[contract.POSTGRES]: rendered})
    )
    properties = {
        "container": container.name,
        "containerId": container.id,
        "image": image.name,
        "configDirectory": config,
        "adminUser": wanted.admin_user,
        "adminPassword": admin_password,
        "settings": wanted.effective_settings,
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
