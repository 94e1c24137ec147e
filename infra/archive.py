"""db-server-archive: the container that keeps the server's log and base backups."""

from functools import partial

import pulumi_docker as docker

from dbserver import contract
from dbserver.plan import LOG_DRIVER, LOG_OPTIONS, RESTART
from dbserver.settings.model import Settings
from infra.container import restricted
from infra.options import container_options
from infra.plans import archive_plan
from infra.postgres import Postgres
from infra.preflight import Host
from infra.preparation import prepare_archive


def create_archive(settings: Settings, host: Host, postgres: Postgres) -> docker.Container | None:
    """Declare the archive's container, which begins once the server answers; nothing where it is not enabled."""
    if not settings.archive.enabled:
        return None
    plan = archive_plan(settings)
    prepare = partial(prepare_archive, plan, postgres.image.name)
    return docker.Container(
        contract.ARCHIVE,
        name=plan.name,
        image=postgres.image.name,
        restart=RESTART,
        must_run=False,
        network_mode="none",
        cpu_shares=plan.shares,
        # The owner of the socket is the server's user; root has no business in the archive.
        user=contract.POSTGRES,
        **restricted(contract.ARCHIVE),
        mounts=[
            docker.ContainerMountArgs(type="bind", source=source, target=target)
            for target, source in plan.mounts.items()
        ],
        entrypoints=[plan.command[0]],
        command=list(plan.command[1:]),
        labels=[
            docker.ContainerLabelArgs(label=label, value=value)
            for label, value in host.labels[contract.ARCHIVE].items()
        ],
        log_driver=LOG_DRIVER,
        log_opts=LOG_OPTIONS,
        remove_volumes=False,
        wait=False,
        opts=container_options(contract.ARCHIVE, prepare, [postgres.server]),
    )
