"""An installation as the original one, for tests to change."""

from dataclasses import replace
from typing import Any

from dbserver.adoption.found import Database, Installation, Postgres, Redis
from dbserver.docker.containers import Container, Published

NETWORK = "nginx-network"
REDIS_SETTINGS = {
    "dir": "/data", "dbfilename": "dump.rdb", "appenddirname": "appendonlydir", "appendfilename": "appendonly.aof",
    "appendonly": "yes", "save": "", "appendfsync": "everysec", "maxmemory": "0", "maxmemory-policy": "noeviction",
    "notify-keyspace-events": "", "maxclients": "10000", "timeout": "0", "cluster-enabled": "no",
}  # fmt: skip


def container(server: str, inner: str, port: int, **changes: Any) -> Container:
    mounts = {inner: f"/data/db-server/{server}"}
    known = Container(
        id=server * 8, name=f"db-server-{server}", image=f"{server}:15", image_id="sha256:1", state="running",
        health="", exit_code=0, oom_killed=False, restarts=0, started_at="", labels={}, environment={}, mounts=mounts,
        binds=mounts, published=(Published(f"{port}/tcp", "127.0.0.1", port),), networks=(NETWORK,),
        restart_policy="always",
    )  # fmt: skip
    return replace(known, **changes)


def role(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": name, "super": False, "login": True, "inherit": True, "createdb": False, "createrole": False,
        "replication": False, "bypassrls": False, "limit": -1, "verifier": f"SCRAM-SHA-256${name}", "settings": [],
        "member_of": [], **changes,
    }  # fmt: skip


def database(name: str, owner: str, *, public: str = "pg_database_owner", **changes: Any) -> Database:
    properties = {
        "owner": owner, "acl": None, "limit": -1, "comment": None, "settings": [], "role_settings": [],
        "extensions": [], **changes,
    }  # fmt: skip
    return Database(name, properties, [role(owner)], 8_000_000, public)


def setting(name: str, value: str, source: str = "default", file: str = "") -> dict[str, str]:
    return {"name": name, "value": value, "source": source, "file": file}


def postgres(*databases: Database, roles: tuple[dict[str, Any], ...] = (), **told: Any) -> Postgres:
    owners = [role(name) for name in dict.fromkeys(each.owner for each in databases) if name != "dbadmin"]
    named = [each["name"] for each in roles]
    known = [role("dbadmin", super=True), *(each for each in owners if each["name"] not in named), *roles]
    answer = {
        "version": "15.18", "major": 15, "data_directory": "/var/lib/postgresql/data", "system": "7000",
        "recovery": False, "max_connections": 100, "reserved": 3, "shared_buffers": 128 * 1024 * 1024, "standbys": 0,
        "tablespaces": [], "databases": [each.name for each in databases], "methods": ["scram-sha-256"],
        "settings": [setting("shared_buffers", "128MB"), setting("work_mem", "4MB")], "roles": known, "connected": [],
        **told,
    }  # fmt: skip
    made = container("postgres", "/var/lib/postgresql/data", 5432)
    return Postgres(made, made.image_id, "dbadmin", answer, databases)


def redis(*, info: dict[str, str] | None = None, files: tuple[str, ...] = (), has_password: bool = False,
          users: tuple[str, ...] = ("default",), **settings: str) -> Redis:  # fmt: skip
    told = {"redis_version": "7.0.15", "role": "master", "used_memory": "1000000", "used_memory_peak": "1000000"}
    changed = {name.replace("_", "-"): value for name, value in settings.items()}
    made = container("redis", "/data", 6379)
    return Redis(
        made, made.image_id, {**told, **(info or {})}, {**REDIS_SETTINGS, **changed}, users, files, has_password
    )


def connected(database: str, role: str, address: str = "172.18.0.4", total: int = 1) -> dict[str, Any]:
    return {"database": database, "role": role, "address": address, "total": total}


def installation(postgres: Postgres, redis: Redis) -> Installation:
    return Installation(postgres, redis, NETWORK, ("172.18.0.1",))
