"""Commands that run in the PostgreSQL container. Pure: they run nothing.

The administrator comes in through the local socket, which needs no password.
SQL goes through standard input, never into an argument.
"""

from collections.abc import Mapping, Sequence

QUERY_SECONDS = 60
# How long a server may take to let a session in. Ending `docker exec` would leave its client waiting in the container,
# which runs its script once the server comes to itself.
CONNECT_SECONDS = 10
SESSION_NAME = "dbserver"
# What the owner of a database or a role may store for every session there (ALTER DATABASE, ALTER ROLE ... SET), and
# what would let it end, stall or take over one of ours. Options of the connection win over what is stored.
OWNERS_MEANS = {
    "role": "none",
    "local_preload_libraries": "",
    "statement_timeout": "0",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "0",
    "default_transaction_read_only": "off",
    "quote_all_identifiers": "off",
}
# A session of the administrator's finds nothing that an application has made: its operators and functions, which fit
# better than PostgreSQL's own where types differ, would run as superuser. With a synchronous archive that is away,
# every other commit waits for it: what brings it back must not.
SESSION = {**OWNERS_MEANS, "search_path": "pg_catalog", "synchronous_commit": "local"}
# From which major version on PostgreSQL has them; an older one ends a connection with an unknown option. A statement
# whose client is gone ends.
NEWER = {14: {"idle_session_timeout": "0", "client_connection_check_interval": "2s"}, 17: {"transaction_timeout": "0"}}


def psql(container: str, admin: str, database: str, seconds: float = QUERY_SECONDS) -> list[str]:
    """Return psql for a script on standard input: unaligned rows, stops at the first error.

    The one way in which a session of the administrator's is made. `seconds` is what a statement may take: its end is
    the server's, because ending this client would leave the statement at work.
    """
    options = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=terse"]
    session = {**SESSION, "statement_timeout": f"{seconds * 1000:.0f}"}
    known = [f"PGAPPNAME={SESSION_NAME}", f"PGCONNECT_TIMEOUT={CONNECT_SECONDS}", "PGCLIENTENCODING=UTF8"]
    client = ["env", *known, "psql"]
    return ["docker", "exec", "-i", container, *beginning(session), *client, *options, "-U", admin, "-d", database]


def beginning(session: Mapping[str, str]) -> list[str]:
    """Return what stands before a client in the container, so that its connections begin with these settings.

    Those that only newer servers have are added where the container's is one. No value may hold a space.
    """
    lines = [f'PGOPTIONS="{_as_options(session)}"']
    lines += [f'[ "${{PG_MAJOR%%.*}}0" -lt {major}0 ] || PGOPTIONS="$PGOPTIONS {_as_options(settings)}"'
              for major, settings in NEWER.items()]  # fmt: skip
    return ["sh", "-c", "\n".join([*lines, 'export PGOPTIONS; exec "$0" "$@"'])]


def _as_options(settings: Mapping[str, str]) -> str:
    return " ".join(f"-c {name}={value}" for name, value in settings.items())


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
