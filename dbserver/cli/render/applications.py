"""Applications as text for people. Pure: a result in, text out."""

import json
from dataclasses import asdict

from dbserver.cli.render.connections import columns
from dbserver.errors import UsageError
from dbserver.results.applications import ApplicationInfo, Applications, Doomed, Dropped
from dbserver.units import size


def applications(found: Applications) -> str:
    """Return a table, one application a line."""
    rows = [("APPLICATION", "DATABASE", "ROLE", "SIZE", "CONNECTIONS", "KEYS", "IN REDIS", "KEPT")]
    rows += [
        (
            each.name,
            each.database,
            each.role,
            _size(each),
            _connections(each),
            _keys(each),
            _in_redis(each),
            str(len(each.kept) or ""),
        )
        for each in found.applications
    ]
    strange = [each for each in found.applications if not each.declared]
    marks = [f"{each.name} is not declared: ./scripts/dbserver drop {each.name} destroys it" for each in strange]
    return "\n".join([*columns(rows), *marks, *found.advice])


def application(found: ApplicationInfo) -> str:
    """Return one application, a fact a line."""
    facts = {
        "database": found.database,
        "role": found.role,
        "owner": found.owner,
        "size": _size(found),
        "connections": _connections(found),
        "extensions": "unknown" if found.extensions is None else ", ".join(found.extensions) or "none",
        "kept": ", ".join(found.kept) or "none",
        "redis": f"{', '.join(f'{each}*' for each in found.redis_prefixes)} in database {found.redis_database}",
        "keys": f"{_keys(found)}, {_in_redis(found)}",
    }
    return "\n".join([found.name, *(f"  {name:<12} {value}" for name, value in facts.items())])


def field(found: ApplicationInfo, name: str, form: str) -> str:
    """Return one value, as JSON where that is the form. Raises UsageError with the known names."""
    values = asdict(found)
    if name not in values:
        raise UsageError(f"there is no field {name}", f"one of: {', '.join(values)}")
    value = values[name]
    if form == "json":
        return json.dumps(value)
    return ",".join(value) if isinstance(value, tuple) else "unknown" if value is None else str(value)


def doomed(found: Doomed) -> str:
    """Return what will be gone."""
    size = f"{found.size_bytes / 1024 / 1024:.1f} MB"
    last = found.last_backup or "none"
    what = f"database {found.database} ({size}) and role {found.role} of stack {found.stack}"
    return f"this destroys {what}; its last backup: {last}, and one is made before"


def dropped(result: Dropped) -> str:
    """Return what is gone."""
    backup = f"; backed up before as {result.backup}" if result.backup else ""
    kept = f"the keys of {result.application} in Redis stay"
    return f"dropped database {result.database} and role {result.role}; {kept}{backup}"


def _size(found: ApplicationInfo) -> str:
    return f"{found.size_bytes / 1024 / 1024:.1f} MB" if found.exists else "missing"


def _keys(found: ApplicationInfo) -> str:
    return "unknown" if found.redis_keys is None else f"{found.redis_keys:,}"


def _in_redis(found: ApplicationInfo) -> str:
    return "unknown" if found.redis_bytes is None else size(found.redis_bytes)


def _connections(found: ApplicationInfo) -> str:
    return f"{found.connections} of {found.connection_limit}"
