"""Commands that run in the PostgreSQL container. Pure: they run nothing.

The administrator comes in through the local socket, which needs no password.
SQL goes through standard input, never into an argument.
"""

from collections.abc import Sequence


def psql(container: str, admin: str, database: str) -> list[str]:
    """Return psql for a script on standard input: unaligned rows, stops at the first error."""
    options = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=terse"]
    # With a synchronous archive that is away, every other commit waits for it: what brings it back must not.
    local = ["env", "PGOPTIONS=-c synchronous_commit=local"]
    return ["docker", "exec", "-i", container, *local, "psql", *options, "-U", admin, "-d", database]


def shell(
    container: str, role: str, database: str, arguments: Sequence[str], session: str, *, terminal: bool
) -> list[str]:
    """Return psql for a person, or for a script on standard input, which stops at its first error.

    `session` is the application_name under which the server knows it.
    """
    options = ["-it" if terminal else "-i", "--env", f"PGAPPNAME={session}"]
    script = [] if terminal else ["-v", "ON_ERROR_STOP=1"]
    return ["docker", "exec", *options, container, "psql", "-X", *script, "-U", role, "-d", database, *arguments]


def wait_until_ready(container: str) -> list[str]:
    """Return a loop of at most 5 s that ends once the server takes connections over TCP.

    The server that initialises a new data directory listens on the socket
    only: asking there would report readiness just before it stops.
    """
    loop = "for i in $(seq 100); do pg_isready -q -h 127.0.0.1 -p 5432 -d postgres && exit 0; sleep 0.05; done; exit 1"
    return ["docker", "exec", container, "sh", "-c", loop]


def health_check(admin: str) -> list[str]:
    """Return the container's health check."""
    return ["CMD", "pg_isready", "-U", admin, "-d", "postgres"]
