"""Applications as text for people. Pure: a result in, text out."""

import json
from dataclasses import asdict

from dbserver.cli.render_connections import columns
from dbserver.errors import UsageError
from dbserver.results.applications import ApplicationInfo, Applications, Doomed, Dropped


def applications(found: Applications) -> str:
    """Return a table, one application a line."""
    rows = [("APPLICATION", "DATABASE", "ROLE", "SIZE", "CONNECTIONS")]
    rows += [(each.name, each.database, each.role, _size(each), _connections(each)) for each in found.applications]
    return "\n".join(columns(rows))


def application(found: ApplicationInfo) -> str:
    """Return one application, a fact a line."""
    facts = {
        "database": found.database,
        "role": found.role,
        "owner": found.owner,
        "size": _size(found),
        "connections": _connections(found),
        "extensions": "unknown" if found.extensions is None else ", ".join(found.extensions) or "none",
        "redis": f"{found.redis_prefix}* in database {found.redis_database}",
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


def _connections(found: ApplicationInfo) -> str:
    return f"{found.connections} of {found.connection_limit}"
