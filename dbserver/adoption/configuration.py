"""What is declared for an installation: what stands in the file already is kept, what is missing is added. Pure."""

import difflib
import math
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path, PurePath
from typing import Any

import yaml

from dbserver import cleaning, contract, stack_file
from dbserver.adoption import fitting
from dbserver.adoption.found import Database, Installation, Postgres, Redis
from dbserver.applications import COLOURS, default_database
from dbserver.postgres.settings import MANAGED, MEMORY_PER_CONNECTION, MIB
from dbserver.redis.limits import SHARE
from dbserver.redis.settings import persistence_of
from dbserver.units import parse_bytes

POOL = 10
RESERVE = 10
SMALLEST_REDIS, ROOM = 256 * MIB, 2
# Of what was found: another value in the file is another installation, or would change it while it is adopted.
FACTS = {"network": ("name",), "postgres": ("image", "containerName", "adminUser"),
         "redis": ("image", "containerName", "persistence", "access")}  # fmt: skip


def merged(content: Mapping[str, Any], found: Installation, chosen: Sequence[Database]) -> dict[str, Any]:
    """Return the file's content with what is missing in it; nothing in it is changed."""
    result = deepcopy(dict(content))
    values = result.setdefault("config", {})
    for section, wanted in _sections(found).items():
        key = f"{contract.PROJECT}:{section}"
        if isinstance(wanted, dict):
            values[key] = _added(values.get(key) or {}, wanted)
        else:
            values.setdefault(key, wanted)
    key = f"{contract.PROJECT}:applications"
    values[key] = _applications(values.get(key) or [], found.postgres, chosen, _maximum(values))
    return result


def contradictions(content: Mapping[str, Any], found: Installation, chosen: Sequence[Database]) -> list[str]:
    """Return what in the file is not as was found, and what of the budget and the memory does not fit."""
    values = merged(content, found, chosen)["config"]
    sections = _sections(found)
    faults = [
        f"{section}.{name} is {values[f'{contract.PROJECT}:{section}'][name]}, found is {sections[section][name]}"
        for section, names in FACTS.items()
        for name in names
        if str(values[f"{contract.PROJECT}:{section}"][name]) != str(sections[section][name])
    ]
    root = values[f"{contract.PROJECT}:dataDirectory"]
    faults += [f"dataDirectory is {root}, found is {sections['dataDirectory']}"] * (root != sections["dataDirectory"])
    return [*faults, *_roles(values, chosen), *_budget(values, found.postgres), *_memory(values, found)]


def parsed(before: str, name: str) -> dict[str, Any]:
    """Return a judged file's content; of one that is not there yet, nothing."""
    content = stack_file.content(name, before) or {}
    return {**content, "config": content.get("config") or {}}


def store(written: str, project: PurePath) -> tuple[Path, tuple[str, ...]]:
    """Return the backup directory that a file's text declares, and to whom backups are encrypted."""
    values = stack_file.content("", written)["config"]
    declared = values.get(f"{contract.PROJECT}:backupDirectory", contract.DEFAULT_BACKUP_DIRECTORY)
    recipients = values.get(f"{contract.PROJECT}:backupRecipients", [])
    return Path(contract.backup_directory(project, declared)), tuple(recipients)


def names(written: str) -> dict[str, str]:
    """Return database -> application, as a file's text declares them."""
    entries = stack_file.content("", written)["config"][f"{contract.PROJECT}:applications"]
    return {_database_of(entry): str(entry["name"]) for entry in entries}


def write(path: Path, written: str) -> None:
    """Put the file in place by one rename."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(written)
    new.replace(path)


def text(content: Mapping[str, Any]) -> str:
    """Return the file's text."""
    return yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True)


def changes(before: str, after: str, name: str) -> tuple[str, ...]:
    """Return the lines that show what is written; secrets and the salt are the same on both sides and not shown."""
    lines = difflib.unified_diff(cleaning.lines(before), cleaning.lines(after), name, name, lineterm="", n=1)
    return tuple(line for line in lines if "encryptionsalt" not in line and "secure:" not in line)


def _sections(found: Installation) -> dict[str, Any]:
    postgres, redis = found.postgres, found.redis
    return {
        "network": {"name": found.network, "create": False},
        "dataDirectory": posixpath.dirname(found.data[contract.POSTGRES]),
        "postgres": {
            "image": postgres.container.image,
            "containerName": postgres.container.name,
            "port": _port(found, contract.POSTGRES),
            "adminUser": postgres.admin,
            "memory": _megabytes(postgres_memory(postgres)),
            "maxConnections": int(postgres.told["max_connections"]),
            "settings": {**postgres.derived, **_declarable(postgres.carried)},
        },
        "redis": {
            "image": redis.container.image,
            "containerName": redis.container.name,
            "port": _port(found, contract.REDIS),
            "memory": _megabytes(redis_memory(redis)),
            "evictionPolicy": redis.settings["maxmemory-policy"],
            "persistence": persistence_of(redis.settings),
            "access": "open",
        },
    }


def postgres_memory(postgres: Postgres) -> int:
    """Return the container's limit in bytes, or one under which the server has room as it is set."""
    shared, connections = int(postgres.told["shared_buffers"]), int(postgres.told["max_connections"])
    enough = max(4 * shared, connections * MEMORY_PER_CONNECTION, parse_bytes(contract.DEFAULT_MEMORY["postgres"]))
    return max(postgres.container.memory, 256 * MIB) if postgres.container.memory else enough


