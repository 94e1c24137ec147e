"""Where a command spends its time: its tree of processes, looked at while it runs."""

import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

import psutil

from bench.figures import Table

INTERVAL_SECONDS = 0.01
# The first word of a command line that is one of these tells what the process is.
ROLES = {
    "pulumi-resource-docker": "docker plugin",
    "pulumi-resource-pulumi-python": "dynamic provider",
    "pulumi.dynamic": "dynamic provider",
    "pulumi-language-python-exec": "the program",
    "pip": "language host's look at installed packages (pip)",
    "pulumi-language-python": "language host",
    "pulumi": "engine",
    "docker": "docker commands",
}


@dataclass
class Seen:
    """One process. Seconds, counted from the command's start; `cpu` is what it had used when it was last seen."""

    role: str
    start: float
    end: float
    cpu: float


def role(command_line: Sequence[str]) -> str:
    """Return what a process is, by the names in its command line."""
    words = [PurePath(word).name for word in command_line[:6]]
    for word in words:
        if meaning := ROLES.get(word.removesuffix(".py")):
            return meaning
    return f"other ({words[0]})" if words else "other"


def watch(process: "subprocess.Popen[str]") -> list[Seen]:
    """Return every process of the tree that lived long enough to be seen."""
    seen: dict[int, Seen] = {}
    root, began = psutil.Process(process.pid), time.time()
    while process.poll() is None:
        for one in _tree(root):
            _look(one, began, seen)
        time.sleep(INTERVAL_SECONDS)
    return list(seen.values())


def _tree(root: psutil.Process) -> list[psutil.Process]:
    try:
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _look(one: psutil.Process, began: float, seen: dict[int, Seen]) -> None:
    try:
        with one.oneshot():
            line, used, created = one.cmdline(), one.cpu_times(), one.create_time()
    except psutil.Error:
        return
    if line:
        found = seen.setdefault(one.pid, Seen("", max(0.0, created - began), 0, 0))
        found.role, found.end, found.cpu = role(line), time.time() - began, used.user + used.system


def table(title: str, seen: Iterable[Seen], note: str) -> Table:
    """Return the processes in the order of their start, those of the same kind in one row."""
    rows = []
    for name, group in _grouped(seen):
        lasted = sum(one.end - one.start for one in group)
        cells = (min(o.start for o in group), max(o.end for o in group), lasted, sum(o.cpu for o in group))
        rows.append((name, str(len(group)), *(f"{seconds:.2f} s" for seconds in cells)))
    header = ("process", "how many", "first starts at", "last ends at", "lasting in sum", "processor")
    return Table(title, header, rows, note)


def _grouped(seen: Iterable[Seen]) -> list[tuple[str, list[Seen]]]:
    groups: dict[str, list[Seen]] = {}
    for one in sorted(seen, key=lambda one: one.start):
        groups.setdefault(one.role, []).append(one)
    return list(groups.items())
