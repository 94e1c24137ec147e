"""What happens just before the engine creates a container.

The engine calls this exactly when it is about to create one, so a plain
`pulumi up` takes over a foreign container and finds its files in place too.
"""

from collections.abc import Mapping

import pulumi

from dbserver import contract
from dbserver.docker import containers, host
from dbserver.redis import settings as redis_settings
from infra.container import ContainerPlan


def prepare_container(plan: ContainerPlan, files: Mapping[str, str]) -> None:
    """Free the container's name and write the files that the server reads at its start."""
    take_over(plan.name)
    host.make_directory(contract.data_directory(plan.data_root, plan.server), plan.image.name)
    host.write_files(contract.config_directory(plan.data_root, plan.server), files, plan.image.name)


def prepare_redis(plan: ContainerPlan, wanted: Mapping[str, str]) -> None:
    """As for every container; and the first settings are those under which the data that is there is read."""
    take_over(plan.name)
    data = host.inspect_directory(contract.data_directory(plan.data_root, plan.server), plan.image.name, "redis")
    first = redis_settings.first_settings(
        wanted,
        has_append_only=any(data.holds(name) for name in redis_settings.APPEND_ONLY_FILES),
        has_snapshot=data.holds(redis_settings.SNAPSHOT_FILE),
    )
    prepare_container(plan, {contract.CONFIG_FILE[contract.REDIS]: redis_settings.render(first)})


def take_over(name: str) -> None:
    """Stop and remove a container of this name, gracefully; its data is on the host and stays."""
    if name in containers.inspect([name]):
        pulumi.log.warn(f"taking over container {name}: stopped gracefully, created again on the same data")
        containers.stop(name)
        containers.remove(name)
