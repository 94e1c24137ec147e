"""db-server-redis: its container and its settings."""

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_docker as docker
from pulumi.dynamic import Resource

from dbserver import contract
from dbserver.docker.images import Image
from dbserver.redis import commands, server
from infra.container import ContainerPlan, create_container
from infra.network import Network
from infra.preparation import prepare_redis
from infra.server import Properties, ServerProvider
from infra.settings import Settings


class RedisProvider(ServerProvider):
    """Waits until Redis answers and brings its settings in line while it runs."""

    def converge(self, props: Properties) -> Properties:
        """Bring the server to what is declared and return the outputs."""
        running = server.Server(props["container"])
        version = running.wait()["redis_version"]
        server.apply_settings(running, props["settings"], props["configDirectory"], props["image"])
        return {**props, "version": version}

    def observe(self, props: Properties) -> Properties:
        """Return the settings in force."""
        return {**props, "settings": server.actual_settings(server.Server(props["container"]), props["settings"])}


class RedisServer(Resource, module="db-server", name="RedisServer"):
    """Redis as it runs: it answers, with these settings."""

    version: pulumi.Output[str]

    def __init__(self, resource_name: str, props: dict[str, Any]) -> None:
        super().__init__(RedisProvider(), resource_name, {**props, "version": None})


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
    container = create_container(plan, network, lambda: prepare_redis(plan, wanted.effective_settings))
    properties = {
        "container": container.name,
        "containerId": container.id,
        "image": image.name,
        "configDirectory": contract.config_directory(settings.data_directory, contract.REDIS),
        "settings": wanted.effective_settings,
    }
    return Redis(image, container, RedisServer("redis-server", properties))
