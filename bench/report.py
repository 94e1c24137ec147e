"""The page docs/performance.md: the machine, the tables, how to repeat them."""

import os
import platform
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.figures import Table, render
from dbserver import contract, execute
from dbserver.docker import images
from tools import compose, machine
from tools.steps import Steps

GIB = 1024**3
PAGE = """# Performance

Written by `python -m bench`; not to be edited. Medians, with the smallest and the largest in brackets, of rounds in
which the two sides take turns. A ratio is the quotient of two medians of the same run.

{topics}
## The machine

{machine}

## To repeat it

    ./scripts/test.sh               # once: gets every part that is needed
    . tools/environment.sh
    python -m bench                 # or one part: --only start

Run it as root on a machine that does nothing else. It uses names, ports and directories of its own, removes them
afterwards, and writes what it measured into this page.
"""
# A topic reaches from its mark to the next one, or to the page's end.
MARK = "<!-- {name} -->\n"
TOPIC = re.compile(MARK.format(name=r"(\w+)") + r"\n(.*?)\n(?=<!--|## The machine)", re.DOTALL)


@dataclass(frozen=True)
class Run:
    """When and under what a topic was measured."""

    rounds: int
    date: str
    commit: str
    load: str

    def __str__(self) -> str:
        """Return the line over the topic's tables."""
        times = "1 round" if self.rounds == 1 else f"{self.rounds} rounds"
        return f"{self.date}, {times}, commit {self.commit}, load before the run (1, 5, 15 min) {self.load}."


def now(rounds: int) -> Run:
    """Return what a measurement that begins now is made under."""
    load = ", ".join(f"{load:.2f}" for load in os.getloadavg())
    date = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    return Run(rounds, date, _said("git", "-C", str(machine.ROOT), "describe", "--always", "--dirty"), load)


def topic(run: Run, tables: Sequence[Table]) -> str:
    """Return what is measured together, as the page shows it."""
    return "\n".join([f"{run}\n", *(render(table) for table in tables)])


def page(before: str, measured: Mapping[str, str], names: Sequence[str], facts: Mapping[str, str]) -> str:
    """Return the page's text: what was measured, and of the page before what was not."""
    shown = {**dict(TOPIC.findall(before)), **measured}
    topics = "\n".join(MARK.format(name=name) + f"\n{shown[name]}" for name in names if name in shown)
    described = "\n".join(f"- {name}: {value}" for name, value in facts.items())
    return PAGE.format(topics=topics, machine=described)


def facts(log: Steps) -> dict[str, str]:
    """Return what the figures depend on."""
    config = compose.configuration(log, machine.here())
    environment = {"DOCKER_CONFIG": str(config)} if config else {}
    return {
        "processor": f"{os.cpu_count()} cores, {platform.machine()}",
        "memory": f"{psutil.virtual_memory().total / GIB:.1f} GiB",
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
