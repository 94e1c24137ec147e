"""What happens just before the engine creates a container.

The engine calls this exactly when it is about to create one, so a plain
`pulumi up` takes over a foreign container and finds its files in place too.
"""

import os
import secrets
from collections.abc import Callable, Mapping
from functools import partial

import pulumi

from dbserver import contract
from dbserver.archive import plan as archive
from dbserver.archive.plan import ArchivePlan
from dbserver.backups import precaution
from dbserver.docker import certificate, containers, host
from dbserver.docker.containers import Container
from dbserver.plan import ContainerPlan
from dbserver.postgres import convergence, initialising
from dbserver.redis import access
from dbserver.redis import settings as redis_settings
from infra.deployment import refuse_disconnecting

VERSION_FILE = "PG_VERSION"


def prepare_container(
    plan: ContainerPlan, admin: str, files: Mapping[str, str], pem: str, make_data: Callable[[], None]
) -> None:
    """Write the files that the server reads at its start, make its data directory, and free the container's name.

    That comes last: whoever has the name serves until then. A container of this name is stopped gracefully and removed;
    its data is on the host and stays. Raises RefusedError while application containers are connected to it.
    """
    found = _serving(plan, admin)
    host.write_files(contract.config_directory(plan.data_root, plan.server), files, plan.image)
    _write_certificate(plan, pem)
    make_data()
    _free(found)


def prepare_postgres(
    plan: ContainerPlan, wanted: Mapping[str, str], admin: str, network: str, major: str, pem: str = ""
) -> None:
    """As for every container, with who may connect from where; `pem` is certificate and key, if any.

    A new cluster is made here, of the image's `major` version, before there is an archive: commits that wait for one
    would never end.
    """
    data = contract.data_directory(plan.data_root, plan.server)
    if archive.WAITS in wanted and not host.held_files(data, [VERSION_FILE], plan.image, plan.server):
        wanted = {name: value for name, value in wanted.items() if name != archive.WAITS}
    files = convergence.rendered(wanted, admin, network)
    host.make_private_directory(plan.backups, plan.image)
    host.make_closed_directory(contract.socket_directory(plan.data_root), plan.image)
    prepare_container(plan, admin, files, pem, partial(initialising.initialise, plan, major))


def prepare_redis(plan: ContainerPlan, wanted: Mapping[str, str], admin: str, pem: str = "", *, is_open: bool) -> None:
    """As for every container; but the first settings are those under which the data that is there is read.

    So the name is freed first: a Redis that stops may write a snapshot.
    The first users are the administrator, with a new password that never leaves
    this host, and whoever comes without one; the applications' follow, and those that are there stay until then.
    """
    found, data = _serving(plan, admin), contract.data_directory(plan.data_root, plan.server)
    host.make_directory(data, plan.image)
    _free(found)
    names = (*redis_settings.APPEND_ONLY_FILES, redis_settings.SNAPSHOT_FILE)
    held = host.held_files(data, names, plan.image, "redis")
    first = redis_settings.first_settings(
        wanted,
        has_append_only=any(name in held for name in redis_settings.APPEND_ONLY_FILES),
        has_snapshot=redis_settings.SNAPSHOT_FILE in held,
    )
    password = secrets.token_urlsafe(access.LOCAL_PASSWORD_BYTES)
    directory = contract.config_directory(plan.data_root, plan.server)
    before = host.read_file(f"{directory}/{access.ACL_FILE}", plan.image)
    files = {
        contract.CONFIG_FILE[contract.REDIS]: redis_settings.render(first),
        access.ADMIN_FILE: password,
        access.ACL_FILE: access.first_rules(admin, access.hashed(password), before, is_open=is_open),
    }
    host.write_files(directory, files, plan.image, private=[access.ADMIN_FILE])
    _write_certificate(plan, pem)


def prepare_archive(plan: ArchivePlan, image: str) -> None:
    """Make the archive's directory, and free the container's name."""
    host.make_owned_directory(plan.directory, image, contract.POSTGRES)
    _free(containers.inspect([plan.name]).get(plan.name))


def _write_certificate(plan: ContainerPlan, pem: str) -> None:
    if pem:
        certificate.write(contract.config_directory(plan.data_root, plan.server), pem, plan.image, plan.server)


def _serving(plan: ContainerPlan, admin: str) -> Container | None:
    name = plan.name
    found = containers.inspect([name]).get(name)
    if found and found.running:
        refuse_disconnecting({plan.server: name}, plan.network, admin, f"taking over {name}: ")
        precaution.write_out(plan.server, found, admin)
    return found


def _free(found: Container | None) -> None:
    """Stop and remove a container; one of elsewhere is kept under another name where `adopt` says so."""
    if found is None:
        return
    name = found.name
    pulumi.log.warn(f"taking over container {name}: stopped gracefully, created again on the same data")
    if contract.LABEL_STACK not in found.labels and os.environ.get(contract.KEEP_VARIABLE):
        containers.leave_stopped(name)
        containers.stop(name)
        containers.rename(name, name + contract.KEPT_SUFFIX)
    else:
        containers.stop(name)
        containers.remove(name)
