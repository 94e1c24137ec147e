"""The page docs/performance.md: the machine, the tables, how to repeat them."""

import os
import platform
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from bench.figures import Table, render
from dbserver import contract, execute
from dbserver.docker import images
from tools import compose, machine
from tools.steps import Steps

GIB = 1024**3
PAGE = """# Performance

Written by `python -m bench`; not to be edited. Medians, with the smallest and the largest in brackets, of {rounds}
rounds in which the two sides take turns. A ratio is the quotient of two medians of the same run.

{tables}
## The machine

{machine}

## To repeat it

    ./scripts/test.sh               # once: gets every part that is needed
    . tools/environment.sh
    python -m bench --rounds {rounds}

Run it as root on a machine that does nothing else. It uses names, ports and directories of its own, removes them
afterwards, and writes this page.
"""


def page(rounds: int, tables: Sequence[Table], facts: Mapping[str, str]) -> str:
    """Return the page's text."""
    described = "\n".join(f"- {name}: {value}" for name, value in facts.items())
    return PAGE.format(rounds=rounds, tables="\n".join(render(table) for table in tables), machine=described)


def facts(log: Steps) -> dict[str, str]:
    """Return what the figures depend on."""
    config = compose.configuration(log, machine.here())
    environment = {"DOCKER_CONFIG": str(config)} if config else {}
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "processor": f"{os.cpu_count()} cores, {platform.machine()}",
        "memory": f"{psutil.virtual_memory().total / GIB:.1f} GiB",
        "load before the run (1, 5, 15 min)": ", ".join(f"{load:.2f}" for load in os.getloadavg()),
        "kernel": platform.release(),
        "Docker engine": _said("docker", "version", "--format", "{{.Server.Version}}"),
        "Docker client": _said("docker", "version", "--format", "{{.Client.Version}}"),
        "Docker storage": _said("docker", "info", "--format", "{{.Driver}}"),
        "docker compose": execute.run(["docker", "compose", "version", "--short"], env=environment).stdout.strip(),
        "Pulumi": _said("pulumi", "version"),
        "Python": platform.python_version(),
        **{f"image {name}": value for name, value in (_image(server) for server in contract.SERVERS)},
    }


def write(path: Path, text: str) -> None:
    """Put the page into place by one rename."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text)
    temporary.replace(path)


def _said(*argv: str) -> str:
    return execute.run(argv).stdout.strip()


def _image(server: str) -> tuple[str, str]:
    name = contract.DEFAULT_IMAGE[server]
    found = images.resolve(name, stand_ins=True)
    program = f"{server}" if server == contract.POSTGRES else "redis-server"
    version = _said("docker", "run", "--rm", "--network", "none", "--entrypoint", program, found.name, "--version")
    return name, f"{version} ({'the official image' if found.name == name else 'the stand-in ' + found.name})"
