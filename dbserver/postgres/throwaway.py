"""A server of another version on a data directory of its own: on no network, it ends with whoever needs it."""

from collections.abc import Iterator
from contextlib import contextmanager

from dbserver import contract, execute
from dbserver.docker import containers, host
from dbserver.docker.images import Image
from dbserver.docker.privileges import PROCESSES
from dbserver.errors import DbServerError, NotRunningError
from dbserver.plan import ContainerPlan
from dbserver.postgres import initialising
from dbserver.postgres.commands import QUERY_SECONDS
from dbserver.postgres.server import Server

LABEL = "com.database.upgrade"
SHARED_MEMORY = "1g"
WRITE_OVERRIDES = 'cat > "$PGDATA/postgresql.auto.conf"'
OVERRIDES = "SELECT coalesce(pg_read_file('postgresql.auto.conf', 0, 10000000, true), '');\n"


def name(container: str) -> str:
    """Return the name of the throwaway container."""
    return f"{container}-upgrade"


def run(plan: ContainerPlan, image: Image, directory: str, stack: str) -> list[str]:
    """Return the command that makes a new server exactly as the stack's first start does, in `directory`.

    Who may connect is what initdb writes, not the stack's file: that one is closed meanwhile. Nobody is there for it to
    wait for.
    """
    inner = contract.INNER_DATA[contract.POSTGRES]
    mounts = {**plan.mounts, inner: directory}
    del mounts[contract.INNER_SOCKET]  # the running server's: another one would take its place there
    options = ["--detach", "--name", name(plan.name), "--network", "none", "--label", f"{LABEL}={stack}"]
    own_socket = plan.privileges.besides(contract.INNER_SOCKET)
    options += [*own_socket.options(), "--pids-limit", str(PROCESSES)]
    options += ["--shm-size", SHARED_MEMORY, *(["--memory", str(plan.memory)] if plan.memory else [])]
    for target, source in mounts.items():
        options += ["--mount", f"type=bind,source={source},target={target}" + ",readonly" * (target != inner)]
    for variable in initialising.environment(plan, image.major):
        options += ["--env", variable]
    own = ["-c", f"hba_file={inner}/pg_hba.conf", "-c", "archive_mode=off", "-c", "synchronous_standby_names="]
    return ["docker", "run", *options, image.name, *plan.command, *own]


@contextmanager
def running(plan: ContainerPlan, image: Image, admin: str, directory: str, stack: str) -> Iterator[Server]:
    """Yield a new, empty server; its container is gone afterwards, the directory stays."""
    server = Server(name(plan.name), admin)
    host.make_directory(directory, image.name)
    try:
        execute.run(run(plan, image, directory, stack), timeout=host.HELPER_SECONDS)
        _wait(server, image, "with the settings of the stack")
        yield server
    finally:
        containers.discard(server.container)


def take_overrides(server: Server, image: Image, overrides: str) -> None:
    """Give the server what ALTER SYSTEM has set elsewhere, and prove that it starts with that."""
    argv = ["docker", "exec", "--interactive", "--user", "postgres", server.container, "sh", "-c", WRITE_OVERRIDES]
    execute.run(argv, stdin=f"{overrides}\n", timeout=QUERY_SECONDS)
    containers.restart(server.container)
    _wait(server, image, "with the settings that ALTER SYSTEM has made")


def _wait(server: Server, image: Image, how: str) -> None:
    try:
        server.wait()
    except NotRunningError as fault:
        raise DbServerError(
            f"{image.name} does not start {how}: {fault.message}", "correct them; the running server is as it was"
        ) from None
