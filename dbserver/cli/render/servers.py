"""Results as text for people. Pure: a result in, text out."""

import json

from dbserver.results import as_dict
from dbserver.results.servers import LogLine, Restarted, Started, Stopped
from dbserver.results.status import ServerStatus
from dbserver.units import duration


def started(result: Started) -> str:
    """Return what runs, where, and what to do next."""
    return "\n".join(
        [
            *(_server(server) for server in result.status.servers),
            f"stack {result.status.stack} is {_up(result)} ({result.seconds} s)",
            "next: ./scripts/status.sh | pulumi stack output | ./scripts/stop.sh",
        ]
    )


def _up(result: Started) -> str:
    silent = [server.container for server in result.status.servers if not server.answers]
    return f"up without {' and '.join(silent)}" if silent else "up"


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
