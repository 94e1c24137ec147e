"""db-server-redis: its container and its settings."""

from dataclasses import dataclass
from functools import partial

import pulumi
import pulumi_docker as docker

from dbserver import contract
from dbserver.docker.images import Image
from dbserver.plan import ContainerPlan
from dbserver.redis.settings import ENCRYPTED
from dbserver.settings.model import Settings
from infra.container import create_container
from infra.network import Network
from infra.plans import container_plan
from infra.preflight import Host
from infra.preparation import prepare_redis
from infra.redis_server import RedisServer
from infra.tls import Tls


@dataclass(frozen=True)
class Redis:
    """The declared Redis server."""

    image: Image
    container: docker.Container
    server: RedisServer


def server_settings(settings: Settings) -> dict[str, str]:
    """Return the server's settings: what is declared, and those that TLS needs."""
    encrypted = ENCRYPTED if contract.REDIS in settings.tls.outside else {}
    return {**settings.redis.effective_settings, **encrypted}


def create_redis(settings: Settings, host: Host, network: Network, tls: Tls | None) -> Redis:
    """Declare the container, and the server that has to answer in it."""
    image, tls = host.images[contract.REDIS], tls if contract.REDIS in settings.tls.outside else None
    plan = container_plan(settings, contract.REDIS, image.name)
    container = create_container(plan, host.here(plan), network, partial(_prepare, settings, plan), tls)
    properties = {
        "container": container.name,
        "containerId": container.id,
        "processes": plan.processes,
        "image": image.name,
        "configDirectory": contract.config_directory(settings.data_directory, contract.REDIS),
        "adminUser": settings.postgres.admin_user,
        "settings": server_settings(settings),
        **({"certificate": tls.pem} if tls else {}),
    }
    options = pulumi.ResourceOptions(additional_secret_outputs=["certificate"] if tls else None)
    return Redis(image, container, RedisServer("redis-server", properties, options))


def _prepare(settings: Settings, plan: ContainerPlan, pem: str = "") -> None:
    is_open = settings.redis.access == "open"
    prepare_redis(plan, server_settings(settings), settings.postgres.admin_user, pem, is_open=is_open)
