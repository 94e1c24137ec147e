"""What doctor has seen of two servers that are well, with changes."""

from dataclasses import replace
from typing import Any

from dbserver.declared import Declared
from dbserver.diagnosis.facts import Database, Denied, Facts, Place, Postgres, Redis, Role, Server, Session
from dbserver.units import MIB
from tests.unit.fakes import container

GIB = 1024 * MIB
DECLARED = Declared(
    stack="unit", network="nginx-network", create_network=False, data_directory="/data/db-server",
    backup_directory="/srv/backups", admin="dbadmin",
    containers={"postgres": "db-server-postgres", "redis": "db-server-redis"},
    images={"postgres": "postgres:17", "redis": "redis:8"}, ports={"postgres": 5432, "redis": 6379},
    memory={"postgres": GIB, "redis": 256 * MIB}, stand_ins=False,
    applications={"shop": ("shop_db", "shop_role")}, max_connections=103,
)  # fmt: skip
PLACE = Place(
    server_uid=999, owners=((".", 999), ("PG_VERSION", 999)), version="17", free=50 * GIB, total=100 * GIB,
    free_inodes=10**6, total_inodes=2 * 10**6, mount="/data", huge_pages="madvise", memory=16 * GIB,
    memory_available=8 * GIB,
)  # fmt: skip
POSTGRES = Postgres(
    version="17.5", asked=999.5, answered=1000.5, now=1000.0,
    checkpoint=900.0, standby=False, read_only=False, max_connections=103, reserved=3,
    used=10, roles=(Role("dbadmin", 1, -1, False), Role("shop_role", 3, 20, False)),  # noqa: FBT003  a fact
    databases=(Database("shop_db", True, -1, 100, 0),),  # noqa: FBT003  a fact
    sessions=(), prepared=(), pending=(), overridden=(), faults=(), archive_failures=0, slots=(),
    collations=(), crashed_seconds=None,
)  # fmt: skip
REDIS = Redis(
    ping="PONG",
    info={"loading": "0", "used_memory": "1000000", "connected_clients": "3", "role": "master",
          "rdb_last_bgsave_status": "ok", "aof_last_write_status": "ok", "aof_last_bgrewrite_status": "ok"},
    settings={"maxmemory": str(192 * MIB), "maxmemory-policy": "noeviction", "maxclients": "10000",
              "appendonly": "yes", "save": "3600 1", "disable-thp": "yes"},
    in_file={"appendonly": "yes"}, denied=(),
)  # fmt: skip


def facts(**changes: Any) -> Facts:
    """Return everything well, with changes of the host."""
    servers = {
        "postgres": Server(
            "postgres", "db-server-postgres", container(), 5000, image_major="17", place=PLACE, postgres=POSTGRES,
        ),
        "redis": Server(
            "redis", "db-server-redis", container(name="db-server-redis", environment={}, published=()), 5000,
            place=replace(PLACE, version="", owners=((".", 999),)), redis=REDIS,
        ),
    }  # fmt: skip
    return replace(Facts(DECLARED, network=True, servers=servers), **changes)


def with_server(name: str, **changes: Any) -> Facts:
    """Return everything well but for this server."""
    known = facts()
    return replace(known, servers={**known.servers, name: replace(known.servers[name], **changes)})


def with_container(name: str, **changes: Any) -> Facts:
    """Return everything well but for this server's container; one that does not run has not answered."""
    known = facts().servers[name]
    assert known.container
    changed = replace(known.container, **changes)
    if changed.running:
        return with_server(name, container=changed)
    return with_server(name, container=changed, up_seconds=None, postgres=None, redis=None)


def with_place(name: str, **changes: Any) -> Facts:
    """Return everything well but for this server's directory and machine."""
    place = facts().servers[name].place
    assert place
    return with_server(name, place=replace(place, **changes))


def with_postgres(**changes: Any) -> Facts:
    """Return everything well but for what PostgreSQL says of itself."""
    return with_server("postgres", postgres=replace(POSTGRES, **changes))


def with_info(**values: str) -> Facts:
    """Return everything well but for Redis's INFO."""
    return with_server("redis", redis=replace(REDIS, info={**REDIS.info, **values}))


def with_settings(place: dict[str, Any] | None = None, **values: str) -> Facts:
    """Return everything well but for Redis's settings, `_` for `-`, and the machine around it."""
    settings = {**REDIS.settings, **{name.replace("_", "-"): value for name, value in values.items()}}
    changed = with_place("redis", **(place or {}))
    redis = replace(changed.servers["redis"], redis=replace(REDIS, settings=settings))
    return replace(changed, servers={**changed.servers, "redis": redis})


def denied(reason: str, user: str, seconds: float = 5, subject: str = "get") -> Facts:
    """Return everything well but for an entry in Redis's ACL LOG."""
    entry = Denied(reason, user, subject, "172.20.0.5", 3, seconds)
    return with_server("redis", redis=replace(REDIS, denied=(entry,)))


def session(pid: int, *blockers: int, state: str = "active", seconds: float = 60) -> Session:
    """Return a session of the application."""
    return Session(pid, "shop_role", "shop_db", "web", "172.20.0.5", state, seconds, seconds, blockers, "UPDATE")
