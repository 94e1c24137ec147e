"""Where the Docker daemon is that everything here asks."""

import os

SOCKET = "unix:///var/run/docker.sock"


def address() -> str:
    """Return the daemon's address; an empty DOCKER_HOST is none, as for Docker's own client."""
    return os.environ.get("DOCKER_HOST") or SOCKET


def local() -> bool:
    """Return whether the daemon is on this machine: its directories, ports and processes are the ones seen here."""
    return address().startswith("unix:")
