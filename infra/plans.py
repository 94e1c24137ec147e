"""What the containers of the stack shall be, and where they work: known before anything of Pulumi's Docker package."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dbserver import contract
from dbserver.archive.plan import ArchivePlan
from dbserver.docker.containers import Published
from dbserver.plan import ContainerPlan, Names
from dbserver.plan import container_plan as planned
from dbserver.settings.model import Settings

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
