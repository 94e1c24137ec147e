"""A clock of a container's own that can be set while what runs in it goes on, by libfaketime before all that starts.

A time namespace moves no wall clock, and the host's own is everybody's.
"""

import shutil
from pathlib import Path

from tests.support.commands import run
from tests.support.stack import Stack

LIBRARY = """
FROM {image}
RUN apt-get update -o Acquire::Check-Valid-Until=false \\
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends libfaketime \\
 && cp /usr/lib/*/faketime/libfaketime.so.1 /libfaketime.so.1 && rm -rf /var/lib/apt/lists/*
"""
# Both containers begin with what finds bash by PATH. What a file's time is, and how long something takes, stays true.
SHELL = """\
#!/bin/sh
export LD_PRELOAD=/libfaketime.so.1 FAKETIME_TIMESTAMP_FILE=/shifted FAKETIME_NO_CACHE=1
export FAKETIME_DISABLE_SHM=1 NO_FAKE_STAT=1 FAKETIME_DONT_FAKE_MONOTONIC=1
exec /bin/bash "$@"
"""


class Clock:
    """The clock of these containers: they are restarted once to have it."""

    def __init__(self, stack: Stack, directory: Path, *containers: str) -> None:
        """Put the library into the containers, and start them again."""
        self.stack, self.containers = stack, containers
        image, tag, holder = (
            stack.inspect(containers[0])["Config"]["Image"],
            "dbs-test-faketime",
            f"{stack.name}-faketime",
        )
        stack.build_image(tag, LIBRARY.format(image=image))
        run("docker", "create", "--name", holder, tag).ok()
        run("docker", "cp", f"{holder}:/libfaketime.so.1", str(directory)).ok()
        run("docker", "rm", "-v", holder).ok()
        for root in map(self._root, containers):
            shutil.copy(directory / "libfaketime.so.1", root)
            (root / "usr" / "local" / "bin" / "bash").write_text(SHELL)
            (root / "usr" / "local" / "bin" / "bash").chmod(0o755)
        self.set("+0")
        for name in containers:
            run("docker", "restart", "--time", "30", name).ok()

    def set(self, by: str) -> None:
        """Set it by so much ahead of the host's, such as +365d, or behind it: -1h."""
        for root in map(self._root, self.containers):
            (root / "shifted.new").write_text(f"{by}\n")
            (root / "shifted.new").rename(root / "shifted")

    def _root(self, container: str) -> Path:
        """Return the container's root as the host has it: inside it is read-only."""
        return Path(self.stack.inspect(container)["GraphDriver"]["Data"]["MergedDir"])
