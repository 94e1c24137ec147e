"""A bare Pulumi program: two containers by the Docker provider, and nothing that is ours."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench import commands
from bench.compose import Compose
from bench.ours import PREVIEW, UP, Ours
from dbserver import contract
from tests.support.ports import free_port
from tests.support.project import ROOT

PROJECT = "name: db-server-bare\nruntime: python\nbackend: {url: 'file://./.state'}\n"
PROGRAM = """
import json
from pathlib import Path

import pulumi_docker as docker

for name, arguments in json.loads(Path("containers.json").read_text()).items():
    docker.Container(name, **arguments)
"""


@contextmanager
def bare(ours: Ours, compose: Compose) -> Iterator["Bare"]:
    """Start the program once, unrecorded; remove it at the end."""
    made = Bare(ours, compose)
    try:
        made.begin()
        yield made
    finally:
        made.remove()


class Bare:
    """The program in a directory of its own; the same engine, plugin and Python packages as ours."""

    def __init__(self, ours: Ours, compose: Compose) -> None:
        self.directory = compose.servers.directory.with_name("bare")
        self.environment = ours.environment
        self.names = [f"{ours.stack.name}-bare-{server}" for server in contract.SERVERS]
        (self.directory / ".state").mkdir(parents=True)
        (self.directory / ".venv").symlink_to(ROOT / ".venv")
        (self.directory / "Pulumi.yaml").write_text(PROJECT)
        (self.directory / "__main__.py").write_text(PROGRAM)
        containers = {s: self._container(n, compose, s) for s, n in zip(contract.SERVERS, self.names, strict=True)}
        (self.directory / "containers.json").write_text(json.dumps(containers))

    def _container(self, name: str, compose: Compose, server: str) -> dict[str, Any]:
        source = self.directory / "data" / server
        source.mkdir(parents=True)
        return {
            "name": name, "image": compose.content["services"][server]["image"],
            "restart": "always", "must_run": False, "wait": False,
            "network_mode": "bridge", "envs": ["POSTGRES_PASSWORD=bare"] if server == contract.POSTGRES else [],
            "ports": [{"internal": contract.INNER_PORT[server], "external": free_port(), "ip": "127.0.0.1"}],
            "mounts": [{"type": "bind", "source": str(source), "target": contract.INNER_DATA[server]}],
        }  # fmt: skip

    def begin(self) -> None:
        """Make the containers. Raises MeasurementError where an update would find something to do afterwards."""
        for arguments in (("stack", "init", "bare"), (*UP, "--stack", "bare"), (*PREVIEW, "--stack", "bare")):
            commands.run(["pulumi", *arguments], self.environment, self.directory)

    def up(self) -> float:
        """Return the seconds of `pulumi up`."""
        return commands.timed(["pulumi", *UP, "--stack", "bare"], self.environment, self.directory)

    def remove(self) -> None:
        """Remove the containers and all files."""
        commands.run(["docker", "rm", "--force", "--volumes", *self.names], self.environment, self.directory)
        shutil.rmtree(self.directory, ignore_errors=True)
