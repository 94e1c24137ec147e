"""Containers: inspection and the verbs that change their state."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from dbserver import cleaning, contract, execute
from dbserver.docker import daemon
from dbserver.docker.privileges import Privileges
from dbserver.errors import DbServerError

ANSWER_SECONDS = 30


@dataclass(frozen=True)
class HealthCheck:
    """How Docker finds out whether a container is healthy; durations in seconds."""

    test: tuple[str, ...]
    interval: int
    timeout: int
    start_period: int
    retries: int


class Published(NamedTuple):
    """A port of a container on an address of the host: `inner` is such as 5432/tcp, no address is every one."""

    inner: str
    address: str
    port: int

    def __str__(self) -> str:
        """Return it as Docker shows it."""
        return f"{self.address or 'every address'}:{self.port}->{self.inner}"


@dataclass(frozen=True)
class Container:
    """One container as `docker container inspect` shows it.

    `memory` is its limit in bytes, 0 without one; `error` why its last start failed, `health_log` what its last health
    checks printed. `network_ids` is network -> id, of one that was removed too; `binds` are the directories of the host
    among its mounts; `pids` is the limit of its processes, 0 without one. `command` follows the `entrypoint`;
    `shares` are those of a busy processor, 0 where nobody said so. `bindings` are what is `published`, of one that
    runs, in Docker's order. `swap` is the limit of memory and swap together in bytes, -1 without one; `unwritable` are
    the paths of mounts that it cannot write to; `stop_seconds` is how long it has to stop, 0 where nobody said so.
    """

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
    published: tuple[Published, ...]
    networks: tuple[str, ...]
    command: tuple[str, ...] = ()
    health_check: HealthCheck | None = None
    memory: int = 0
    restart_policy: str = ""
    aliases: tuple[str, ...] = ()
    error: str = ""
    health_log: tuple[str, ...] = ()
    network_ids: Mapping[str, str] = field(default_factory=dict)
    binds: dict[str, str] = field(default_factory=dict)
    pids: int = 0
    swap: int = 0
    shared_memory: int = 0
    log: tuple[str, ...] = ()
    stop_seconds: int = 0
    unwritable: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    user: str = ""
    shares: int = 0
    privileges: Privileges | None = None
    sysctls: Mapping[str, str] = field(default_factory=dict)
    bindings: tuple[Published, ...] = ()

    @property
    def running(self) -> bool:
        """True while its main process runs."""
        return self.state == "running"

    def at(self, inner: str) -> Published:
        """Return where a port of it is published first; on port 0 where it is not."""
        return next((each for each in self.published if each.inner == inner), Published(inner, "", 0))

    def belongs_to(self, stack: str) -> bool:
        """True where this stack made it (or compose did, from this stack's rendering)."""
        return self.labels.get(contract.LABEL_STACK) == stack


def inspect(names: Sequence[str]) -> dict[str, Container]:
    """Return the containers of these names that exist. Raises NotRunningError where the daemon does not answer."""
    return parsed(inspected(names))


def parsed(found: Sequence[dict[str, Any]]) -> dict[str, Container]:
    """Return containers by their names from what Docker tells of them."""
    return {container.name: container for container in map(_container, found)}


def inspected(names: Sequence[str]) -> list[dict[str, Any]]:
    """Return what Docker tells of these containers, of those that exist. Raises NotRunningError as `inspect`."""
    shown = daemon.answer(["docker", "container", "inspect", *names])
    if not shown.succeeded and "no such container" not in shown.stderr.lower():
        raise daemon.refused(shown.output)
    return list(json.loads(shown.stdout or "[]"))


def start(name: str) -> None:
    """Start a container that is stopped; nothing happens where it runs."""
    execute.run(["docker", "start", name], timeout=contract.STOP_SECONDS)


def stop(name: str) -> None:
    """Stop a container gracefully: its stop signal, then up to 60 s before it is killed."""
    _to_the_end(["docker", "stop", "--time", str(contract.STOP_SECONDS), name])


def restart(name: str) -> None:
    """Restart a container gracefully."""
    _to_the_end(["docker", "restart", "--time", str(contract.STOP_SECONDS), name])


def resume(name: str) -> None:
    """Let the processes of a paused container run on."""
    execute.run(["docker", "unpause", name], timeout=ANSWER_SECONDS)


def remove(name: str) -> None:
    """Remove a stopped container; never its volumes."""
    execute.run(["docker", "rm", name], timeout=ANSWER_SECONDS)


def discard(name: str) -> None:
    """Remove a container of which nothing is needed, whatever it does; its anonymous volumes too. None is none."""
    argv = ["docker", "rm", "--force", "--volumes", name]
    done = execute.run(argv, timeout=contract.STOP_SECONDS + ANSWER_SECONDS, check=False, own_session=True)
    if not done.succeeded and "no such container" not in done.output.lower():
        raise DbServerError(f"container {name} cannot be removed: {done.output}", f"docker rm --force {name}")


def rename(name: str, new: str) -> None:
    """Give a container another name."""
    execute.run(["docker", "rename", name, new], timeout=ANSWER_SECONDS)


def leave_stopped(name: str) -> None:
    """Let Docker never start a container by itself: one that has the policy `always` starts with the daemon."""
    execute.run(["docker", "update", "--restart", "no", name], timeout=ANSWER_SECONDS)


def hold(name: str) -> None:
    """Let a stopped container fail at its start whoever starts it: no process in it can make a second one.

    `docker compose up` knows its containers by their labels, whatever their names are.
    """
    execute.run(["docker", "update", "--restart", "no", "--pids-limit", "1", name], timeout=ANSWER_SECONDS)


def release(name: str, policy: str, pids: int) -> None:
    """Undo `hold`: give a container its restart policy and its limit of processes (0: none)."""
    options = ["--restart", policy or "no", "--pids-limit", str(pids or -1)]
    execute.run(["docker", "update", *options, name], timeout=ANSWER_SECONDS)


def limit_processes(name: str, most: int) -> None:
    """Let a container have so many processes and threads at most; it runs on."""
    execute.run(["docker", "update", "--pids-limit", str(most), name], timeout=ANSWER_SECONDS)


def last_lines(name: str, count: int = 15) -> str:
    """Return the container's last log lines, both streams, oldest first."""
    shown = execute.run(
        ["sh", "-c", 'docker logs --tail "$1" "$2" 2>&1', "sh", str(count), name], check=False, timeout=ANSWER_SECONDS
    )
    return shown.stdout.strip()


def logs_argv(name: str, since: str | None, count: int | None, *, follow: bool) -> list[str]:
    """Return the command that prints a container's log, its last lines or all, each with its time first."""
    options = ["--tail", "all" if count is None else str(count), *(["--since", since] if since else [])]
    return ["docker", "logs", "--timestamps", *options, *(["--follow"] if follow else []), name]


def recent_lines(name: str, since: str, count: int) -> tuple[str, ...]:
    """Return the log's last lines since a time (RFC 3339, or such as 10m), of both streams, the errors' last."""
    shown = daemon.answer(["docker", "logs", "--since", since, "--tail", str(count), name])
    return tuple(cleaning.lines(shown.stdout) + cleaning.lines(shown.stderr)) if shown.succeeded else ()


def _to_the_end(argv: Sequence[str]) -> None:
    """An interruption of this process must not reach a client half-way: the container would stay stopped."""
    execute.run(argv, timeout=contract.STOP_SECONDS + ANSWER_SECONDS, own_session=True)


def _container(entry: dict[str, Any]) -> Container:
    state, config, networks = entry["State"], entry["Config"], entry["NetworkSettings"]["Networks"]
    return Container(
        id=entry["Id"],
        name=entry["Name"].lstrip("/"),
        image=config["Image"],
        image_id=entry["Image"],
        state=state["Status"],
        health=_health(state.get("Health") or {}),
        exit_code=state["ExitCode"],
        oom_killed=state["OOMKilled"],
        restarts=entry["RestartCount"],
        started_at=state["StartedAt"],
        labels=config.get("Labels") or {},
        environment=dict(entry.split("=", 1) for entry in config.get("Env") or [] if "=" in entry),
        published=tuple(sorted(_published(entry["HostConfig"].get("PortBindings") or {}))),
        networks=tuple(networks),
        network_ids={name: network.get("NetworkID", "") for name, network in networks.items()},
        command=tuple(config.get("Cmd") or ()),
        health_check=_health_check(config.get("Healthcheck")),
        memory=entry["HostConfig"].get("Memory") or 0,
        restart_policy=entry["HostConfig"]["RestartPolicy"]["Name"],
        aliases=tuple(alias for network in networks.values() for alias in network.get("Aliases") or ()),
        error=state.get("Error", ""),
        health_log=tuple(str(check["Output"]).strip() for check in (state.get("Health") or {}).get("Log") or ()),
        pids=max(0, entry["HostConfig"].get("PidsLimit") or 0),
        entrypoint=tuple(config.get("Entrypoint") or ()),
        user=config.get("User", ""),
        shares=entry["HostConfig"].get("CpuShares") or 0,
        privileges=_privileges(entry["HostConfig"]),
        sysctls=entry["HostConfig"].get("Sysctls") or {},
        bindings=_published(entry["NetworkSettings"].get("Ports") or {}),
        swap=entry["HostConfig"].get("MemorySwap") or 0,
        shared_memory=entry["HostConfig"].get("ShmSize") or 0,
        log=_log(entry["HostConfig"].get("LogConfig")),
        stop_seconds=config.get("StopTimeout") or 0,
        **_mounted(entry.get("Mounts") or []),
    )


def _mounted(mounts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "mounts": {mount["Destination"]: mount["Source"] for mount in mounts},
        "binds": {mount["Destination"]: mount["Source"] for mount in mounts if mount.get("Type") == "bind"},
        "unwritable": tuple(sorted(mount["Destination"] for mount in mounts if not mount.get("RW", True))),
    }


def _privileges(host: dict[str, Any]) -> Privileges:
    return Privileges(
        capabilities=tuple(sorted(host.get("CapAdd") or ())),
        dropped=tuple(sorted(host.get("CapDrop") or ())),
        security=tuple(sorted(host.get("SecurityOpt") or ())),
        read_only=bool(host.get("ReadonlyRootfs")),
        temporary=host.get("Tmpfs") or {},
        core=next((each["Hard"] for each in host.get("Ulimits") or () if each["Name"] == "core"), None),
    )


def _log(found: Mapping[str, Any] | None) -> tuple[str, ...]:
    return logging(found["Type"], found.get("Config") or {}) if found else ()


def logging(driver: str, options: Mapping[str, str]) -> tuple[str, ...]:
    """Return where a container's log goes, in one order: the driver, then its options."""
    return (driver, *(f"{name}={value}" for name, value in sorted(options.items())))


def _health(found: Mapping[str, Any]) -> str:
    """Return what Docker says; after a pause it says "unhealthy" until the next check, although none has failed."""
    status = str(found.get("Status", ""))
    return "starting" if status == "unhealthy" and found.get("FailingStreak") == 0 else status


def _health_check(check: dict[str, Any] | None) -> HealthCheck | None:
    """Docker gives durations in nanoseconds."""
    if not check:
        return None
    interval, timeout, start = (int(check.get(key, 0)) // 10**9 for key in ("Interval", "Timeout", "StartPeriod"))
    return HealthCheck(tuple(check["Test"]), interval, timeout, start, check.get("Retries", 0))


def _published(bindings: dict[str, list[dict[str, str]] | None]) -> tuple[Published, ...]:
    """Return every port that is published; HostConfig tells it of a stopped container too."""
    return tuple(
        Published(inner, host.get("HostIp", ""), int(host.get("HostPort") or 0))
        for inner, hosts in sorted(bindings.items())
        for host in hosts or ()
    )
