"""What both rooms and the outside agree on: names, labels, paths, outputs."""

import re
from pathlib import PurePath

PROJECT = "db-server"

POSTGRES = "postgres"
REDIS = "redis"
SERVERS = (POSTGRES, REDIS)
ARCHIVE = "archive"

DEFAULT_STACK = "dev"
DEFAULT_BACKEND = "file://./.state"
DEFAULT_NETWORK = "nginx-network"
DEFAULT_CONTAINER = {POSTGRES: "db-server-postgres", REDIS: "db-server-redis", ARCHIVE: "db-server-archive"}
DEFAULT_IMAGE = {POSTGRES: "postgres:17", REDIS: "redis:8"}
DEFAULT_PORT = {POSTGRES: 5432, REDIS: 6379}
DEFAULT_MEMORY = {POSTGRES: "1g", REDIS: "256m"}
DEFAULT_DATA_DIRECTORY = "/data/db-server"
DEFAULT_BACKUP_DIRECTORY = "backups"
DEFAULT_ADMIN = "dbadmin"

STAND_IN_PREFIX = "db-server-stand-in/"

LABEL_SERVER = "com.database.server"
# The oldest major versions that the tests run.
OLDEST = {POSTGRES: 15, REDIS: 7}
LABEL_VERSION = "com.database.version"
LABEL_STACK = "com.database.stack"
LABEL_IMAGE = "com.database.image"

# The file in the project's directory with which `docker compose` knows our containers, and the label by which it does.
COMPOSE_FILE = "docker-compose.yml"
LABEL_PROJECT = "com.docker.compose.project"

# Inside the containers. The data paths are those of the official images'
# documentation; the configuration paths are the ones its examples use.
INNER_PORT = {POSTGRES: 5432, REDIS: 6379}
INNER_DATA = {POSTGRES: "/var/lib/postgresql/data", REDIS: "/data"}
INNER_CONFIG = {POSTGRES: "/etc/postgresql", REDIS: "/usr/local/etc/redis"}
INNER_BACKUPS = "/backups"
INNER_SOCKET = "/var/run/postgresql"
INNER_ARCHIVE = "/archive"
CONFIG_FILE = {POSTGRES: "postgresql.conf", REDIS: "redis.conf"}
# Certificate and key in one file, so that one rename replaces both.
CERTIFICATE_FILE = "server.pem"
# Beside the rendered files: which data belongs to them. In Redis' data directory: which data this is.
IDENTITY_FILE = "db-server-identity"
# Beside the rendered files: whose state has made the server.
OWNER_FILE = "db-server-owner"
# Where a server speaks TLS: PostgreSQL beside clear text, by its rules. 6380 is that of Redis' throwaways.
TLS_SERVERS = (POSTGRES,)
TLS_PORT = {POSTGRES: 5432, REDIS: 6390}

STOP_SECONDS = 60

# Set to anything, it lets the program cut application containers off; `start` sets it for its flag.
DISCONNECT_VARIABLE = "DBSERVER_DISCONNECT_APPLICATIONS"
DISCONNECT_FLAG, DISCONNECT_ALSO = "--disconnect-applications", "--even-if-connected"
# Set to anything, it lets the program recreate a container without backing up what it holds before.
NO_CHECKPOINT_VARIABLE = "DBSERVER_NO_CHECKPOINT"
NO_CHECKPOINT_FLAG = "--no-checkpoint"
# Set to anything, it lets the program keep the containers of elsewhere that it takes over; `adopt` sets it.
KEEP_VARIABLE = "DBSERVER_KEEP_FOREIGN_CONTAINERS"
KEPT_DAYS = 7  # a database that a restore has replaced
KEPT_SUFFIX = "-before-adoption"
# Set to anything, it lets the program take whatever a data directory holds, nothing included, for the stack's data.
NEW_SERVER_VARIABLE = "DBSERVER_NEW_SERVER"
NEW_SERVER_FLAG = "--new-server"
# Set to anything, it lets the program take over running servers that another state has made.
TAKE_OVER_VARIABLE = "DBSERVER_TAKE_OVER"
TAKE_OVER_FLAG = "--take-over"

# How the program's own errors begin, so that a verb knows its exit code.
FAULTY = "the configuration has faults; nothing was changed:"
REFUSED = "refused before anything was changed:"


def config_path(server: str) -> str:
    """Return the path of a server's configuration file in its container."""
    return f"{INNER_CONFIG[server]}/{CONFIG_FILE[server]}"


def certificate_path(server: str) -> str:
    """Return the path of a server's certificate and key in its container."""
    return f"{INNER_CONFIG[server]}/{CERTIFICATE_FILE}"


def data_directory(root: str, server: str) -> str:
    """Return the host directory that holds a server's data."""
    return f"{root}/{server}"


def config_directory(root: str, server: str) -> str:
    """Return the host directory that holds a server's rendered configuration files."""
    return f"{root}/config/{server}"


# The property of an application's resource that says where its passwords are kept, in the state too.
KEPT_IN = "passwordDirectory"


def password_directory(root: str, role: str) -> str:
    """Return the host directory that keeps the generated passwords of an application; no container has it."""
    return f"{root}/config/passwords/{role}"


def socket_directory(root: str) -> str:
    """Return the host directory of PostgreSQL's socket: who reaches it is the administrator."""
    return f"{root}/run/{POSTGRES}"


def archive_directory(root: str, declared: str | None) -> str:
    """Return the host directory of the continuous archive."""
    return declared or f"{root}/{ARCHIVE}"


def compose_project(container: str) -> str:
    """Return the name of compose's project, from that of PostgreSQL's container.

    A container's name is one daemon's only one. With the stack's name, `docker compose down` of one checkout would
    remove the containers of another.
    """
    return re.sub(r"[^a-z0-9_-]", "-", container.lower())


def backup_directory(project: PurePath, declared: str) -> str:
    """Return the host directory that holds the backups; what is declared without a root is in the project's."""
    return str(project / declared)
