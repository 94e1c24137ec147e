"""Before a container is recreated what it holds is backed up; afterwards every application's database has answered."""

import os
from collections.abc import Mapping
from pathlib import Path

import pulumi

from dbserver import contract
from dbserver.docker.containers import Container
from dbserver.errors import DbServerError
from dbserver.postgres.server import Server
from dbserver.settings.model import Settings
from infra.plans import backup_directory


def take_precautions(settings: Settings, stack: str, going: Mapping[str, Container]) -> None:
    """Back up the servers that are going to be recreated, unless DBSERVER_NO_CHECKPOINT is set.

    Raises RefusedError where that fails: nothing has been changed yet.
    """
    if not going:
        return
    # Imported here: most updates replace nothing and must not wait for it.
    from dbserver.backups import precaution  # noqa: PLC0415

    for server, container in going.items():
        # PostgreSQL's own programs write there: the directory that the container has, not one declared by now.
        directory = container.mounts.get(contract.INNER_BACKUPS, backup_directory(settings))
        known = precaution.Precaution(stack, settings.postgres.admin_user, Path(directory), settings.backup_recipients)
        if not os.environ.get(contract.NO_CHECKPOINT_VARIABLE):
            made = precaution.take(server, container, known)
            if made:
                pulumi.log.warn(f"{container.name} is recreated; backed up before: {', '.join(made)}")
        precaution.write_out(server, container, known.admin)


def silent(settings: Settings, before: str | None, after: str | None) -> list[str]:
    """Return the applications whose database does not answer in a container that took another one's place."""
    if before is None or after is None or before == after:
        return []
    from dbserver.backups import precaution  # noqa: PLC0415  as above

    try:
        return precaution.silent(Server(settings.postgres.container_name, settings.postgres.admin_user))
    except DbServerError as fault:
        return [fault.message]
