"""Redis settings: what the declared persistence and memory mean, and the file that holds them.

Sources: the Redis documentation on persistence and on eviction.
"""

from collections.abc import Mapping
from typing import Literal

from dbserver import contract
from dbserver.redis import access, limits

Persistence = Literal["none", "snapshot", "append-only"]
EVICTION_POLICIES = (
    "noeviction",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
)
SNAPSHOT_POINTS = "3600 1 300 100 60 10000"
APPEND_ONLY_DIRECTORY = "appendonlydir"
APPEND_ONLY_MANIFEST = "appendonly.aof.manifest"
SNAPSHOT_FILE = "dump.rdb"
# Redis before 7 kept one file, which a newer one takes over into the directory.
APPEND_ONLY_FILES = (APPEND_ONLY_DIRECTORY, "appendonly.aof")


# In this order while it runs: the port is opened with the certificate that is there.
CERTIFICATE = contract.certificate_path(contract.REDIS)
FILES = ("tls-cert-file", "tls-key-file")
ENCRYPTED = {
    **dict.fromkeys(FILES, CERTIFICATE),
    "tls-auth-clients": "no",
    "tls-port": str(contract.TLS_PORT[contract.REDIS]),
}


# While an application's keys come back from a backup, each value in one piece.
NO_LIMITS = {"proto-max-bulk-len": "512mb", "client-query-buffer-limit": "1gb", "maxmemory-clients": "0"}


def derived(
    memory: int, eviction_policy: str, persistence: Persistence, declared: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the settings for a container's memory limit in bytes; `declared` are given instead of what follows."""
    return {
        **limits.derived(memory, persistence, declared or {}).settings(),
        "maxmemory-policy": eviction_policy,
        "appendonly": "yes" if persistence == "append-only" else "no",
        "appendfsync": "everysec",
        # Without the times in it, no moment of the append-only file can be found again.
        "aof-timestamp-enabled": "yes",
        "save": "" if persistence == "none" else SNAPSHOT_POINTS,
        "notify-keyspace-events": limits.events((declared or {}).get("notify-keyspace-events", "")),
    }


def persistence_of(settings: Mapping[str, str]) -> Persistence:
    """Return the persistence that these settings mean."""
    if settings["appendonly"] == "yes":
        return "append-only"
    return "snapshot" if settings["save"] else "none"


def first_settings(wanted: Mapping[str, str], *, has_append_only: bool, has_snapshot: bool) -> dict[str, str]:
    """Return the settings to start with on data that is there: those under which it is read.

    A server told to append only, on a directory that holds just a snapshot,
    starts EMPTY; one told not to, ignores an append-only file. So it starts
    as its data is, and becomes what is declared while it runs.
    """
    if has_append_only:
        return {**wanted, "appendonly": "yes"}
    return {**wanted, "appendonly": "no"} if has_snapshot else dict(wanted)


def render(settings: Mapping[str, str]) -> str:
    """Return the configuration file."""
    lines = [
        "# Rendered by the db-server stack: change its configuration, not this file.",
        f"dir {contract.INNER_DATA[contract.REDIS]}",
        f"port {contract.INNER_PORT[contract.REDIS]}",
        "bind * -::*",
        # Nothing outside the host reaches this port: it is published on the
        # loopback only, and on the network every application may connect.
        "protected-mode no",
        f"aclfile {contract.INNER_CONFIG[contract.REDIS]}/{access.ACL_FILE}",
        f"dbfilename {SNAPSHOT_FILE}",
        f"appenddirname {APPEND_ONLY_DIRECTORY}",
        *(f"{name} {value or chr(34) * 2}" for name, value in sorted(settings.items())),
    ]
    return "\n".join(lines) + "\n"
