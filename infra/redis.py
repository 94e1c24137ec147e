"""db-server-redis: its container and its settings."""

from dataclasses import dataclass
from functools import partial

import pulumi_docker as docker

from dbserver import contract
from dbserver.docker.images import Image
from dbserver.redis import commands, server
from infra.container import ContainerPlan, create_container
from infra.network import Network
from infra.preparation import prepare_redis
from infra.redis_server import RedisServer
from infra.settings import Settings


@dataclass(frozen=True)
class Redis:
    """The declared Redis server."""

    image: Image
    container: docker.Container
    server: RedisServer


def create_redis(settings: Settings, image: Image, network: Network) -> Redis:
    """Declare the container, and the server that has to answer in it."""
    wanted = settings.redis
    plan = ContainerPlan(
        server=contract.REDIS,
        name=wanted.container_name,
        image=image,
        port=wanted.port,
        memory=wanted.memory,
        data_root=settings.data_directory,
        health_check=commands.health_check(),
        command=["redis-server", server.CONFIG_PATH],
        envs=[],
    )
    container = create_container(plan, network, partial(_prepare, settings, plan))
    properties = {
        "container": container.name,
        "containerId": container.id,
        "image": image.name,
        "configDirectory": contract.config_directory(settings.data_directory, contract.REDIS),
        "adminUser": settings.postgres.admin_user,
        "settings": wanted.effective_settings,
    }
    return Redis(image, container, RedisServer("redis-server", properties))


def _prepare(settings: Settings, plan: ContainerPlan) -> None:
    is_open = settings.redis.access == "open"
    prepare_redis(plan, settings.redis.effective_settings, settings.postgres.admin_user, is_open=is_open)
