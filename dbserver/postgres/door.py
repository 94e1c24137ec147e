"""The door of a server: while it is closed nobody gets in but the administrator through the socket, and nobody writes.

It is closed by lines before and after those that the stack renders: an update
that renders them anew opens it too. A client that was let in before
may still be proving who it is, and an extension's worker needs no connection:
so the number of the next transaction says afterwards whether anybody wrote.
"""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from dbserver import contract, execute
from dbserver.docker import host
from dbserver.errors import DbServerError, NotRunningError
from dbserver.postgres import convergence
from dbserver.postgres.server import Server
from dbserver.postgres.settings import HBA_FILE
from dbserver.postgres.sql import identifier

CONFIG = contract.CONFIG_FILE[contract.POSTGRES]
QUIET_SECONDS = 60
# Not gathered by us: what autovacuum writes would be taken for somebody's.
STILL = "# closed by `dbserver upgrade`; ./scripts/start.sh opens\nautovacuum = 'off'\n"
OTHERS = (
    "FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    " AND backend_type IN ('client backend', 'autovacuum worker', 'walsender')"
)
END = f"SELECT count(pg_terminate_backend(pid)) {OTHERS};\n"
NEXT = "SELECT txid_snapshot_xmax(txid_current_snapshot());\n"
NEXT_IN_FILE = re.compile(r"^Latest checkpoint's NextXID: +(\d+):(\d+)$", re.MULTILINE)
SHUT_DOWN = re.compile(r"^Database cluster state: +shut down$", re.MULTILINE)


def closed(files: Mapping[str, str], admin: str) -> dict[str, str]:
    """Return the server's files with the door closed."""
    files = opened(files, admin)
    return {CONFIG: files[CONFIG] + STILL, HBA_FILE: _locked(admin) + files[HBA_FILE]}


def opened(files: Mapping[str, str], admin: str) -> dict[str, str]:
    """Return the server's files with the door open."""
    return {CONFIG: files[CONFIG].removesuffix(STILL), HBA_FILE: files[HBA_FILE].removeprefix(_locked(admin))}


def _locked(admin: str) -> str:
    return (
        "# closed by `dbserver upgrade`; ./scripts/start.sh opens\n"
        f"local all {identifier(admin)} trust\n"
        "local all all reject\nlocal replication all reject\nhost all all all reject\nhost replication all all reject\n"
    )


@contextmanager
def shut(server: Server, directory: str, image: str) -> Iterator[int]:
    """Keep the door closed; yield the number that the next transaction of whoever writes would have.

    It is opened again where the block fails, not where it succeeds: then there
    is another server.
    """
    files = _files(server)
    try:
        host.write_files(directory, closed(files, server.admin), image)
        convergence.reload(server, ())
        _end_everybody(server)
        yield int(server.query(NEXT))
    except BaseException:
        _open(server, directory, image, files)
        raise


def reopen(server: Server, directory: str, image: str) -> bool:
    """Open the door that a run that is gone has left closed; False where the server does not answer."""
    try:
        server.answer()
    except NotRunningError:
        return False
    files = _files(server)
    if opened(files, server.admin) != files:
        _open(server, directory, image, files)
    return True


def _files(server: Server) -> dict[str, str]:
    return {CONFIG: "", HBA_FILE: "", **convergence.state(server, {"autovacuum": ""})["files"]}


def _open(server: Server, directory: str, image: str, files: Mapping[str, str]) -> None:
    host.write_files(directory, opened(files, server.admin), image)
    with suppress(DbServerError):  # one that does not run reads them at its start
        convergence.reload(server, ())


def _end_everybody(server: Server) -> None:
    deadline = time.monotonic() + QUIET_SECONDS
    while server.query(END) != "0":
        if time.monotonic() > deadline:
            raise DbServerError(f"sessions in {server.container} do not end", "./scripts/dbserver connections")
        time.sleep(0.1)


def refuse_written(directory: str, image: str, expected: int) -> None:
    """Raise where the stopped server in a data directory has written since, or did not stop gracefully."""
    argv = [*host.helper_argv(image, ["--mount", f"type=bind,source={directory},target=/target,readonly"])]
    shown = execute.run([*argv, "-c", "LC_ALL=C pg_controldata /target"], timeout=host.HELPER_SECONDS).stdout
    found = next_in_file(shown)
    if found < 0:
        raise DbServerError(f"the server in {directory} did not stop gracefully", "run it again. Nothing was changed")
    if found != expected:
        raise DbServerError(
            "somebody wrote although nobody could connect: an extension's worker, or a client that was just connecting",
            "switch off what writes by itself, such as pg_cron's jobs; then again. Nothing was changed",
        )


def next_in_file(shown: str) -> int:
    """Return the number of the next transaction that pg_controldata shows; -1 where the server did not stop so."""
    found = NEXT_IN_FILE.search(shown)
    return (int(found[1]) << 32) + int(found[2]) if found and SHUT_DOWN.search(shown) else -1
