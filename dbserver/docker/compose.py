"""Compose, where the Docker client has it."""

from dbserver import cleaning, execute

ANSWER_SECONDS = 30


def hashes(text: str) -> dict[str, str]:
    """Return what compose calls each service of a file, by which it sees whether a container is as the file says.

    Only compose knows: another version of it has other ones. Nothing where there is no compose.
    """
    argv = ["docker", "compose", "--file", "-", "config", "--hash", "*"]
    shown = execute.run(argv, stdin=text, check=False, timeout=ANSWER_SECONDS)
    rows = [line.split() for line in cleaning.lines(shown.stdout)] if shown.succeeded else []
    return {row[0]: row[1] for row in rows if len(row) == 2}  # noqa: PLR2004  a service and its hash
