"""What a container uses: memory, kills for lack of it, disk and inodes; and which data it has. Pure.

Asked inside the container, in the same command that asks its server: starting
a command there costs more than all that it does.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dbserver import contract
from dbserver.docker.host import IDENTITY_OF

# Both versions of the kernel's control groups; what a machine does not have is silent.
MEMORY_FILES = (
    "memory.current", "memory.events", "memory.stat",
    "memory/memory.usage_in_bytes", "memory/memory.oom_control", "memory/memory.stat",
)  # fmt: skip
ANSWER_SECONDS = 10
# `docker exec -i CONTAINER`: what stands before the command inside.
OUTSIDE = 4

FIGURES = """\
identity() {{
{identity}
}}
identity {directory} {remembered} 2>/dev/null
stat -fc 'disk %S %b %a %c %d' {directory} 2>/dev/null
cd /sys/fs/cgroup 2>/dev/null && grep -sE '^(oom_kill |(total_)?inactive_file |[0-9]+$)' {files}
exec timeout {seconds} "$@"
"""
DISK = re.compile(r"^disk (\d+) (\d+) (\d+) (\d+) (\d+)$", re.MULTILINE)
MEMORY = re.compile(r"^(?:memory/)?memory\.(\w+):(?:(\w+) )?(\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Usage:
    """A container's use of its host, None where it is unknown; bytes, but for `inodes_free` and the count of kills."""

    memory_used: int | None = None
    oom_kills: int | None = None
    disk_free: int | None = None
    disk_total: int | None = None
    inodes_free: int | None = None


def before(argv: Sequence[str], server: str) -> list[str]:
    """Return a `docker exec -i CONTAINER ...` that first prints the container's figures and the identity of its data.

    What does not answer is ended in there: ending the client outside would leave it behind.
    """
    script = FIGURES.format(
        identity=IDENTITY_OF.strip(),
        directory=contract.INNER_DATA[server],
        remembered=f"{contract.INNER_CONFIG[server]}/{contract.IDENTITY_FILE}",
        files=" ".join(MEMORY_FILES),
        seconds=ANSWER_SECONDS,
    )
    return [*argv[:OUTSIDE], "sh", "-c", script, "sh", *argv[OUTSIDE:]]


def parse(printed: str) -> Usage:
    """Return the figures among what was printed.

    Memory is counted as `docker stats` does: file pages that nobody used lately are left out, because the kernel
    drops them before it kills anything.
    """
    found = {(file, name): int(figure) for file, name, figure in MEMORY.findall(printed)}
    used = _first(found, ("current", ""), ("usage_in_bytes", ""))
    inactive = _first(found, ("stat", "total_inactive_file"), ("stat", "inactive_file"))
    disk = DISK.search(printed)
    block, total, free, inodes, inodes_free = map(int, disk.groups()) if disk else (0,) * 5
    return Usage(
        memory_used=None if used is None else max(used - (inactive or 0), 0),
        oom_kills=_first(found, ("events", "oom_kill"), ("oom_control", "oom_kill")),
        disk_free=block * free if disk else None,
        disk_total=block * total if disk else None,
        # A file system without a fixed number of inodes says 0 of 0.
        inodes_free=inodes_free if inodes else None,
    )


def _first(found: Mapping[tuple[str, str], int], *names: tuple[str, str]) -> int | None:
    return next((found[name] for name in names if name in found), None)