def redis_memory(redis: Redis) -> int:
    """Return the limit in bytes under which `maxmemory`, its share of it, is what it was, or has room."""
    limit = int(redis.settings.get("maxmemory") or 0)
    used = int(redis.info.get("used_memory_peak") or 0)
    part, of = SHARE[persistence_of(redis.settings)]
    enough = math.ceil((limit or ROOM * used) * of / part)
    return max(enough, redis.container.memory, 32 * MIB if limit else SMALLEST_REDIS)


def _declarable(settings: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in settings.items() if name not in MANAGED and "\n" not in value}


def _port(found: Installation, server: str) -> int:
    inner = f"{contract.INNER_PORT[server]}/tcp"
    return found.containers[server].at(inner).port or contract.DEFAULT_PORT[server]


def _megabytes(amount: int) -> str:
    return f"{math.ceil(amount / MIB)}m"


def _added(known: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known with what is missing; a section in it likewise."""
    result = dict(known)
    for name, value in wanted.items():
        if isinstance(value, dict) and isinstance(result.get(name), dict):
            result[name] = _added(result[name], value)
        elif name not in result and value not in ({}, []):
            result[name] = value
    return result


def _maximum(values: Mapping[str, Any]) -> int:
    return int(values[f"{contract.PROJECT}:postgres"]["maxConnections"])


def _database_of(entry: Mapping[str, Any]) -> str:
    return str(entry.get("database") or default_database(str(entry.get("name"))))


def _applications(
    entries: Sequence[Mapping[str, Any]], postgres: Postgres, chosen: Sequence[Database], maximum: int
) -> list[dict[str, Any]]:
    known = {_database_of(entry): entry for entry in entries}
    new = [each for each in chosen if "poolSize" not in known.get(each.name, {})]
    others = [entry for name, entry in known.items() if name not in [each.name for each in new]]
    room = maximum - RESERVE - int(postgres.told["reserved"]) - sum(map(connections, others))
    pools = pool_sizes({each.name: postgres.connected(each.name) for each in new}, room)
    adopted = {each.name: _entry(postgres, each, pools.get(each.name, POOL)) for each in chosen}
    result = [_with(entry, adopted.pop(name, {})) for name, entry in known.items()]
    return [*result, *(_added({"name": fitting.application(name)}, entry) for name, entry in adopted.items())]


def connections(entry: Mapping[str, Any]) -> int:
    """Return the connections that an entry declares."""
    return int(entry.get("poolSize", POOL)) * int(entry.get("instancesPerColour", 1)) * COLOURS


def pool_sizes(used: Mapping[str, int], room: int) -> dict[str, int]:
    """Return a pool for each database: never less than what is connected now; ten, or less where there is no room."""
    for usual in range(POOL, 0, -1):
        pools = {name: max(count, usual) for name, count in used.items()}
        if sum(pools.values()) * COLOURS <= room:
            return pools
    return {name: max(count, 1) for name, count in used.items()}


def _entry(postgres: Postgres, database: Database, pool: int) -> dict[str, Any]:
    stored = dict(text.partition("=")[::2] for text in postgres.roles[database.owner]["settings"])
    return {
        "database": database.name,
        "role": database.owner,
        "keepPassword": True,
        "poolSize": pool,
        "extensions": database.extensions,
        "settings": _declarable(stored),
    }


def _with(entry: Mapping[str, Any], adopted: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry of the file with what is missing; a password that it gives is not unknown."""
    left = {name: value for name, value in adopted.items() if name != "keepPassword" or "password" not in entry}
    result = _added(entry, left)
    lacking = [name for name in left.get("extensions", []) if name not in result.get("extensions", [])]
    return {**result, "extensions": [*result["extensions"], *lacking]} if lacking else result


def _roles(values: Mapping[str, Any], chosen: Sequence[Database]) -> Iterator[str]:
    owners = {each.name: each.owner for each in chosen}
    for entry in values[f"{contract.PROJECT}:applications"]:
        owner = owners.get(_database_of(entry))
        if owner and entry.get("role", _database_of(entry)) != owner:
            yield f"applications: {entry['name']} has the role {entry.get('role')}, its database belongs to {owner}"


def _budget(values: Mapping[str, Any], postgres: Postgres) -> Iterator[str]:
    section, entries = values[f"{contract.PROJECT}:postgres"], values[f"{contract.PROJECT}:applications"]
    terms = [f"{entry['name']} {connections(entry)}" for entry in entries]
    reserve = int(section.get("adminReserve", RESERVE)) + int(postgres.told["reserved"])
    needed = sum(connections(entry) for entry in entries) + reserve
    if entries and needed > _maximum(values):
        yield (
            f"{needed} connections would be declared, max_connections is {_maximum(values)}: {' + '.join(terms)}"
            f" + reserves {reserve}; set postgres.maxConnections, or poolSize of entries, in the file before"
        )


def _memory(values: Mapping[str, Any], found: Installation) -> Iterator[str]:
    given = {server: parse_bytes(values[f"{contract.PROJECT}:{server}"]["memory"]) for server in contract.SERVERS}
    used = int(found.redis.info.get("used_memory") or 0)
    part, of = SHARE[persistence_of(found.redis.settings)]
    if used > given[contract.REDIS] * part // of:
        declared = given[contract.REDIS] // MIB
        yield f"redis.memory is {declared}m, of which Redis gets {part}/{of} for its data; it uses {used // MIB}m"
    if int(found.postgres.told["shared_buffers"]) * 2 > given[contract.POSTGRES]:
        yield f"postgres.memory is {given[contract.POSTGRES] // MIB}m, too little for shared_buffers as they are"
