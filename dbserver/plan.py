"""What a server's container shall be: the program declares it so, operations compare with it. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from dbserver import contract
from dbserver.docker.containers import Container, HealthCheck, Published, logging
from dbserver.docker.images import Image
from dbserver.docker.privileges import PRIVILEGES, PROCESSES, Privileges
from dbserver.postgres import commands as postgres_commands
from dbserver.redis import commands as redis_commands
from dbserver.units import MIB

Own = tuple[list[str], list[str], list[str]]
# What it is, as planned, as it is there.
Pair = tuple[str, object, object]

LOOPBACK = "127.0.0.1"
RESTART = "always"
SHARED_MEMORY = 1024 * MIB
# No answer of Redis' is passed on by the host: it reaches the networks it is on, the host, and nobody beyond, who so
# opens no connection. Its users have no addresses.
NOT_BEYOND_THE_HOST = {"net.ipv4.ip_default_ttl": "1"}
LOG_DRIVER = "json-file"
LOG_OPTIONS = {"max-size": "10m", "max-file": "3"}
# Read where there is no data yet; postgres.initialising tells initdb more. A change here replaces every container.
INITDB = "--encoding=UTF8 --data-checksums --auth-host=scram-sha-256"
# What an update changes in a running container.
IN_PLACE = ("memory limit", "memory with swap", "restart policy", "limit of processes")
# Only the first start of a new data directory reads it: a password nobody
# knows, until the reconciliation a moment later sets the declared one.
RANDOM_PASSWORD_FILE = "/proc/sys/kernel/random/uuid"  # noqa: S105  a path

# jemalloc uses a large piece of freed memory for no small one, and gives it back after ten seconds: clients that filled
# and lost their buffers again and again took so much of it that the kernel killed the server. The official image's
# jemalloc reads the name with the prefix.
ALLOCATOR = "lg_extent_max_active_fit:30,dirty_decay_ms:1000"
REDIS_ALLOCATOR = [f"{prefix}MALLOC_CONF={ALLOCATOR}" for prefix in ("JE_", "")]


@dataclass(frozen=True)
class ContainerPlan:
    """One server's container. `memory` is its limit in bytes, `data_root` a directory of the host.

    `project` is the name by which compose knows both, `address` another one of the host on which it speaks TLS;
    `shared_memory` is in bytes.
    """

    server: str
    name: str
    image: str
    port: int
    memory: int
    data_root: str
    backups: str
    network: str
    project: str
    health_check: HealthCheck
    command: Sequence[str]
    environment: Sequence[str]
    address: str = ""
    restart: str = RESTART
    processes: int = PROCESSES
    shared_memory: int = SHARED_MEMORY
    log_driver: str = LOG_DRIVER
    log_options: Mapping[str, str] = field(default_factory=lambda: LOG_OPTIONS)
    stop_seconds: int = contract.STOP_SECONDS

    @property
    def mounts(self) -> dict[str, str]:
        """Path in the container -> directory of the host. PostgreSQL's own programs write the backups."""
        own = {contract.INNER_BACKUPS: self.backups, contract.INNER_SOCKET: contract.socket_directory(self.data_root)}
        return {
            contract.INNER_DATA[self.server]: contract.data_directory(self.data_root, self.server),
            contract.INNER_CONFIG[self.server]: contract.config_directory(self.data_root, self.server),
            **(own if self.server == contract.POSTGRES else {}),
        }

    @property
    def privileges(self) -> Privileges:
        """What the container may do."""
        return PRIVILEGES[self.server]

    @property
    def sysctls(self) -> Mapping[str, str]:
        """Parameters of the kernel for its network; PostgreSQL knows its clients by their addresses."""
        return NOT_BEYOND_THE_HOST if self.server == contract.REDIS and not self.address else {}

    @property
    def published(self) -> tuple[Published, ...]:
        """What of it is reached from outside the network; the highest address of a port first, see `in_order`."""
        here = Published(f"{contract.INNER_PORT[self.server]}/tcp", LOOPBACK, self.port)
        outside = Published(f"{contract.TLS_PORT[self.server]}/tcp", self.address, self.port)
        every = (here, outside) if self.address else (here,)
        return tuple(sorted(sorted(every, key=_number, reverse=True), key=lambda each: each.inner))

    def read_only(self, target: str) -> bool:
        """Return True for a path in the container that its server cannot write to."""
        return target == contract.INNER_CONFIG[self.server]

    def labels(self, stack: str, image: Image) -> dict[str, str]:
        """Return the labels by which operations know the container, whoever makes it."""
        return {
            contract.LABEL_SERVER: self.server,
            contract.LABEL_VERSION: image.major,
            contract.LABEL_STACK: stack,
            # The provider compares names only: this shows a new image under an old tag.
            contract.LABEL_IMAGE: image.identity,
        }


@dataclass(frozen=True)
class Names:
    """What both servers' plans share: directories of the host, the network, the administrator, compose's project.

    `outside` is server -> the address on which it is reached from outside the host, of those that are.
    """

    data_root: str
    backups: str
    network: str
    admin: str
    project: str
    outside: Mapping[str, str] = field(default_factory=dict)


