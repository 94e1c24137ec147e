"""Containers: inspection and the verbs that change their state."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dbserver import contract, execute
from dbserver.errors import NotRunningError

ANSWER_SECONDS = 30


@dataclass(frozen=True)
class Container:
    """One container as `docker container inspect` shows it."""

    id: str
    name: str
    image: str
    image_id: str
    state: str
    health: str
    exit_code: int
    oom_killed: bool
    restarts: int
    started_at: str
    labels: dict[str, str]
    environment: dict[str, str]
    mounts: dict[str, str]
    published: dict[str, tuple[str, int]]
    networks: tuple[str, ...]

    @property
    def running(self) -> bool:
        """True while its main process runs."""
        return self.state == "running"

    def belongs_to(self, stack: str) -> bool:
        """True where this stack made it (or compose did, from this stack's rendering)."""
        return self.labels.get(contract.LABEL_STACK) == stack


def inspect(names: Sequence[str]) -> dict[str, Container]:
    """Return the containers of these names that exist. Raises NotRunningError where the daemon does not answer."""
    shown = execute.run(["docker", "container", "inspect", *names], check=False, timeout=ANSWER_SECONDS)
    if not shown.succeeded and "no such container" not in shown.stderr.lower():
        raise daemon_error(shown.output)
    found = [_container(entry) for entry in json.loads(shown.stdout or "[]")]
    return {container.name: container for container in found}


def start(name: str) -> None:
    """Start a container that is stopped; nothing happens where it runs."""
    execute.run(["docker", "start", name], timeout=contract.STOP_SECONDS)


def stop(name: str) -> None:
    """Stop a container gracefully: its stop signal, then up to 60 s before it is killed."""
    execute.run(
        ["docker", "stop", "--time", str(contract.STOP_SECONDS), name], timeout=contract.STOP_SECONDS + ANSWER_SECONDS
    )


def restart(name: str) -> None:
    """Restart a container gracefully."""
    execute.run(
        ["docker", "restart", "--time", str(contract.STOP_SECONDS), name],
        timeout=contract.STOP_SECONDS + ANSWER_SECONDS,
    )


def resume(name: str) -> None:
    """Let the processes of a paused container run on."""
    execute.run(["docker", "unpause", name], timeout=ANSWER_SECONDS)


def remove(name: str) -> None:
    """Remove a stopped container; never its volumes."""
    execute.run(["docker", "rm", name], timeout=ANSWER_SECONDS)


def last_lines(name: str, count: int = 15) -> str:
    """Return the container's last log lines, both streams, oldest first."""
    shown = execute.run(
        ["sh", "-c", 'docker logs --tail "$1" "$2" 2>&1', "sh", str(count), name], check=False, timeout=ANSWER_SECONDS
    )
    return shown.stdout.strip()


def daemon_error(said: str) -> NotRunningError:
    """Return the error for a daemon that does not answer, with the way out."""
    if "permission denied" in said.lower():
        return NotRunningError(
            "no permission to use the Docker daemon", "sudo usermod -aG docker $USER, then log in again"
        )
    return NotRunningError(f"the Docker daemon does not answer: {said}", "sudo systemctl start docker")


def _container(entry: dict[str, Any]) -> Container:
    state, config = entry["State"], entry["Config"]
    return Container(
        id=entry["Id"],
        name=entry["Name"].lstrip("/"),
        image=config["Image"],
        image_id=entry["Image"],
        state=state["Status"],
        health=(state.get("Health") or {}).get("Status", ""),
        exit_code=state["ExitCode"],
        oom_killed=state["OOMKilled"],
        restarts=entry["RestartCount"],
        started_at=state["StartedAt"],
        labels=config.get("Labels") or {},
        environment=dict(entry.split("=", 1) for entry in config.get("Env") or [] if "=" in entry),
        mounts={mount["Destination"]: mount["Source"] for mount in entry.get("Mounts") or []},
        published=_published(entry["HostConfig"].get("PortBindings") or {}),
        networks=tuple(entry["NetworkSettings"]["Networks"]),
    )


def _published(bindings: dict[str, list[dict[str, str]] | None]) -> dict[str, tuple[str, int]]:
    """Return inner port -> (address, port); from HostConfig, which a stopped container keeps too."""
    return {
        inner: (hosts[0].get("HostIp", ""), int(hosts[0].get("HostPort") or 0))
        for inner, hosts in bindings.items()
        if hosts
    }
