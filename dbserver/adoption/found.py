"""What was found: both containers, what their servers hold, and who uses them. Frozen; it looks at nothing itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from dbserver import contract
from dbserver.docker.containers import Container

# Settings that follow from the memory where the stack is not told: told as they are, nothing changes.
DERIVED = ("shared_buffers", "effective_cache_size", "maintenance_work_mem", "work_mem")
TEMPLATES = ("postgres", "template0", "template1")


@dataclass(frozen=True)
class Database:
    """One database. `properties` and `roles` are as a backup's manifest has them; `public` owns its schema public."""

    name: str
    properties: Mapping[str, Any]
    roles: Sequence[Mapping[str, Any]]
    size: int
    public: str

    @property
    def owner(self) -> str:
        """The role that owns it."""
        return str(self.properties["owner"])

    @property
    def extensions(self) -> list[str]:
        """The names of what is installed in it."""
        return [str(entry["name"]) for entry in self.properties["extensions"]]


@dataclass(frozen=True)
class Postgres:
    """A running PostgreSQL. `told` is what it says of itself; see postgres.adoption.server."""

    container: Container
    image_id: str
    admin: str
    told: Mapping[str, Any]
    databases: Sequence[Database]

    @cached_property
    def roles(self) -> dict[str, Mapping[str, Any]]:
        """Every role by its name."""
        return {role["name"]: role for role in self.told["roles"]}

    @property
    def data(self) -> str:
        """The directory of the host that holds the data; empty where it is in none."""
        return on_host(self.container, str(self.told["data_directory"]))

    def connected(self, database: str) -> int:
        """Return how many clients a database has now."""
        return sum(each["total"] for each in self.told["connected"] if each["database"] == database)

    @property
    def overrides(self) -> dict[str, str]:
        """Settings that ALTER SYSTEM has set and the stack will have in its file instead."""
        names = (*DERIVED, "max_connections", "password_encryption")
        known = self.told["settings"]
        return {s["name"]: s["value"] for s in known if s["name"] in names and s["file"].endswith("auto.conf")}

    @property
    def carried(self) -> dict[str, str]:
        """Settings that are nowhere in the data: given as arguments, or in a file of elsewhere."""
        inside = f"{self.told['data_directory']}/"
        known = [s for s in self.told["settings"] if not s["file"].startswith(inside)]
        return {s["name"]: s["value"] for s in known if s["name"] not in DERIVED}

    @property
    def derived(self) -> dict[str, str]:
        """What would follow from the memory, as it is."""
        return {s["name"]: s["value"] for s in self.told["settings"] if s["name"] in DERIVED}


@dataclass(frozen=True)
class Redis:
    """A running Redis. `settings` are those of CONFIG, without its password; `files` are in its directory."""

    container: Container
    image_id: str
    info: Mapping[str, str]
    settings: Mapping[str, str]
    users: Sequence[str]
    files: Sequence[str]
    has_password: bool

    @property
    def data(self) -> str:
        """The directory of the host that holds the data; empty where it is in none."""
        return on_host(self.container, self.settings["dir"])

    @property
    def keys(self) -> dict[str, int]:
        """Database -> keys."""
        return {name: count(text) for name, text in self.info.items() if name.startswith("db") and "keys=" in text}


@dataclass(frozen=True)
class Installation:
    """Both servers, the network, and `gateways`: the addresses under which the host itself comes."""

    postgres: Postgres
    redis: Redis
    network: str
    gateways: Sequence[str]

    @property
    def containers(self) -> dict[str, Container]:
        """Server -> its container."""
        return {contract.POSTGRES: self.postgres.container, contract.REDIS: self.redis.container}

    @property
    def data(self) -> dict[str, str]:
        """Server -> directory of the host."""
        return {contract.POSTGRES: self.postgres.data, contract.REDIS: self.redis.data}


def on_host(container: Container, path: str) -> str:
    """Return where a path of the container is on the host; empty where it is on a volume or in the container alone."""
    inner = PurePosixPath(path)
    above = [target for target in container.mounts if inner.is_relative_to(target)]
    nearest = max(above, key=len, default="")
    if nearest not in container.binds:
        return ""
    return str(PurePosixPath(container.binds[nearest]) / inner.relative_to(nearest))


def count(text: str) -> int:
    """Return the keys that a line of INFO keyspace names, such as keys=3,expires=0,avg_ttl=0."""
    fields = dict(part.partition("=")[::2] for part in text.split(","))
    return int(fields.get("keys", 0))
