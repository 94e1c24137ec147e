"""Where the Docker daemon is that everything here asks.

Docker's client goes by DOCKER_HOST, else by the context that DOCKER_CONTEXT or its configuration names
(https://docs.docker.com/engine/manage-resources/contexts/). The engine's provider knows DOCKER_HOST alone: it would
make the servers on another machine than the one that was looked at, so it is told.
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from dbserver import json_file

SOCKET = "unix:///var/run/docker.sock"


def address(environment: Mapping[str, str] = os.environ) -> str:
    """Return the daemon's address; an empty DOCKER_HOST is none, as for Docker's own client."""
    return environment.get("DOCKER_HOST") or _of_context(environment) or SOCKET


def local() -> bool:
    """Return whether the daemon is on this machine: its directories, ports and processes are the ones seen here."""
    return address().startswith("unix:")


def context(environment: Mapping[str, str] = os.environ) -> str:
    """Return the name of the context that decides; empty where none does."""
    if environment.get("DOCKER_HOST"):
        return ""
    known = json_file.read(_directory(environment) / "config.json")
    name = environment.get("DOCKER_CONTEXT") or str(known.get("currentContext") or "")
    return "" if name == "default" else name


def nowhere(environment: Mapping[str, str] = os.environ) -> str:
    """Return the name of the context that decides where it has no address, because it is missing or damaged."""
    return "" if _of_context(environment) else context(environment)


def variables() -> dict[str, str]:
    """Return what tells the engine's provider of the daemon and its certificates, where a context decides."""
    name = context()
    if not name:
        return {}
    keys = _directory(os.environ) / "contexts" / "tls" / _folder(name) / "docker"
    secured = {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(keys)} if keys.is_dir() else {}
    return {"DOCKER_HOST": address(), **secured}


def _of_context(environment: Mapping[str, str]) -> str:
    name = context(environment)
    if not name:
        return ""
    known = json_file.read(_directory(environment) / "contexts" / "meta" / _folder(name) / "meta.json")
    return str(((known.get("Endpoints") or {}).get("docker") or {}).get("Host") or "")


def _directory(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("DOCKER_CONFIG") or Path(environment.get("HOME") or Path.home()) / ".docker")


def _folder(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
