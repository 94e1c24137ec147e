"""The container of a server: what both have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi_docker as docker

from dbserver import contract
from dbserver.archive.plan import ArchivePlan
from dbserver.docker.containers import HealthCheck, Published
from dbserver.docker.privileges import PRIVILEGES
from dbserver.plan import LOG_DRIVER, LOG_OPTIONS, RESTART, SHARED_MEMORY, ContainerPlan, Names
from dbserver.plan import container_plan as planned
from dbserver.settings.model import Settings
from dbserver.units import MIB
from infra.network import Network
from infra.options import Prepare, container_options
from infra.tls import Tls

PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Here:
    """What of a container depends on the one that is there: its labels, and the order of its ports."""

    labels: Mapping[str, str]
    published: Sequence[Published]


def backup_directory(settings: Settings) -> str:
    """Return the host directory that holds the backups."""
    return contract.backup_directory(PROJECT, settings.backup_directory)


def container_plan(settings: Settings, server: str, image: str) -> ContainerPlan:
    """Return what a server's container shall be. `image` is the one to run, which may be a stand-in."""
    wanted = settings.postgres if server == contract.POSTGRES else settings.redis
    names = Names(
        settings.data_directory,
        backup_directory(settings),
        settings.network.name,
        settings.postgres.admin_user,
        contract.compose_project(settings.postgres.container_name),
        settings.tls.outside,
    )
    return planned(server, names, wanted.container_name, image, wanted.port, wanted.memory)


def archive_plan(settings: Settings) -> ArchivePlan:
    """Return what the archive's container shall be."""
    wanted = settings.archive
    directory = contract.archive_directory(settings.data_directory, wanted.directory)
    return ArchivePlan(
        name=wanted.container_name,
        directory=directory,
        data_root=settings.data_directory,
        admin=settings.postgres.admin_user,
        keep=wanted.keep,
        schedule=wanted.base_backup,
        synchronous=wanted.synchronous,
    )


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
        restart=RESTART,
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
        shm_size=SHARED_MEMORY // MIB,
        healthcheck=_health_check(plan.health_check),
        **restricted(plan.server),
        labels=[docker.ContainerLabelArgs(label=label, value=value) for label, value in here.labels.items()],
        log_driver=LOG_DRIVER,
        log_opts=LOG_OPTIONS,
        stop_timeout=contract.STOP_SECONDS,
        destroy_grace_seconds=contract.STOP_SECONDS,
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
