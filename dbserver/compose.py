"""The plan as a compose file, and the labels by which `docker compose` takes a container for its own."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from dbserver import contract
from dbserver.docker.images import Image
from dbserver.plan import ContainerPlan
from dbserver.units import MIB

Service = tuple[ContainerPlan, Image]

MARK = "# Rendered by database-server from "
HEAD = f"""\
{MARK}Pulumi.{{stack}}.yaml. Do not edit it: the next update writes it again.
# What `docker compose` is good for here: docs/how-to/compose.md
"""
# What compose reads in a directory: the first one that is there.
READ = ("compose.yaml", "compose.yml", contract.COMPOSE_FILE)
NETWORK = "shared"
UNKNOWN = "unknown"
LABEL = "com.docker.compose."
# They name a checkout, and the version of a program; but a label that changes replaces its container.
KEPT = tuple(LABEL + name for name in ("config-hash", "project.config_files", "project.working_dir"))


def render(stack: str, services: Sequence[Service]) -> str:
    """Return the text of docker-compose.yml. It holds no secret, because the plan holds none."""
    content = {
        "name": services[0][0].project,
        "services": {plan.server: _literal(_service(stack, plan, image)) for plan, image in services},
        "networks": {NETWORK: {"name": services[0][0].network, "external": True}},
    }
    return HEAD.format(stack=stack) + yaml.safe_dump(content, sort_keys=False, width=120)


def labels(plan: ContainerPlan, image: Image) -> dict[str, str]:
    """Return the labels that compose asks for, without those in KEPT and without its version: see `made`."""
    found = {"service": plan.server, "container-number": "1", "oneoff": "False", "image": image.identity}
    return {contract.LABEL_PROJECT: plan.project, **{LABEL + name: value for name, value in found.items()}}


def place(directory: Path, config_hash: str | None) -> dict[str, str]:
    """Return the labels in KEPT for a new container.

    Compose takes a container without a hash for nobody's; one with another hash than its own it makes anew.
    """
    values = (config_hash or UNKNOWN, str(directory / contract.COMPOSE_FILE), str(directory))
    return dict(zip(KEPT, values, strict=True))


def kept(found: Mapping[str, str]) -> dict[str, str]:
    """Return of a container's labels those that stay as they are for as long as it stays."""
    return {label: found[label] for label in KEPT if label in found}


def made(found: Mapping[str, str]) -> bool:
    """Return True for the labels of a container that compose has made: it adds its version, and nothing asks for it."""
    return LABEL + "version" in found


def foreign(directory: Path) -> list[str]:
    """Return the files in a directory that compose would read and that are not ours, or in place of ours."""
    texts = {name: text(directory / name) for name in READ}
    return [name for name, found in texts.items() if found is not None and not found.startswith(MARK)]


def text(path: Path) -> str | None:
    """Return what a file holds: None where there is none, nothing where it cannot be read."""
    try:
        return path.read_text(errors="replace")
    except FileNotFoundError:
        return None
    except OSError:
        return ""


def stale(directory: Path, wanted: str) -> str:
    """Return what is wrong with the file in a directory, where this text should be; empty where nothing is.

    Of several stacks in one directory it is of the one that was brought up last: then nothing is wrong with it.
    """
    found = text(directory / contract.COMPOSE_FILE)
    if found is None:
        return "is missing"
    other = found.partition("\n")[0] != wanted.partition("\n")[0]
    return "" if other or found == wanted else "is not as declared"


def _service(stack: str, plan: ContainerPlan, image: Image) -> dict[str, Any]:
    check, memory = plan.health_check, f"{plan.memory // MIB}m"
    return {
        "image": plan.image,
        "container_name": plan.name,
        "command": list(plan.command),
        "environment": dict(entry.split("=", 1) for entry in plan.environment),
        "labels": plan.labels(stack, image),
        "restart": plan.restart,
        "ports": [f"{each.address}:{each.port}:{each.inner.removesuffix('/tcp')}" for each in plan.published],
        "volumes": [
            # The long form: a directory that is missing, such as a disk that is not mounted, is an error.
            {"type": "bind", "source": source, "target": target, "read_only": plan.read_only(target)}
            for target, source in plan.mounts.items()
        ],
        "networks": {NETWORK: {"aliases": [plan.server]}},
        "healthcheck": {
            "test": list(check.test),
            "interval": f"{check.interval}s",
            "timeout": f"{check.timeout}s",
            "start_period": f"{check.start_period}s",
            "retries": check.retries,
        },
        "mem_limit": memory,
        "memswap_limit": memory,
        "shm_size": f"{plan.shared_memory // MIB}m",
        "cap_drop": list(plan.privileges.dropped),
        "cap_add": list(plan.privileges.capabilities),
        "security_opt": list(plan.privileges.security),
        "read_only": plan.privileges.read_only,
        "tmpfs": [f"{path}:{options}" for path, options in plan.privileges.temporary.items()],
        "pids_limit": plan.processes,
        **({"sysctls": dict(plan.sysctls)} if plan.sysctls else {}),
        "ulimits": {"core": plan.privileges.core},
        "logging": {"driver": plan.log_driver, "options": dict(plan.log_options)},
        "stop_grace_period": f"{plan.stop_seconds}s",
    }


def _literal(value: Any) -> Any:
    """Compose puts variables in where a `$` stands: one that is meant is written twice."""
    if isinstance(value, dict):
        return {key: _literal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_literal(item) for item in value]
    return value.replace("$", "$$") if isinstance(value, str) else value
