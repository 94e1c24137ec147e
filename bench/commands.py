"""Commands under measurement: each in a process group of its own, so that an interruption leaves none behind."""

import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

LIMIT_SECONDS = 300
GRACE_SECONDS = 30


class MeasurementError(Exception):
    """A command that is measured did not do its work, so there is no figure."""


def begin(argv: Sequence[str], environment: Mapping[str, str], directory: Path) -> "subprocess.Popen[str]":
    """Start a command; `finish` has to follow."""
    return subprocess.Popen(
        list(argv), env=dict(environment), cwd=directory, text=True, errors="replace", start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def finish(process: "subprocess.Popen[str]") -> str:
    """Wait for a command and return what it printed. Raises MeasurementError where it failed."""
    try:
        printed, _ = process.communicate(timeout=LIMIT_SECONDS)
    except BaseException:
        stop(process)
        raise
    if process.returncode != 0:
        raise MeasurementError(f"{process.args!r} ended with {process.returncode}:\n{printed[-4000:]}")
    return printed


def stop(process: "subprocess.Popen[str]") -> None:
    """End the whole group: asked first, so that the engine finishes what it has begun."""
    for number in (signal.SIGINT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=GRACE_SECONDS)


def run(argv: Sequence[str], environment: Mapping[str, str], directory: Path) -> str:
    """Run a command to its end and return what it printed."""
    return finish(begin(argv, environment, directory))


def timed(argv: Sequence[str], environment: Mapping[str, str], directory: Path) -> float:
    """Return the seconds that a command takes."""
    started = time.perf_counter()
    run(argv, environment, directory)
    return time.perf_counter() - started


def processor(action: Callable[[], object]) -> float:
    """Return the processor seconds of the programs that an action starts and waits for; the daemon's are not seen."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    action()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
