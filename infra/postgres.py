"""db-server-postgres: its container, its settings, its administrator."""

from dataclasses import dataclass
from functools import partial

import pulumi
import pulumi_docker as docker

from dbserver import contract
from dbserver.archive import plan as archive
from dbserver.docker.images import Image
from dbserver.postgres.settings import ENCRYPTED
from dbserver.settings.model import Settings
from infra.container import create_container
from infra.network import Network
from infra.plans import container_plan
from infra.postgres_server import PostgresServer
from infra.preflight import Host
from infra.preparation import prepare_postgres
from infra.tls import Tls


@dataclass(frozen=True)
class Postgres:
    """The declared PostgreSQL server."""

    image: Image
    container: docker.Container
    server: PostgresServer


def server_settings(settings: Settings, image: Image) -> dict[str, str]:
    """Return the server's settings: those that archive and TLS need, then what is declared."""
    needed = archive.settings(image.major, synchronous=settings.archive.synchronous) if settings.archive.enabled else {}
    encrypted = ENCRYPTED if contract.POSTGRES in settings.tls.outside else {}
    return {**needed, **encrypted, **settings.postgres.effective_settings}


def create_postgres(
    settings: Settings, host: Host, network: Network, admin_password: pulumi.Output[str], tls: Tls | None
) -> Postgres:
    """Declare the container, and the server that has to answer in it."""
    tls = tls if contract.POSTGRES in settings.tls.outside else None
    wanted, image = settings.postgres, host.images[contract.POSTGRES]
    config = contract.config_directory(settings.data_directory, contract.POSTGRES)
    plan = container_plan(settings, contract.POSTGRES, image.name)
    effective, admin = server_settings(settings, image), wanted.admin_user
    prepare = partial(prepare_postgres, plan, effective, admin, network.name, image.major)
    container = create_container(plan, host.here(plan), network, prepare, tls)
    properties = {
        "container": container.name,
        "containerId": container.id,
        "processes": plan.processes,
        "image": image.name,
        "configDirectory": config,
        "adminUser": admin,
        "adminPassword": admin_password,
        "network": network.name,
        "settings": effective,
        **({"certificate": tls.pem} if tls else {}),
    }
    secret = ["adminPassword", *(["certificate"] if tls else [])]
    options = pulumi.ResourceOptions(additional_secret_outputs=secret)
    return Postgres(image, container, PostgresServer("postgres-server", properties, options))
