"""What shows that nothing is lost: the same server, not an older copy of it, with its roles, tables and keys."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dbserver import execute
from dbserver.adoption.found import Installation, count
from dbserver.backups import filling
from dbserver.backups.store import Backup
from dbserver.errors import DbServerError
from dbserver.postgres import adoption, commands
from dbserver.postgres.server import Server
from dbserver.redis.settings import persistence_of
from dbserver.results.adoption import ProvedDatabase

Tables = Mapping[str, int]


def before(found: Installation, backups: Sequence[Backup], position: str) -> dict[str, Any]:
    """Return what is compared afterwards. `position` is where the server's history was just before."""
    dumps = [backup.manifest for backup in backups if backup.manifest.database]
    kept = persistence_of(found.redis.settings) != "none"
    return {
        "system": found.postgres.told["system"],
        "position": position,
        "roles": {name: role["verifier"] for name, role in found.postgres.roles.items()},
        "databases": {
            known.database: {f"{s}.{table}": rows for s, table, rows in known.rows if _of_users((s, table))}
            for known in dumps
        },
        "owners": {each.name: each.owner for each in found.postgres.databases},
        "redis": found.redis.keys if kept else {},
        "data": found.data,
        "majors": {
            "postgres": str(found.postgres.told["major"]),
            "redis": found.redis.info["redis_version"].partition(".")[0],
        },
    }


def _of_users(table: tuple[str, str]) -> bool:
    return table[0] != "pg_catalog"


def prove(server: Server, known: Mapping[str, Any]) -> tuple[ProvedDatabase, ...]:
    """Read every table of every database and return what was found. Raises DbServerError for what is missing."""
    told = json.loads(server.query(adoption.identity(known["position"])))
    faults = list(_identity(told, known, server.admin))
    proved = []
    for database, tables in known["databases"].items():
        rows = {".".join(name): number for name, number in filling.count(server, database).items() if _of_users(name)}
        faults += [f"{database} lacks {table}" for table in tables if table not in rows]
        faults += kept_out(server, known["owners"][database], database)
        proved.append(ProvedDatabase(database, len(rows), sum(tables.values()), sum(rows.values())))
    if faults:
        raise DbServerError(f"something is missing: {'; '.join(faults)}", "the backups were made before")
    return tuple(proved)


def prove_redis(info: Mapping[str, str], known: Mapping[str, int]) -> int:
    """Return the number of keys. Raises DbServerError where a database that held some is empty.

    Clients write, and keys expire: their numbers need not be the same.
    """
    keys = {name: count(text) for name, text in info.items() if name.startswith("db")}
    lost = [name for name, number in known.items() if number and not keys.get(name)]
    if lost:
        raise DbServerError(f"Redis' {', '.join(lost)} is empty and was not", "the backups were made before")
    return sum(keys.values())


def _identity(told: Mapping[str, Any], known: Mapping[str, Any], admin: str) -> Iterator[str]:
    if told["system"] != known["system"]:
        yield "it is another server's data"
    elif not told["ahead"]:
        yield "it is older than it was"
    roles = {role["name"]: role["verifier"] for role in told["roles"]}
    for name, verifier in known["roles"].items():
        if name not in roles:
            yield f"role {name} is gone"
        elif roles[name] != verifier and name != admin:
            yield f"role {name} has another password"


def kept_out(server: Server, owner: str, database: str) -> list[str]:
    """Return what keeps an owner out of its database: the socket asks for no password, but for the right to come in.

    By a psql of its own: the administrator's waits in a database that is closed to an owner.
    """
    done = execute.run(commands.psql(server.container, owner, database), stdin="SELECT 1;\n", check=False)
    return [] if done.stdout.strip() == "1" else [f"{owner} does not come into {database}: {done.output}"]
