"""Server settings: what follows from the memory limit, and the file that holds them.

Sources of the rules: the PostgreSQL manual, "Resource Consumption" (a quarter
of the memory for shared_buffers) and "Query Planning" (effective_cache_size
as what the server may expect to find cached).
"""

from collections.abc import Mapping, Sequence

from dbserver import contract

MIB = 1024 * 1024
HBA_FILE = "pg_hba.conf"
MEMORY_PER_CONNECTION = 10 * MIB

# What the stack itself decides; in `settings` they would break what it promises.
MANAGED = {
    "config_file": "the stack mounts its own",
    "data_directory": "set dataDirectory",
    "hba_file": "the stack decides who may connect",
    "ident_file": "the stack decides who may connect",
    "external_pid_file": "the container's paths are fixed",
    "include": "put the settings themselves here",
    "include_dir": "put the settings themselves here",
    "include_if_exists": "put the settings themselves here",
    "listen_addresses": "the server listens inside its network only",
    "max_connections": "set postgres.maxConnections",
    "password_encryption": "always scram-sha-256",
    "port": "set postgres.port, the port on the host",
    "unix_socket_directories": "operations come in through the socket",
}


def derived(memory: int, max_connections: int | None) -> dict[str, str]:
    """Return the settings that follow from the container's memory limit in bytes."""
    connections = max_connections or default_connections(memory)
    shared = memory // 4
    per_sort = (memory - shared) // (connections * 4)
    return {
        "max_connections": str(connections),
        "shared_buffers": megabytes(shared),
        "effective_cache_size": megabytes(memory * 3 // 4),
        "maintenance_work_mem": megabytes(min(memory // 16, 2048 * MIB)),
        "work_mem": megabytes(max(per_sort, MIB)),
        "password_encryption": "scram-sha-256",
    }


def default_connections(memory: int) -> int:
    """Return max_connections for a memory limit in bytes: one per 10 MiB, from 25 to 500."""
    return max(25, min(500, memory // MEMORY_PER_CONNECTION))


def megabytes(amount: int) -> str:
    """Return bytes in the form of a setting, rounded down to whole MB."""
    return f"{amount // MIB}MB"


def render(settings: Mapping[str, str]) -> str:
    """Return the configuration file: what initdb chose, then what the stack declares."""
    lines = [
        "# Rendered by the db-server stack: change its configuration, not this file.",
        f"hba_file = '{contract.INNER_CONFIG[contract.POSTGRES]}/{HBA_FILE}'",
        f"include '{contract.INNER_DATA[contract.POSTGRES]}/postgresql.conf'",
        *(f"{name} = {quoted(value)}" for name, value in sorted(settings.items())),
    ]
    return "\n".join(lines) + "\n"


def quoted(value: str) -> str:
    """Return a value as postgresql.conf takes it."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def render_hba(admin: str, gateways: Sequence[str]) -> str:
    """Return who may connect from where.

    The administrator comes through the socket or from the host, whose
    connections arrive from the network's gateway; never from a container on
    the network. Everybody else needs a password.
    """
    host_only = ["127.0.0.1/32", "::1/128", *(f"{gateway}/{128 if ':' in gateway else 32}" for gateway in gateways)]
    lines = [
        "# Rendered by the db-server stack: change its configuration, not this file.",
        "local all all trust",
        f'local replication "{admin}" trust',
        *(f'host all "{admin}" {address} scram-sha-256' for address in host_only),
        f'host all "{admin}" all reject',
        "host replication all all reject",
        "host all all all scram-sha-256",
    ]
    return "\n".join(lines) + "\n"
