"""Commands that run in the Redis container. Pure: they run nothing."""

from collections.abc import Mapping, Sequence
from urllib.parse import unquote, urlsplit

from dbserver import contract
from dbserver.redis import access

PASSWORD_VARIABLE = "REDISCLI_AUTH"  # noqa: S105  a name
INNER = contract.INNER_CONFIG[contract.REDIS]
ADMIN_FILE = f"{INNER}/{access.ADMIN_FILE}"
ACL_FILE = f"{INNER}/{access.ACL_FILE}"
# The exit status of load_rules where Redis took the rules and did not list them.
LOADED = 9
# The master waits so long for more replicas before it sends its data; a backup sets it to nothing.
SYNC_DELAY = "repl-diskless-sync-delay"
# A process that was killed while it saved left what it had written; those names are Redis' own.
LEFT_OVER = " ".join(f"{contract.INNER_DATA[contract.REDIS]}/temp-{name}" for name in ("*.rdb", "rewriteaof-*.aof"))
LEFT_OVER_MARK = "left over: "
_AS_ADMIN = f'REDISCLI_AUTH=$(cat {ADMIN_FILE}) redis-cli --user "$0" -e'


def cli(container: str, admin: str, *arguments: str, terminal: bool = False) -> list[str]:
    """Return redis-cli inside the container as the administrator; an error reply ends with status 1 (-e).

    The password stays in the container: root there reads it from its file.
    """
    script = f'REDISCLI_AUTH=$(cat {ADMIN_FILE}) exec redis-cli --user "$0" -e "$@"'
    return ["docker", "exec", "-it" if terminal else "-i", container, "sh", "-c", script, admin, *arguments]


def tenant_cli(container: str, user: str, database: str, arguments: Sequence[str], *, terminal: bool) -> list[str]:
    """Return redis-cli as a tenant, or as everybody where `user` is empty.

    The password is not in the arguments: Docker takes the variable from the
    environment of its own client.
    """
    options = ["-it" if terminal else "-i", *(["--env", PASSWORD_VARIABLE] if user else [])]
    login = ["--user", user] if user else []
    return ["docker", "exec", *options, container, "redis-cli", *login, "-n", database, "-e", *arguments]


def login_of(url: str) -> tuple[str, str]:
    """Return user and password of a redis:// URL; both empty where it has none."""
    parts = urlsplit(url)
    return unquote(parts.username or ""), unquote(parts.password or "")


def lines(container: str, admin: str) -> list[str]:
    """Return redis-cli for commands on standard input, one a line, each reply in raw form."""
    return cli(container, admin, "--raw")


def client_list(reply: str) -> list[dict[str, str]]:
    """Return the connections that CLIENT LIST printed, this one and replicas left out."""
    rows = [
        dict(field.partition("=")[::2] for field in line.split(" ")) for line in reply.splitlines() if "addr=" in line
    ]
    return [row for row in rows if row.get("cmd") != "client|list" and not set(row.get("flags", "")) & {"M", "S"}]


def address_of(client: Mapping[str, str]) -> str:
    """Return the address without its port; empty for a connection that came through a Unix socket."""
    address = client.get("addr", "").rpartition(":")[0].strip("[]")
    return "" if "/" in address else address


def rules_before(container: str, admin: str) -> list[str]:
    """Return the command that prints what new rules are made from, with a NUL between each two; all of it or a failure.

    The SHA-256 of the administrator's local password, the categories and the
    commands for connections that the server knows, the ACL file if there is one.
    """
    script = (
        f"set -e; test -s {ADMIN_FILE}; tr -d '\\n' < {ADMIN_FILE} | sha256sum | cut -d ' ' -f 1; printf '\\0';"
        f" {_AS_ADMIN} ACL CAT; {_AS_ADMIN} ACL CAT connection; printf '\\0';"
        f" cat {ACL_FILE} || true"
    )
    return ["docker", "exec", container, "sh", "-c", script, admin]


def read_file(container: str, name: str) -> list[str]:
    """Return the command that prints one of the server's rendered files; nothing where it is gone."""
    return ["docker", "exec", container, "sh", "-c", 'cat "$0" || true', f"{INNER}/{name}"]


def rules_now(container: str, admin: str) -> list[str]:
    """Return the command that prints the ACL file if there is one, a NUL, and the rules in force, each a line."""
    script = f"cat {ACL_FILE} || true; printf '\\0'; {_AS_ADMIN} ACL LIST"
    return ["docker", "exec", container, "sh", "-c", script, admin]


def load_rules(container: str, admin: str) -> list[str]:
    """Return the command that loads the ACL file and prints Redis' OK, then the rules in force, each a line."""
    # Two connections: loading ends that of a user whose rules change, and the administrator may be one.
    script = f"{_AS_ADMIN} ACL LOAD || exit 1; {_AS_ADMIN} ACL LIST || exit {LOADED}"
    return ["docker", "exec", container, "sh", "-c", script, admin]


def wait_until_ready(container: str) -> list[str]:
    """Return a loop of at most 5 s that ends once PING is answered with PONG (not LOADING, not NOAUTH)."""
    loop = f"for i in $(seq 100); do {_ping()} && exit 0; sleep 0.05; done; exit 1"
    return ["docker", "exec", container, "sh", "-c", loop]


def health_check() -> list[str]:
    """Return the container's health check: PONG and nothing else is healthy."""
    return ["CMD-SHELL", _ping()]


def persistence_aside(names: list[str], suffix: str) -> str:
    """Return the script that puts persistence files of another mode aside: on a restart they would win."""
    data = contract.INNER_DATA[contract.REDIS]
    return "".join(
        f'if [ -e "{data}/{name}" ]; then mv "{data}/{name}" "{data}/{name}.{suffix}"; fi\n' for name in names
    )


def list_left_over(argv: Sequence[str]) -> list[str]:
    """Return a `docker exec -i CONTAINER ...` that first prints the files that a save may have left."""
    script = f'for file in {LEFT_OVER}; do [ ! -e "$file" ] || echo "{LEFT_OVER_MARK}$file"; done; exec "$@"'
    return [*argv[:4], "sh", "-c", script, "sh", *argv[4:]]


def remove_left_over(container: str, admin: str) -> list[str]:
    """Return the command that removes them; those that the running server writes itself are younger than it is."""
    script = f"""
    up=$({_AS_ADMIN} INFO server | tr -d '\\r' | sed -n 's/^uptime_in_seconds://p'); [ -n "$up" ] || exit 1
    began=$(($(date +%s) - up))
    for file in {LEFT_OVER}; do [ ! -f "$file" ] || [ "$(stat -c %Y "$file")" -ge "$began" ] || rm -f "$file"; done
    """
    return ["docker", "exec", container, "sh", "-c", script, admin]


def _ping() -> str:
    return '[ "$(redis-cli ping 2>&1)" = PONG ]'
