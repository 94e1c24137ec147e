"""archive: which seconds come back, and whether the log arrives; a base backup now."""

from dbserver.archive import looking
from dbserver.archive.standing import standing
from dbserver.declared import Declared
from dbserver.docker import containers
from dbserver.errors import NotRunningError
from dbserver.results.archive import Archive


def archive(declared: Declared) -> Archive:
    """Return how the archive stands, with its size. Raises UsageError where the stack has none."""
    return standing(declared, sizes=True)


def base_backup(declared: Declared) -> Archive:
    """Make a base backup now, and return how the archive stands then: a restore reads the log since the newest one."""
    wanted = looking.plan(declared)
    found = containers.inspect([wanted.name]).get(wanted.name)
    if found is None or not found.running:
        raise NotRunningError(f"container {wanted.name} does not run", "./scripts/start.sh")
    looking.base_backup(declared)
    return archive(declared)
