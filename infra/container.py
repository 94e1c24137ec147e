"""The container of a server: what both have in common."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_docker as docker

from dbserver import contract
from dbserver.docker.images import Image
from infra.network import Network
from infra.options import container_options

MIB = 1024 * 1024
SHARED_MEMORY_MIB = 1024


@dataclass(frozen=True)
class ContainerPlan:
    """What differs between the two servers' containers. `memory` is in bytes."""

    server: str
    name: str
    image: Image
    port: int
    memory: int
    data_root: str
    health_check: Sequence[str]
    command: Sequence[str]
    envs: Sequence[str]


def create_container(plan: ContainerPlan, network: Network, prepare: Callable[[], None]) -> docker.Container:
    """Declare a server's container.

    Durations are written in the form in which Docker gives them back ("1m0s"),
    and both memory limits are set, or every preview would show a difference.
    """
    memory = plan.memory // MIB
    inner_port = contract.INNER_PORT[plan.server]
    return docker.Container(
        plan.server,
        name=plan.name,
        image=plan.image.name,
        restart="always",
        # The engine starts it once; a container that was only stopped must not
        # read back as changed (its ports would be empty) and be replaced.
        must_run=False,
        network_mode="bridge",
        networks_advanced=[docker.ContainerNetworksAdvancedArgs(name=network.name, aliases=[plan.server])],
        ports=[docker.ContainerPortArgs(internal=inner_port, external=plan.port, ip="127.0.0.1")],
        mounts=_mounts(plan),
        command=list(plan.command),
        envs=list(plan.envs),
        memory=memory,
        memory_swap=memory,
        shm_size=SHARED_MEMORY_MIB,
        healthcheck=docker.ContainerHealthcheckArgs(
            tests=list(plan.health_check), interval="5s", timeout="5s", retries=5, start_period="1m0s"
        ),
        labels=_labels(plan),
        log_driver="json-file",
        log_opts={"max-size": "10m", "max-file": "3"},
        stop_timeout=contract.STOP_SECONDS,
        destroy_grace_seconds=contract.STOP_SECONDS,
        remove_volumes=False,
        wait=False,
        opts=container_options(plan.server, prepare, network.needs),
    )


def _mounts(plan: ContainerPlan) -> list[docker.ContainerMountArgs]:
    data = contract.data_directory(plan.data_root, plan.server)
    config = contract.config_directory(plan.data_root, plan.server)
    return [
        docker.ContainerMountArgs(type="bind", source=data, target=contract.INNER_DATA[plan.server]),
        docker.ContainerMountArgs(
            type="bind", source=config, target=contract.INNER_CONFIG[plan.server], read_only=True
        ),
    ]


def _labels(plan: ContainerPlan) -> list[docker.ContainerLabelArgs]:
    labels = {
        contract.LABEL_SERVER: plan.server,
        contract.LABEL_VERSION: plan.image.major,
        contract.LABEL_STACK: pulumi.get_stack(),
        # The provider compares names only: this shows a new image under an old tag.
        contract.LABEL_IMAGE: plan.image.identity,
    }
    return [docker.ContainerLabelArgs(label=label, value=value) for label, value in labels.items()]
