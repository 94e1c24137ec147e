"""What happens just before the engine creates a container.

The engine calls this exactly when it is about to create one, so a plain
`pulumi up` takes over a foreign container and finds its files in place too.
"""

import secrets
from collections.abc import Mapping, Sequence

import pulumi

from dbserver import contract
from dbserver.docker import containers, host
from dbserver.postgres import server as postgres_server
from dbserver.redis import access
from dbserver.redis import settings as redis_settings
from infra.container import ContainerPlan

LOCAL_PASSWORD_BYTES = 24


def prepare_container(
    plan: ContainerPlan, files: Mapping[str, str], *, once: Sequence[str] = (), private: Sequence[str] = ()
) -> None:
    """Free the container's name and write the files that the server reads at its start."""
    take_over(plan.name)
    host.make_directory(contract.data_directory(plan.data_root, plan.server), plan.image.name)
    directory = contract.config_directory(plan.data_root, plan.server)
    host.write_files(directory, files, plan.image.name, once=once, private=private)


def prepare_postgres(plan: ContainerPlan, wanted: Mapping[str, str], admin: str, network: str) -> None:
    """As for every container, with who may connect from where."""
    files = postgres_server.rendered(wanted, admin, network)
    prepare_container(plan, files)


def prepare_redis(plan: ContainerPlan, wanted: Mapping[str, str], admin: str, *, is_open: bool) -> None:
    """As for every container; and the first settings are those under which the data that is there is read.

    The first users are the administrator, with a password that never leaves
    this host, and whoever comes without one; the applications' follow.
    """
    take_over(plan.name)
    data = host.inspect_directory(contract.data_directory(plan.data_root, plan.server), plan.image.name, "redis")
    first = redis_settings.first_settings(
        wanted,
        has_append_only=any(data.holds(name) for name in redis_settings.APPEND_ONLY_FILES),
        has_snapshot=data.holds(redis_settings.SNAPSHOT_FILE),
    )
    password = secrets.token_urlsafe(LOCAL_PASSWORD_BYTES)
    files = {
        contract.CONFIG_FILE[contract.REDIS]: redis_settings.render(first),
        access.ADMIN_FILE: password,
        access.ACL_FILE: access.rules(admin, [access.hashed(password)], None if is_open else []),
    }
    prepare_container(plan, files, once=[access.ADMIN_FILE, access.ACL_FILE], private=[access.ADMIN_FILE])


def take_over(name: str) -> None:
    """Stop and remove a container of this name, gracefully; its data is on the host and stays."""
    if name in containers.inspect([name]):
        pulumi.log.warn(f"taking over container {name}: stopped gracefully, created again on the same data")
        containers.stop(name)
        containers.remove(name)
