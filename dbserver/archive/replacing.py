"""A recovered server takes the place of the one that runs: proved, shut down, by directories that change places."""

from collections.abc import Sequence
from contextlib import suppress

from dbserver import contract, major
from dbserver.declared import Declared
from dbserver.docker import beside, containers
from dbserver.docker.images import Image
from dbserver.errors import DbServerError
from dbserver.postgres.server import Server


def answering(server: Server, databases: Sequence[str]) -> tuple[str, ...]:
    """Return these databases. Raises DbServerError for one that does not answer."""
    for database in databases:
        done = server.attempt("SELECT 1;\n", database)
        if not done.succeeded:
            raise DbServerError(f"{database} does not answer: {done.output}", "./scripts/dbserver doctor")
    return tuple(databases)


def shut_down(server: Server) -> None:
    """Shut the recovered server down. Raises DbServerError where its data would need recovery again."""
    containers.stop(server.container)
    if containers.inspect([server.container])[server.container].exit_code:
        raise DbServerError(f"{server.container} did not shut down cleanly", "run it again; nothing was changed")


def switch(declared: Declared, image: Image, incoming: str) -> str:
    """Stop the server, let the directories change places; return the name of the one before, empty without one.

    Its container and the archive's are removed: the update makes both anew, on the directories that are there now. The
    server before runs again where it is still in place afterwards.
    """
    name = declared.containers[contract.POSTGRES]
    found = containers.inspect([name]).get(name)
    if found:
        containers.stop(name)
    try:
        major.forget_identity(declared, image)
        kept = beside.exchange(declared.data_directory, image.name, incoming, beside.kept(image.major, major.stamp()))
    except BaseException:
        if found and found.running:
            with suppress(DbServerError):
                containers.start(name)
                major.server(declared).wait()
        raise
    if found:
        containers.remove(name)
    if declared.archive:
        containers.discard(declared.archive.name)
    return kept
