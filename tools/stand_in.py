"""Builds stand-ins for official images that cannot be pulled here. Started by tools/image."""

import sys
from collections.abc import Sequence

from dbserver.docker import images as local
from dbserver.errors import Exit, UsageError
from tools import docker_engine, images
from tools.machine import Machine
from tools.prepare import alone, guarded
from tools.steps import Steps


def build_images(names: Sequence[str]) -> int:
    """Build stand-ins by the names of the official images they stand for; the exit code."""

    def action(steps: Steps, machine: Machine) -> int:
        if not names or any(name.startswith("-") for name in names):
            raise UsageError("which image?", f"tools/image NAME..., one of: {', '.join(images.SUITES)}")
        docker_engine.provide(steps, machine)
        with alone(steps, machine):
            for name in names:
                if local.find(local.stand_in(name)) is None:
                    images.build(steps, machine, name)
        return Exit.DONE

    return guarded(action)


if __name__ == "__main__":
    sys.exit(build_images(sys.argv[1:]))