def container_plan(server: str, names: Names, name: str, image: str, port: int, memory: int) -> ContainerPlan:
    """Return what a server's container shall be."""
    health_check, command, environment = OWN[server](names.admin)
    return ContainerPlan(
        server=server,
        name=name,
        image=image,
        port=port,
        memory=memory,
        data_root=names.data_root,
        backups=names.backups,
        network=names.network,
        project=names.project,
        health_check=HealthCheck(tuple(health_check), interval=5, timeout=5, start_period=60, retries=5),
        command=command,
        environment=environment,
        address=names.outside.get(server, ""),
    )


def _postgres(admin: str) -> Own:
    environment = [
        f"PGDATA={contract.INNER_DATA[contract.POSTGRES]}",
        f"POSTGRES_USER={admin}",
        f"POSTGRES_DB={admin}",
        f"POSTGRES_PASSWORD_FILE={RANDOM_PASSWORD_FILE}",
        f"POSTGRES_INITDB_ARGS={INITDB}",
    ]
    command = ["postgres", "-c", f"config_file={contract.config_path(contract.POSTGRES)}"]
    return postgres_commands.health_check(admin), command, environment


def _redis(_admin: str) -> Own:
    return redis_commands.health_check(), ["redis-server", contract.config_path(contract.REDIS)], REDIS_ALLOCATOR


# What differs between the servers: health check, command, environment; from the administrator's name.
OWN: dict[str, Callable[[str], Own]] = {contract.POSTGRES: _postgres, contract.REDIS: _redis}


def differences(plan: ContainerPlan, found: Container, identity: str = "") -> list[str]:
    """Return what of a container is not as planned, each with both values; nothing else of it matters.

    `identity` is the digest of the planned image on this machine, empty where it is not there.
    """
    return [told(*each) for each in _differences(plan, found, identity)]


def replacing(plan: ContainerPlan, found: Container, identity: str) -> list[str]:
    """Return those differences for which an update replaces the container."""
    return [told(*each) for each in _differences(plan, found, identity) if each[0] not in IN_PLACE]


def in_order(plan: ContainerPlan, staying: Container | None) -> tuple[Published, ...]:
    """Return what is published in the order in which Docker tells it of a container that stays.

    The provider compares in that order, and replaces for another one. Docker before 28 turns the order of creation
    round, later it sorts: either way, of a container made from the plan it tells the lowest address first.
    """
    if staying is None:
        return plan.published
    if {*staying.bindings} == {*plan.published}:
        return staying.bindings
    return tuple(sorted(plan.published, key=lambda each: (each.inner, _number(each))))


def _number(published: Published) -> list[str]:
    return [part.zfill(3) for part in published.address.split(".")]


def image(name: str, found: Container, identity: str) -> list[Pair]:
    """Return what is planned and what is there of a container's image; a stand-in is as good as what it stands for."""
    prefix = contract.STAND_IN_PREFIX
    return [
        ("image", name.removeprefix(prefix), found.image.removeprefix(prefix)),
        ("image identity", identity or found.image_id, found.image_id),
        ("label " + contract.LABEL_IMAGE, found.image_id, found.labels.get(contract.LABEL_IMAGE)),
    ]


def unlike(pairs: Sequence[Pair]) -> list[Pair]:
    """Return those where what is there is not what is planned."""
    return [pair for pair in pairs if pair[1] != pair[2]]


def _differences(plan: ContainerPlan, found: Container, identity: str) -> list[Pair]:
    environment = dict(entry.split("=", 1) for entry in plan.environment)
    pairs: list[Pair] = [
        *image(plan.image, found, identity),
        ("command", list(plan.command), list(found.command)),
        ("environment", environment, {name: found.environment.get(name) for name in environment}),
        ("volumes", plan.mounts, found.mounts),
        ("volumes that are only read", tuple(sorted(filter(plan.read_only, plan.mounts))), found.unwritable),
        ("health check", plan.health_check, found.health_check),
        ("networks", [plan.network], sorted(found.networks)),
        ("network alias", plan.server, plan.server if plan.server in found.aliases else "none"),
        ("published port", tuple(sorted(plan.published)), found.published),
        ("memory limit", plan.memory, found.memory),
        ("memory with swap", plan.memory, found.swap),
        ("restart policy", plan.restart, found.restart_policy),
        ("limit of processes", plan.processes, found.pids),
        ("shared memory", plan.shared_memory, found.shared_memory),
        ("log", logging(plan.log_driver, plan.log_options), found.log),
        ("seconds to stop", plan.stop_seconds, found.stop_seconds),
        ("privileges", plan.privileges, found.privileges),
        ("sysctls", dict(plan.sysctls), dict(found.sysctls)),
        ("label " + contract.LABEL_SERVER, plan.server, found.labels.get(contract.LABEL_SERVER)),
        ("label " + contract.LABEL_PROJECT, plan.project, found.labels.get(contract.LABEL_PROJECT)),
    ]
    return unlike(pairs)


def told(what: str, wanted: object, actual: object) -> str:
    """Return a difference as text, with both values."""
    return f"{what}: {_shown(actual)}, declared is {_shown(wanted)}"


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(str(each) for each in value) or "none"
    if isinstance(value, HealthCheck):
        times = f"every {value.interval} s, within {value.timeout} s, {value.retries} retries"
        return f"{' '.join(value.test)} ({times}, {value.start_period} s to start)"
    return str(value)
