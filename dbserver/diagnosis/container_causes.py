"""Causes around a server's container: its state, its network, its port, what is declared of it. Pure."""

import re
import shlex
from collections.abc import Iterator, Sequence

from dbserver import cleaning, contract
from dbserver.diagnosis.cause import (
    BY_SERVER,
    CANNOT_CONNECT,
    FAULT,
    HOST,
    NOT_RUNNING,
    SET,
    START,
    WARNING,
    Cause,
    Check,
    Seen,
    each,
)  # fmt: skip
from dbserver.diagnosis.facts import Facts, Server
from dbserver.docker.containers import Container
from dbserver.plan import LOOPBACK
from dbserver.units import MIB, duration, size

# Docker waits longer after each crash, but never longer than a minute.
LOOP_CRASHES, LOOP_SECONDS = 3, 60
# What crashed longer ago than that is for the log, not for tonight.
CRASH_SECONDS = 600
KILLED = 137
LOCAL = (LOOPBACK, "::1")
REASON = re.compile(r"FATAL|PANIC|ERROR|error|Can't|[Ff]ailed|denied|No space|Read-only|# ")
NOISE = "WARNING Memory overcommit"
# Differences that are causes of their own.
OWN_CAUSE = ("networks:", "published port:")
ALIAS = "network alias:"
HIDDEN_BY_STATE = ("container-stopped", "container-restarting", "container-crashed", "container-unhealthy")


def reasons(lines: Sequence[str]) -> list[str]:
    """Return the last lines of a log that say why, else its last lines."""
    kept = [line for line in lines if NOISE not in line]
    return ([line for line in kept if REASON.search(line)] or kept)[-3:]


def looping(server: Server) -> bool:
    """Return True where the container crashes again and again; between two crashes it is seen running."""
    found = server.container
    if not found or server.up_seconds is None:
        return bool(found and found.state == "restarting")
    return found.restarts >= LOOP_CRASHES and server.up_seconds < LOOP_SECONDS


def down(server: Server) -> bool:
    """Return True where the server's container is there but does not serve."""
    found = server.container
    return found is not None and (looping(server) or found.state in ("exited", "created", "dead", "restarting"))


def _missing(_: Facts, server: Server) -> Iterator[Seen]:
    if server.container is None:
        yield Seen(f"container {server.name} does not exist")


def _in_state(*states: str) -> Check:
    def check(_: Facts, server: Server) -> Iterator[Seen]:
        found = server.container
        if found and found.state in states:
            why = f", exit code {found.exit_code}" if found.state == "exited" else ""
            lines = [found.error] if found.error else reasons(server.log)
            yield Seen(f"container {found.name} is {found.state}{why}", lines if found.state != "paused" else ())

    return check


def _restarting(_: Facts, server: Server) -> Iterator[Seen]:
    found = server.container
    if found and looping(server):
        crashes = f"{found.restarts} restarts, exit code {found.exit_code}"
        yield Seen(f"container {found.name} crashes again and again ({crashes})", reasons(server.log))


def _crashed(_: Facts, server: Server) -> Iterator[Seen]:
    found, up = server.container, server.up_seconds
    if found and found.restarts and up is not None and up < CRASH_SECONDS:
        what = f"container {found.name} ended by itself and was restarted by Docker {duration(up)} ago"
        yield Seen(what, reasons(server.log))


def _out_of_memory(_: Facts, server: Server) -> Iterator[Seen]:
    found = server.container
    killed = server.place.killed if server.place and found and found.running else 0
    if not found or not (killed or _ended_by_kernel(server, found)):
        return
    what = f"{f'{killed} processes of ' if killed else ''}container {found.name} killed for lack of memory"
    limit = f"its limit is {size(found.memory)}" if found.memory else "it has no limit: the host ran out"
    more = f"{max(found.memory, 256 * MIB) * 2 // MIB}m"
    yield Seen(f"{what}: {limit}", reasons(server.log), {"more": more})


def _ended_by_kernel(server: Server, found: Container) -> bool:
    """Docker's mark outlives a restart: it counts for the end that the container has just had."""
    if found.running:
        return found.oom_killed and bool(found.restarts) and (server.up_seconds or 0) < CRASH_SECONDS
    return found.oom_killed and found.exit_code == KILLED


def _unhealthy(_: Facts, server: Server) -> Iterator[Seen]:
    found = server.container
    if found and found.state == "running" and found.health == "unhealthy":
        lines = [f"health check: {line}" for line in found.health_log[-2:]] + reasons(server.log)
        yield Seen(f"container {found.name} is unhealthy", lines)


def _unanswered(_: Facts, server: Server) -> Iterator[Seen]:
    if server.refusal:
        lines = [cleaning.lines(server.refusal)[-1], *reasons(server.log)]
        yield Seen(f"{server.name} runs, but does not answer a query", lines)


def _off_network(facts: Facts, server: Server) -> Iterator[Seen]:
    found, network = server.container, facts.declared.network
    if found and network not in found.networks:
        where = f"on {', '.join(found.networks)}" if found.networks else "on no network"
        yield Seen(f"container {found.name} is {where}, not on {network}: applications cannot reach it")


def _foreign(facts: Facts, server: Server) -> Iterator[Seen]:
    other = server.container.labels.get(contract.LABEL_STACK, "") if server.container else ""
    if other and other != facts.declared.stack:
        yield Seen(f"container {server.name} belongs to stack {other}", (), {"other": shlex.quote(other)})


