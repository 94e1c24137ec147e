"""The container of a server: what both have in common."""

from collections.abc import Sequence
from typing import Any

import pulumi_docker as docker

from dbserver.docker.containers import HealthCheck, Published
from dbserver.docker.privileges import PRIVILEGES
from dbserver.plan import ContainerPlan
from dbserver.units import MIB
from infra.network import Network
from infra.options import Prepare, container_options
from infra.plans import Here
from infra.tls import Tls


def create_container(
    plan: ContainerPlan, here: Here, network: Network, prepare: Prepare, tls: Tls | None
) -> docker.Container:
    """Declare a server's container.

    Durations are written in the form in which Docker gives them back ("1m0s"),
    and both memory limits are set, or every preview would show a difference.
    """
    memory = plan.memory // MIB
    return docker.Container(
        plan.server,
        name=plan.name,
        image=plan.image,
        restart=plan.restart,
        # The engine starts it once; a container that was only stopped must not
        # read back as changed (its ports would be empty) and be replaced.
        must_run=False,
        network_mode="bridge",
        networks_advanced=[docker.ContainerNetworksAdvancedArgs(name=network.name, aliases=[plan.server])],
        ports=_ports(here.published),
        mounts=_mounts(plan),
        command=list(plan.command),
        envs=list(plan.environment),
        memory=memory,
        memory_swap=memory,
        shm_size=plan.shared_memory // MIB,
        healthcheck=_health_check(plan.health_check),
        **restricted(plan.server),
        sysctls=dict(plan.sysctls) or None,
        labels=[docker.ContainerLabelArgs(label=label, value=value) for label, value in here.labels.items()],
        log_driver=plan.log_driver,
        log_opts=plan.log_options,
        stop_timeout=plan.stop_seconds,
        destroy_grace_seconds=plan.stop_seconds,
        remove_volumes=False,
        wait=False,
        opts=container_options(
            plan.server, prepare, [*network.needs, *(tls.needs if tls else ())], tls.pem if tls else None
        ),
    )


def restricted(server: str) -> dict[str, Any]:
    """Return the arguments by which a container may do no more than it needs."""
    allowed = PRIVILEGES[server]
    return {
        "capabilities": docker.ContainerCapabilitiesArgs(adds=list(allowed.capabilities), drops=list(allowed.dropped)),
        "security_opts": list(allowed.security),
        "read_only": allowed.read_only,
        "tmpfs": dict(allowed.temporary),
        "ulimits": [docker.ContainerUlimitArgs(name="core", soft=allowed.core, hard=allowed.core)],
    }


def _health_check(check: HealthCheck) -> docker.ContainerHealthcheckArgs:
    start_period = f"{check.start_period // 60}m{check.start_period % 60}s"
    return docker.ContainerHealthcheckArgs(
        tests=list(check.test),
        interval=f"{check.interval}s",
        timeout=f"{check.timeout}s",
        retries=check.retries,
        start_period=start_period,
    )


def _ports(published: Sequence[Published]) -> list[docker.ContainerPortArgs]:
    return [
        docker.ContainerPortArgs(internal=int(inner.removesuffix("/tcp")), external=port, ip=address)
        for inner, address, port in published
    ]


def _mounts(plan: ContainerPlan) -> list[docker.ContainerMountArgs]:
    return [
        docker.ContainerMountArgs(type="bind", source=source, target=target, read_only=plan.read_only(target) or None)
        for target, source in plan.mounts.items()
    ]
