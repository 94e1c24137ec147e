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

# A client that vanished without a word would hold its connection, one of its role's limit, for the kernel's two hours,
# and its colour would not be gone; so it ends within a minute.
VANISHED = {"tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3"}

# Whoever does not log in holds a connection all the same, of those that the administrator shares: for a minute, if
# PostgreSQL is not told otherwise. A login takes milliseconds, over TLS too.
LOGGING_IN = {"authentication_timeout": "5s"}

# With a certificate of its own. Every connection may ask for it; who has to, is in the rules of who may connect.
CERTIFICATE = contract.certificate_path(contract.POSTGRES)
ENCRYPTED = {
    "ssl": "on",
    "ssl_cert_file": CERTIFICATE,
    "ssl_key_file": CERTIFICATE,
    "ssl_min_protocol_version": "TLSv1.2",
}

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

# What PostgreSQL 17 and 18 take at a start only, for where no server tells it (pg_settings, context `postmaster`).
RESTARTING = frozenset((
    "archive_mode", "autovacuum_freeze_max_age", "autovacuum_max_workers", "autovacuum_multixact_freeze_max_age",
    "autovacuum_worker_slots", "bonjour", "bonjour_name", "cluster_name", "commit_timestamp_buffers", "config_file",
    "data_directory", "data_sync_retry", "debug_io_direct", "dynamic_shared_memory_type", "event_source",
    "external_pid_file", "hba_file", "hot_standby", "huge_page_size", "huge_pages", "ident_file",
    "ignore_invalid_pages", "io_max_combine_limit", "io_max_concurrency", "io_method", "jit_provider",
    "listen_addresses", "logging_collector", "max_active_replication_origins", "max_connections",
    "max_files_per_process", "max_locks_per_transaction", "max_logical_replication_workers", "max_notify_queue_pages",
    "max_pred_locks_per_transaction", "max_prepared_transactions", "max_replication_slots", "max_wal_senders",
    "max_worker_processes", "min_dynamic_shared_memory", "multixact_member_buffers", "multixact_offset_buffers",
    "notify_buffers", "port", "recovery_target", "recovery_target_action", "recovery_target_inclusive",
    "recovery_target_lsn", "recovery_target_name", "recovery_target_time", "recovery_target_timeline",
    "recovery_target_xid", "reserved_connections", "serializable_buffers", "shared_buffers", "shared_memory_type",
    "shared_preload_libraries", "subtransaction_buffers", "superuser_reserved_connections",
    "trace_connection_negotiation", "track_activity_query_size", "track_commit_timestamp", "transaction_buffers",
    "unix_socket_directories", "unix_socket_group", "unix_socket_permissions", "wal_buffers",
    "wal_decode_buffer_size", "wal_level", "wal_log_hints",
))  # fmt: skip


def derived(memory: int, max_connections: int | None) -> dict[str, str]:
    """Return the settings that follow from the container's memory limit in bytes, and those of every server."""
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
        **VANISHED,
        **LOGGING_IN,
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


def changed(before: str, after: str) -> list[str]:
    """Return the names of the settings whose lines differ between two files."""
    lines = {*before.splitlines()} ^ {*after.splitlines()}
    return sorted({line.partition(" = ")[0] for line in lines if " = " in line})


def quoted(value: str) -> str:
    """Return a value as postgresql.conf takes it."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def published(settings: Mapping[str, str]) -> bool:
    """Return True for the settings of a server that is reached from outside its host."""
    return settings.get("ssl_key_file") == CERTIFICATE


def render_hba(admin: str, gateways: Sequence[str], *, outside: bool = False) -> str:
    """Return who may connect from where.

    The administrator comes through the socket or from the host, whose
    connections arrive from the network's gateway; never from a container on
    the network. Everybody else needs a password, and comes from the networks
    that the container is on; from anywhere, with TLS, where that is `outside`.
    """
    through = [f"{gateway}/{128 if ':' in gateway else 32}" for gateway in gateways]
    # What Docker's proxy forwards from outside arrives from the gateway too, and looks like the host.
    host_only = ["127.0.0.1/32", "::1/128", *([] if outside else through)]
    lines = [
        "# Rendered by the db-server stack: change its configuration, not this file.",
        "local all all trust",
        f'local replication "{admin}" trust',
        *(f'host all "{admin}" {address} scram-sha-256' for address in host_only),
        f'host all "{admin}" all reject',
        "host replication all all reject",
        *(f"hostnossl all all {gateway} reject" for gateway in through if outside),
        "host all all 127.0.0.1/32 scram-sha-256",
        "host all all ::1/128 scram-sha-256",
        # The server's own interfaces at the moment of a login: a network that was made anew locks nobody out.
        "host all all samenet scram-sha-256",
        *(["hostssl all all all scram-sha-256"] if outside else []),
        "host all all all reject",
    ]
    return "\n".join(lines) + "\n"
