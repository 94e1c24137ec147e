"""The Docker engine: whether it answers, and by which way it is brought to answer."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from dbserver import endpoint, execute
from dbserver.errors import DbServerError
from tools import debian
from tools.machine import Machine, Missing
from tools.steps import Steps

PART = "Docker engine"
WAIT_SECONDS = 30
LOCAL_SOCKETS = ("unix:///var/run/docker.sock", "unix:///run/docker.sock")
LOG = Path("/var/log/dockerd.log")
PACKAGES = ("docker.io", "iptables", "ca-certificates")


class Way(Enum):
    """How the engine is had."""

    READY = auto()
    SYSTEMD = auto()
    SERVICE = auto()
    DETACHED = auto()
    INSTALL = auto()
    REPORT = auto()


@dataclass(frozen=True)
class Seen:
    """What was found. `said` is the client's answer, `host` an address other than the local socket's."""

    client: bool
    server: bool
    answers: bool
    said: str
    host: str
    service: bool


@dataclass(frozen=True)
class Decision:
    """The way, the reason for it, and the command a person would type."""

    way: Way
    reason: str
    command: str


def look(machine: Machine) -> Seen:
    """Ask the engine and look for its programs."""
    client = shutil.which("docker") is not None
    nowhere = endpoint.nowhere(machine.environment)
    host = f"context {nowhere} (which has no address)" if nowhere else endpoint.address(machine.environment)
    asked = execute.run(["docker", "version"], check=False, timeout=60) if client else None
    return Seen(
        client=client,
        server=shutil.which("dockerd") is not None,
        answers=asked is not None and asked.succeeded,
        said=asked.output if asked else "",
        host="" if host in LOCAL_SOCKETS else host,
        service=Path("/etc/init.d/docker").exists(),
    )


def decide(seen: Seen, machine: Machine) -> Decision:
    """Choose the way. Pure."""
    if seen.answers:
        return Decision(Way.READY, "it answers", "")
    if seen.host:
        return _elsewhere(seen, machine)
    if "permission denied" in seen.said.lower():
        return Decision(
            Way.REPORT,
            "this user may not use its socket",
            'sudo usermod -aG docker "$USER", then log in again',
        )
    if not seen.client or not seen.server:
        absent = "it is not installed" if not seen.client else "its daemon is not installed"
        command = machine.sudo("apt-get install docker.io iptables")
        return Decision(Way.INSTALL if machine.can_install else Way.REPORT, absent, command)
    return _stopped(seen, machine)


def missing(machine: Machine) -> Missing | None:
    """Return what is wrong with the engine, or None where it answers."""
    decision = decide(look(machine), machine)
    return None if decision.way is Way.READY else Missing(PART, decision.reason, decision.command)


def provide(steps: Steps, machine: Machine) -> None:
    """Install and start the engine where that is needed and allowed. Raises DbServerError."""
    decision = decide(look(machine), machine)
    if decision.way is Way.INSTALL:
        steps.say(f"{PART}: installing docker.io and iptables, because {decision.reason}")
        debian.install(steps, PACKAGES, optional=("docker-cli",))
        decision = decide(look(machine), machine)
    if decision.way in {Way.REPORT, Way.INSTALL}:
        raise DbServerError(f"{PART}: {decision.reason}", decision.command)
    if decision.way is not Way.READY:
        steps.say(f"{PART}: starting it ({decision.command}), because {decision.reason}")
        _start(steps, decision.way)


def _elsewhere(seen: Seen, machine: Machine) -> Decision:
    if not seen.client:
        return Decision(Way.REPORT, "its client is not installed", machine.sudo("apt-get install docker.io"))
    return Decision(
        Way.REPORT,
        f"the daemon at {seen.host} does not answer",
        "start it there, or use this machine's: unset DOCKER_HOST; docker context use default",
    )


def _stopped(seen: Seen, machine: Machine) -> Decision:
    reason = "it is installed but does not run"
    ways = {Way.SYSTEMD: "systemctl start docker", Way.SERVICE: "service docker start", Way.DETACHED: "dockerd"}
    way = Way.SYSTEMD if machine.systemd else Way.SERVICE if seen.service else Way.DETACHED
    return Decision(way if machine.superuser else Way.REPORT, reason, machine.sudo(ways[way]))


def _start(steps: Steps, way: Way) -> None:
    """Start the daemon and wait until it answers; without systemd a script that fails is no reason to give up."""
    if way is Way.SYSTEMD:
        steps.run("systemctl start docker", ["systemctl", "start", "docker"], limit=WAIT_SECONDS * 3)
        _wait(steps, "journalctl -u docker")
        return
    if way is Way.SERVICE:
        status, _ = steps.attempt("service docker start", ["service", "docker", "start"], limit=WAIT_SECONDS)
        if status == 0 and _answers_within(WAIT_SECONDS / 3):
            steps.say(f"{PART}: it answers")
            return
        steps.say(f"{PART}: starting dockerd detached, because its service did not come up; log: {LOG}")
    before = LOG.stat().st_size if LOG.exists() else 0
    execute.run(detached_command(LOG), timeout=10)
    _wait(steps, str(LOG), lambda: fatal_line(LOG.read_bytes()[before:].decode(errors="replace")))


def _wait(steps: Steps, log: str, fault: Callable[[], str] = str) -> None:
    with steps.alive("waiting for the Docker engine"):
        answers = _answers_within(WAIT_SECONDS, fault)
    if not answers:
        said = fault() or f"no answer within {WAIT_SECONDS} s"
        raise DbServerError(
            f"the Docker engine does not start: {said}", f"full log: {log}; start it, then run this again"
        )
    steps.say(f"{PART}: it answers")


def detached_command(log: Path) -> list[str]:
    """Return the command that starts the daemon in a session of its own; it outlives the terminal."""
    return ["setsid", "--fork", "sh", "-c", 'cd / && exec dockerd >>"$0" 2>&1 </dev/null', str(log)]


def fatal_line(log: str) -> str:
    """Return the line with which the daemon gave up, or nothing."""
    return next((line.strip() for line in log.splitlines() if "failed to start" in line), "")


def _answers_within(seconds: float, fault: Callable[[], str] = str) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if execute.run(["docker", "version"], check=False, timeout=30).succeeded:
            return True
        if fault():
            return False
        time.sleep(0.3)
    return False
