"""Wait for a server: ask it, and look at its container where it does not answer."""

import time
from collections.abc import Sequence

from dbserver import execute
from dbserver.docker import containers
from dbserver.errors import CommandError, NotRunningError

READY_SECONDS = 120
CRASHES = 3
PROBE_SECONDS = 15


def wait_until(container: str, probe: Sequence[str], seconds: float = READY_SECONDS) -> None:
    """Return once the probe succeeds; raise with the container's last log lines where it cannot.

    A container that restarts three times while being waited for is in a
    crash loop; waiting longer would only hide why.
    """
    deadline = time.monotonic() + seconds
    first = None
    while True:
        if _answers(probe):
            return
        found = containers.inspect([container]).get(container)
        if found is None:
            raise NotRunningError(f"container {container} is gone", "./scripts/start.sh")
        first = found.restarts if first is None else first
        if found.state in ("exited", "dead", "created"):
            raise _not_ready(container, f"stopped with exit code {found.exit_code}")
        if found.restarts - first >= CRASHES:
            raise _not_ready(container, f"keeps crashing (exit code {found.exit_code})")
        if time.monotonic() > deadline:
            raise _not_ready(container, f"does not answer after {seconds:.0f} s")
        time.sleep(0.05)


def _answers(probe: Sequence[str]) -> bool:
    try:
        return execute.run(probe, check=False, timeout=PROBE_SECONDS).succeeded
    except CommandError:
        return False


def _not_ready(container: str, what: str) -> NotRunningError:
    lines = containers.last_lines(container)
    return NotRunningError(f"{container} {what}; its last log lines:\n{lines}", f"docker logs {container}")
