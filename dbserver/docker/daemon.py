"""The Docker daemon itself: whether it can be used, what is in the way, and whom it lets in."""

import signal
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dbserver import cleaning, execute
from dbserver.errors import CommandError, NotRunningError
from dbserver.execute import NO_ANSWER, NOT_FOUND

# A question that is answered at once has so long; then the daemon's version is asked, for which even a busy one needs
# little; only if that comes is the question asked again, with patience. Both together are what one that hangs costs.
AT_ONCE_SECONDS, ANSWER_SECONDS, PATIENT_SECONDS = 0.3, 1.2, 30
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


def answer(argv: Sequence[str]) -> execute.Finished:
    """Return how a question to the daemon ended. Raises NotRunningError within two seconds where the daemon hangs."""
    try:
        return execute.run(argv, check=False, timeout=AT_ONCE_SECONDS)
    except CommandError as fault:
        if fault.exit_status != NO_ANSWER:
            raise
    if look().fault == "silent":
        raise NotRunningError("the Docker daemon runs, but does not answer", "./scripts/dbserver doctor")
    return execute.run(argv, check=False, timeout=PATIENT_SECONDS)


class Questions:
    """Questions to servers, each of a thread of its own; given up together where it turns out that the daemon hangs."""

    def __init__(self) -> None:
        self._asked: list[Any] = []
        self._given_up: list[Any] = []
        self._hopeless = False

    def ask(self, argv: Sequence[str], question: str, seconds: float) -> execute.Finished:
        """Return the answer, as a timeout where none came. Raises CommandError where the program is missing."""
        program = execute.started(argv, stdin=execute.PIPE, stdout=execute.PIPE, stderr=execute.PIPE)
        self._asked.append(program)
        patience = threading.Timer(0 if self._hopeless else seconds, self._end, [program])
        patience.start()
        try:
            said, complaint = program.communicate(question.encode())
        finally:
            patience.cancel()
        given_up = program.returncode == -signal.SIGKILL and program in self._given_up
        status = NO_ANSWER if given_up else program.returncode
        return execute.Finished(status, said.decode(errors="replace"), complaint.decode(errors="replace"))

    def give_up(self) -> None:
        """End them all, and those that are still to come."""
        self._hopeless = True
        for program in self._asked:
            self._end(program)

    def _end(self, program: Any) -> None:
        self._given_up.append(program)
        program.kill()


def letting_neighbours_in(version: str) -> str:
    """Return what a daemon of this version leaves open; empty where it leaves nothing, or nobody can tell."""
    major = version.partition(".")[0]
    if not major.isdigit() or int(major) >= KEEPING_NEIGHBOURS_OUT:
        return ""
    machines = "machines on the same link as this host can reach ports that are published on 127.0.0.1"
    return f"Docker {version}: {machines}; Docker {KEEPING_NEIGHBOURS_OUT} keeps them out"


def refused(said: str) -> NotRunningError:
    """Return the error for a daemon that does not answer, with the way out."""
    if "permission denied" in said.lower():
        return NotRunningError(
            "no permission to use the Docker daemon", "sudo usermod -aG docker $USER, then log in again"
        )
    # Docker says the same of each name that it was asked for.
    once = "\n".join(dict.fromkeys(cleaning.lines(said)))
    return NotRunningError(f"the Docker daemon does not answer: {once}", "sudo systemctl start docker")
