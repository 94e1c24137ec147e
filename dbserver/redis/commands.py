"""Commands that run in the Redis container. Pure: they run nothing."""

from dbserver import contract
from dbserver.redis import access

ADMIN_FILE = f"{contract.INNER_CONFIG[contract.REDIS]}/{access.ADMIN_FILE}"


def cli(container: str, admin: str, *arguments: str) -> list[str]:
    """Return redis-cli inside the container as the administrator; an error reply ends with status 1 (-e).

    The password stays in the container: root there reads it from its file.
    """
    script = f'REDISCLI_AUTH=$(cat {ADMIN_FILE}) exec redis-cli --user "$0" -e "$@"'
    return ["docker", "exec", "-i", container, "sh", "-c", script, admin, *arguments]


def admin_hash(container: str) -> list[str]:
    """Return the command that prints the SHA-256 of the administrator's local password."""
    return [
        "docker",
        "exec",
        container,
        "sh",
        "-c",
        f"test -s {ADMIN_FILE} && tr -d '\\n' < {ADMIN_FILE} | sha256sum | cut -d ' ' -f 1",
    ]


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


def _ping() -> str:
    return '[ "$(redis-cli ping 2>&1)" = PONG ]'
