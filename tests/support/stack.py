"""A stack of its own for a test: own project directory, names, network, ports and data."""

import itertools
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support import commands
from tests.support.clients import Clients
from tests.support.leftovers import process_name, remove_from_docker
from tests.support.ports import free_port
from tests.support.project import Project

_numbers = itertools.count(1)


@dataclass
class Stack(Project, Clients):
    """A stack under test. `config` is what Pulumi.<stack>.yaml holds, without the project's prefix."""

    directory: Path
    name: str = field(default_factory=lambda: f"{process_name()}-{next(_numbers)}")
    config: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    until = staticmethod(commands.until)

    def __post_init__(self) -> None:
        self.project = self.directory / "project"
        self.data = self.directory / "data"
        self.network = f"{self.name}-network"
        self.postgres = f"{self.name}-postgres"
        self.redis = f"{self.name}-redis"
        self.postgres_port, self.redis_port, self.other_port = free_port(), free_port(), free_port()
        self.copy_project()
        self.config = {
            "network": {"name": self.network, "create": True},
            "dataDirectory": str(self.data),
            "standIns": True,
            "postgres": {"containerName": self.postgres, "port": self.postgres_port, "memory": "512m"},
            "redis": {"containerName": self.redis, "port": self.redis_port, "memory": "128m"},
            **self.config,
        }
        self.configure()

    def variables(self, application: str) -> dict[str, str]:
        """Return an application's environment, as the command line prints it."""
        return dict(json.loads(self.script("dbserver", "env", application, "--format", "json").ok().out))

    def remove(self) -> None:
        """Remove everything of this stack, and nothing else."""
        self.remove_containers()
        shutil.rmtree(self.directory, ignore_errors=True)

    def remove_containers(self) -> None:
        """Remove its containers, its networks and the images that are named after it."""
        remove_from_docker(lambda name: name.startswith((f"{self.name}-", f"{self.name}_")))
