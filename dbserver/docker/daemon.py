"""The Docker daemon itself: whether it can be used, what is in the way, and whom it lets in."""

from dataclasses import dataclass

from dbserver import execute
from dbserver.errors import CommandError

ANSWER_SECONDS = 10
NOT_FOUND, NO_ANSWER = 127, 124
# The first that drops what a neighbour sends to a port published on 127.0.0.1, or to its container (moby#49325).
KEEPING_NEIGHBOURS_OUT = 28


@dataclass(frozen=True)
class Daemon:
    """What is in the way (`missing`, `silent`, `denied`, `down`, or nothing), its words, and its version."""

    fault: str = ""
    said: str = ""
    version: str = ""


def look() -> Daemon:
    """Return what there is of the daemon. Raises nothing."""
    argv = ["docker", "version", "--format", "{{.Server.Version}}"]
    try:
        done = execute.run(argv, timeout=ANSWER_SECONDS, check=False)
    except CommandError as fault:
        kinds = {NOT_FOUND: "missing", NO_ANSWER: "silent"}
        return Daemon(kinds.get(fault.exit_status, "down"), fault.output)
    if done.succeeded:
        return Daemon(version=done.stdout.strip())
    return Daemon("denied" if "permission denied" in done.output.lower() else "down", done.output)


def letting_neighbours_in(version: str) -> str:
    """Return what a daemon of this version leaves open; empty where it leaves nothing, or nobody can tell."""
    major = version.partition(".")[0]
    if not major.isdigit() or int(major) >= KEEPING_NEIGHBOURS_OUT:
        return ""
    machines = "machines on the same link as this host can reach ports that are published on 127.0.0.1"
    return f"Docker {version}: {machines}; Docker {KEEPING_NEIGHBOURS_OUT} keeps them out"
