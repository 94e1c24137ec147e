"""The Docker daemon itself: whether it can be used, and what is in the way."""

from dbserver import execute
from dbserver.errors import CommandError

ANSWER_SECONDS = 10
NOT_FOUND, NO_ANSWER = 127, 124


def unusable() -> tuple[str, str]:
    """Return what is in the way, and its words: `missing`, `silent`, `denied` or `down`; nothing where it answers."""
    argv = ["docker", "version", "--format", "{{.Server.Version}}"]
    try:
        done = execute.run(argv, timeout=ANSWER_SECONDS, check=False)
    except CommandError as fault:
        kinds = {NOT_FOUND: "missing", NO_ANSWER: "silent"}
        return kinds.get(fault.exit_status, "down"), fault.output
    if done.succeeded:
        return "", ""
    return ("denied" if "permission denied" in done.output.lower() else "down"), done.output
