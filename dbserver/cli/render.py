"""Results as text for people. Pure: a result in, text out."""

from dbserver.results import ServerStatus, Started, Status, Stopped


def status(found: Status) -> str:
    """Return one paragraph per server."""
    return "\n".join(_server(server) for server in found.servers)


def started(result: Started) -> str:
    """Return what runs, where, and what to do next."""
    return "\n".join(
        [
            status(result.status),
            f"stack {result.status.stack} is up ({result.seconds} s)",
            "next: ./scripts/status.sh | pulumi stack output | ./scripts/stop.sh",
        ]
    )


def stopped(result: Stopped) -> str:
    """Return what was stopped."""
    lines = [f"stopped {name}" for name in result.stopped] + [f"{name} did not run" for name in result.not_running]
    return "\n".join([*lines, "data is untouched; ./scripts/start.sh starts again"])


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