def _other_administrator(facts: Facts) -> Iterator[Seen]:
    """One name serves both servers: the finding is the host's, so that it explains what either of them refuses."""
    found = facts.servers[contract.POSTGRES].container if contract.POSTGRES in facts.servers else None
    known = found.environment.get("POSTGRES_USER", "") if found else ""
    if found and known and known != facts.declared.admin:
        what = f"the data in {found.name} knows its administrator as {known}, declared is {facts.declared.admin}"
        yield Seen(what, (), {"known": shlex.quote(known)})


def _published(facts: Facts, server: Server) -> Iterator[Seen]:
    found, declared = server.container, facts.declared.plan(server.server).published
    for port in found.published if found else ():
        if port.address not in LOCAL and port not in declared:
            where = f"{port.address or 'every address'}:{port.port}"
            yield Seen(f"port {port.inner} of {server.name} is published on {where}")


def _port_taken(facts: Facts, server: Server) -> Iterator[Seen]:
    port = facts.declared.ports[server.server]
    others = [holder for holder in server.holders if holder != f"container {server.name}"]
    # One that crashes again and again got its port: who holds it in between is Docker, for the try before.
    if others and (server.container is None or (down(server) and not looping(server))):
        values = {"stop": _stop(others[0], port)}
        yield Seen(f"port {port} is taken by {', '.join(others)}: {server.name} cannot start", (), values)


def _stop(holder: str, port: int) -> str:
    pid = re.search(r"\(pid (\d+)\)", holder)
    if holder.startswith("container "):
        return f"docker stop {holder.removeprefix('container ')}"
    return f"kill {pid[1]}" if pid else f"sudo fuser -k {port}/tcp"


def _differs(facts: Facts, server: Server) -> Iterator[Seen]:
    off = server.container is not None and facts.declared.network not in server.container.networks
    own = (*OWN_CAUSE, ALIAS) if off else OWN_CAUSE
    lines = [line for line in server.differences if not line.startswith(own)]
    if lines:
        yield Seen(f"container {server.name} is not as declared", lines)


MORE_MEMORY = f"{SET} 'db-server:{{server}}.memory' {{more}} && {START}"

CAUSES = (
    Cause("port-taken", NOT_RUNNING, "both", FAULT,
          "Something else listens on the server's port, so that its container cannot start. Stop that one, or set"
          " another port in the configuration.",
          f"{{stop}} && {START}", each(_port_taken), ("container-missing", "container-stopped")),
    Cause("container-foreign", NOT_RUNNING, "both", FAULT,
          "Under the server's name stands a container of another stack. Look at that stack, or give this one container"
          " names, ports and a data directory of its own.",
          "./scripts/dbserver doctor --stack {other}", each(_foreign), ("declared-differs",)),
    Cause("administrator-other", CANNOT_CONNECT, HOST, FAULT,
          "The data was made for an administrator of another name than the one declared.",
          f"{SET} 'db-server:postgres.adminUser' {{known}} && {START}", _other_administrator,
          ("declared-differs", "compose-file-stale", "server-silent", "container-unhealthy",
           "redis-administrator-denied")),
    Cause("container-missing", NOT_RUNNING, "both", FAULT,
          "The container does not exist: never started, removed, or cleaned up while it was stopped. The data stays.",
          START, each(_missing)),
    Cause("container-dead", NOT_RUNNING, "both", FAULT,
          "Docker failed to remove the container. It is made again on the same data.",
          START, each(_in_state("dead", "removing"))),
    Cause("container-paused", BY_SERVER, "both", FAULT,
          "The container's processes are frozen: connections hang.",
          "docker unpause {container}", each(_in_state("paused")), ("container-unhealthy", "server-silent")),
    Cause("out-of-memory", BY_SERVER, "both", FAULT,
          "The kernel killed processes of the container, because it reached its memory limit or the host ran out.",
          MORE_MEMORY, each(_out_of_memory), (*HIDDEN_BY_STATE, "postgres-crashed")),
    Cause("container-restarting", NOT_RUNNING, "both", FAULT,
          "The server crashes at every start. Its log says why.",
          START, each(_restarting), ("container-unhealthy", "container-crashed", "server-silent")),
    Cause("container-stopped", NOT_RUNNING, "both", FAULT,
          "The container was stopped, or never came up.", START, each(_in_state("exited", "created"))),
    Cause("container-crashed", BY_SERVER, "both", WARNING,
          "The server ended by itself a short while ago and was restarted; its clients lost their connections.",
          "docker logs --since 15m {container}", each(_crashed)),
    Cause("container-unhealthy", BY_SERVER, "both", FAULT,
          "The container runs, but its health check fails.",
          "docker restart --time 60 {container}", each(_unhealthy)),
    Cause("server-silent", BY_SERVER, "both", FAULT,
          "The container runs, but its server does not answer an administrator's query.",
          "docker restart --time 60 {container}", each(_unanswered), ("container-unhealthy",)),
    Cause("container-off-network", BY_SERVER, "both", FAULT,
          "The container is not on the network of the applications: its name cannot be resolved there.",
          "docker network connect --alias {server} {network} {container}", each(_off_network)),
    Cause("published-beyond-loopback", "", "both", FAULT,
          "The server's port can be reached from other machines, and `tls.address` does not declare it. Docker's rules"
          " come before the host's firewall.",
          START, each(_published)),
    Cause("declared-differs", "", "both", WARNING,
          "The container is not what the configuration declares: changed by hand, by compose, or not yet updated.",
          START, each(_differs)),
)  # fmt: skip
