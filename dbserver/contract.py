"""What both rooms and the outside agree on: names, labels, paths, outputs."""

PROJECT = "db-server"

POSTGRES = "postgres"
REDIS = "redis"
SERVERS = (POSTGRES, REDIS)

DEFAULT_STACK = "dev"
DEFAULT_NETWORK = "nginx-network"
DEFAULT_CONTAINER = {POSTGRES: "db-server-postgres", REDIS: "db-server-redis"}
DEFAULT_IMAGE = {POSTGRES: "postgres:17", REDIS: "redis:8"}
DEFAULT_PORT = {POSTGRES: 5432, REDIS: 6379}
DEFAULT_DATA_DIRECTORY = "/data/db-server"
DEFAULT_ADMIN = "dbadmin"

STAND_IN_PREFIX = "db-server-stand-in/"

LABEL_SERVER = "com.database.server"
LABEL_VERSION = "com.database.version"
LABEL_STACK = "com.database.stack"
LABEL_IMAGE = "com.database.image"

# Inside the containers. The data paths are those of the official images'
# documentation; the configuration paths are the ones its examples use.
INNER_PORT = {POSTGRES: 5432, REDIS: 6379}
INNER_DATA = {POSTGRES: "/var/lib/postgresql/data", REDIS: "/data"}
INNER_CONFIG = {POSTGRES: "/etc/postgresql", REDIS: "/usr/local/etc/redis"}
CONFIG_FILE = {POSTGRES: "postgresql.conf", REDIS: "redis.conf"}

STOP_SECONDS = 60

# How the program's own errors begin, so that a verb knows its exit code.
FAULTY = "the configuration has faults; nothing was changed:"
REFUSED = "refused before anything was changed:"


def data_directory(root: str, server: str) -> str:
    """Return the host directory that holds a server's data."""
    return f"{root}/{server}"


def config_directory(root: str, server: str) -> str:
    """Return the host directory that holds a server's rendered configuration files."""
    return f"{root}/config/{server}"
