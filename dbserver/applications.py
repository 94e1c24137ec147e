"""An application as both rooms and the outside know it: its names, its connections, its environment."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from dbserver import contract

COLOURS = 2


def default_database(name: str) -> str:
    """Return the database of an application that names none."""
    return name.replace("-", "_")


@dataclass(frozen=True)
class Application:
    """One application. `pool_size` is connections per instance, `instances` are per colour."""

    name: str
    database: str
    role: str
    pool_size: int
    instances: int
    redis_database: int = 0
    redis_prefix: str = ""

    @property
    def connections(self) -> int:
        """The most connections it opens: every pool full, both colours running."""
        return self.pool_size * self.instances * COLOURS


def environment(
    application: Application, hosts: Mapping[str, str], password: str, redis_password: str | None
) -> dict[str, str]:
    """Return what an application needs to connect, as in the integration document.

    `redis_password` is None where every application may use Redis without one: then nothing says as whom. `password` is
    empty where the server alone knows it.
    """
    host, redis_host = hosts[contract.POSTGRES], hosts[contract.REDIS]
    port, redis_port = contract.INNER_PORT[contract.POSTGRES], contract.INNER_PORT[contract.REDIS]
    # Without a password the URL has no place for one: an empty one would look like one that works.
    user = ":".join(quote(word, safe="") for word in (application.role, password) if word)
    tenant = "" if redis_password is None else f"{application.name}:{quote(redis_password, safe='')}@"
    as_tenant = {} if redis_password is None else {"REDIS_USER": application.name, "REDIS_PASSWORD": redis_password}
    return {
        "DATABASE_URL": f"postgresql://{user}@{host}:{port}/{quote(application.database, safe='')}",
        "DB_HOST": host,
        "DB_PORT": str(port),
        "DB_NAME": application.database,
        "DB_USER": application.role,
        "DB_PASSWORD": password,
        "REDIS_URL": f"redis://{tenant}{redis_host}:{redis_port}/{application.redis_database}",
        "REDIS_HOST": redis_host,
        "REDIS_PORT": str(redis_port),
        **as_tenant,
        "REDIS_PREFIX": application.redis_prefix,
    }


def on_host(
    variables: Mapping[str, str], published: Mapping[str, tuple[str, int]], encrypted: Collection[str]
) -> dict[str, str]:
    """Return the environment of a program on the Docker host itself.

    `published` is server -> address and port there, `encrypted` are the servers that are reached from outside the host.
    """
    moved = dict(variables)
    for name, url, server in (("DB", "DATABASE_URL", contract.POSTGRES), ("REDIS", "REDIS_URL", contract.REDIS)):
        address, port = published[server]
        parts = urlsplit(variables[url])
        user = "".join(parts.netloc.rpartition("@")[:2])
        moved[url] = parts._replace(netloc=f"{user}{address}:{port}").geturl()
        moved |= {f"{name}_HOST": address, f"{name}_PORT": str(port)}
    if contract.POSTGRES in encrypted:
        # PostgreSQL then rejects clear text from the host; Redis' loopback port stays as it was.
        moved["DATABASE_URL"] += "?sslmode=require"
    return moved


def secrets(variables: Mapping[str, str]) -> list[str]:
    """Return every text that lets somebody in: the passwords, as they stand in a URL too, and what holds one."""
    passwords = [value for name, value in variables.items() if name.endswith("_PASSWORD") and value]
    known = dict.fromkeys(form for password in passwords for form in (password, quote(password, safe="")))
    return list(known | dict.fromkeys(value for value in variables.values() if any(each in value for each in known)))


@dataclass(frozen=True)
class Budget:
    """The connections that are declared against those that the server takes."""

    applications: tuple[tuple[str, int, int], ...]
    admin_reserve: int
    superuser_reserve: int
    max_connections: int

    @property
    def needed(self) -> int:
        """The sum of all terms."""
        pools = sum(pool * instances * COLOURS for _, pool, instances in self.applications)
        return pools + self.admin_reserve + self.superuser_reserve

    def fault(self) -> str:
        """Return the terms where they do not fit, else nothing."""
        if self.needed <= self.max_connections:
            return ""
        terms = [f"{name} {pool} x {count} x {COLOURS} colours" for name, pool, count in self.applications]
        terms += [f"administrator's reserve {self.admin_reserve}", f"superuser reserve {self.superuser_reserve}"]
        return (
            f"applications: {self.needed} connections are declared, max_connections is {self.max_connections}:"
            f" {' + '.join(terms)}; lower a poolSize, or raise postgres.maxConnections or postgres.memory"
        )


def overlapping_prefixes(applications: Iterable[tuple[str, str]]) -> list[str]:
    """Return a fault for each application whose Redis prefix reaches into another's."""
    entries = list(applications)
    return [
        f"applications: the Redis prefix {prefix!r} of {name} reaches into {other!r} of {other_name}"
        for name, prefix in entries
        for other_name, other in entries
        if name != other_name and other.startswith(prefix)
    ]
