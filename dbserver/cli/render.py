"""Results as text for people. Pure: a result in, text out."""

import json
from dataclasses import asdict

from dbserver.cli.render_connections import columns
from dbserver.errors import UsageError
from dbserver.results import as_dict
from dbserver.results.applications import ApplicationInfo, Applications, Dropped
from dbserver.results.servers import LogLine, Restarted, Started, Stopped
from dbserver.results.status import ServerStatus
from dbserver.units import duration


def started(result: Started) -> str:
    """Return what runs, where, and what to do next."""
    return "\n".join(
        [
            *(_server(server) for server in result.status.servers),
            f"stack {result.status.stack} is up ({result.seconds} s)",
            "next: ./scripts/status.sh | pulumi stack output | ./scripts/stop.sh",
        ]
    )


def stopped(result: Stopped) -> str:
    """Return what was stopped."""
    lines = [f"stopped {name}" for name in result.stopped] + [f"{name} did not run" for name in result.not_running]
    return "\n".join([*lines, "data is untouched; ./scripts/start.sh starts again"])


def restarted(result: Restarted) -> str:
    """Return how long each server was away."""
    lines = [f"{away.container} restarted; {_away(away.seconds)}" for away in result.servers]
    lines += [f"cut off: {', '.join(result.disconnected)}"] if result.disconnected else []
    return "\n".join([*lines, f"stack {result.stack} answers again ({result.seconds} s in all)"])


def log_line(line: LogLine, form: str) -> str:
    """Return one line of a log."""
    if form == "json":
        return json.dumps(as_dict(line))
    return f"{line.server:<8} {line.time[:19]}  {line.line}"


def _away(seconds: float | None) -> str:
    if seconds is None:
        return "how long it was away was not measured: its published port does not answer from here"
    return f"away for {duration(seconds)}, measured by a client"


def _server(server: ServerStatus) -> str:
    mark = "ok  " if server.well else "DOWN"
    head = f"{mark} {server.container} {server.version}".rstrip()
    state = f"{server.state} ({server.health})" if server.health else server.state
    facts = {
        "state": state,
        "answers": server.answers,
        "why": server.fault,
        "network": server.address if server.well else "",
        "host": server.published,
        "data": server.data,
        "image": server.image,
    }
    return "\n".join([head, *(f"       {name:<8} {value}" for name, value in facts.items() if value)])


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
        "extensions": ", ".join(found.extensions) or "none",
        "redis": f"{found.redis_prefix}* in database {found.redis_database}",
    }
    return "\n".join([found.name, *(f"  {name:<12} {value}" for name, value in facts.items())])


def field(found: ApplicationInfo, name: str) -> str:
    """Return one value. Raises UsageError with the known names."""
    values = asdict(found)
    if name not in values:
        raise UsageError(f"there is no field {name}", f"one of: {', '.join(values)}")
    value = values[name]
    return ",".join(value) if isinstance(value, tuple) else str(value)


def dropped(result: Dropped) -> str:
    """Return what is gone."""
    backup = f"; backed up before as {result.backup}" if result.backup else ""
    kept = f"the keys of {result.application} in Redis stay"
    return f"dropped database {result.database} and role {result.role}; {kept}{backup}"


def _size(found: ApplicationInfo) -> str:
    return f"{found.size_bytes / 1024 / 1024:.1f} MB" if found.exists else "missing"


def _connections(found: ApplicationInfo) -> str:
    return f"{found.connections} of {found.connection_limit}"
