"""Gets every part a bare machine lacks; says nothing where nothing is missing. Started by tools/prepare."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from dbserver import contract
from dbserver.errors import CommandError, DbServerError, Exit, UsageError
from tools import actionlint, docker_engine, docker_plugin, images, pulumi_engine
from tools.machine import Machine, Missing, here, report
from tools.steps import Steps


@dataclass(frozen=True)
class Options:
    """What concerns the preparation among the arguments; the others belong to the command that follows."""

    stack: str | None = None
    install: bool = True
    dev: bool = False
    without_environment: str = ""


def parse(arguments: Sequence[str]) -> Options:
    """Read the arguments. Raises UsageError where --stack lacks its name."""
    stack, lacking = None, ""
    words = iter(arguments)
    for word in words:
        if word == "--stack" or word.startswith("--stack="):
            stack = word.partition("=")[2] or next(words, "")
            if not stack or stack.startswith("-"):
                raise UsageError("--stack needs the name of a stack", "--stack dev")
        elif word == "--without-environment":
            lacking = next(words, "")
    return Options(stack, "--no-install" not in arguments, "--dev" in arguments, lacking)


def wanted_images(options: Options) -> tuple[list[str], bool]:
    """Return the stack's images and whether stand-ins may run; the defaults without the Python environment."""
    try:
        from dbserver import declared  # noqa: PLC0415  needs a package that a bare machine has not yet
    except ModuleNotFoundError:
        return list(contract.DEFAULT_IMAGE.values()), False
    stack = declared.read(declared.selected_stack(options.stack))
    return list(stack.images.values()), stack.stand_ins


def survey(machine: Machine, names: Sequence[str], *, stand_ins: bool) -> list[Missing]:
    """Return every missing part. Images that are found prove that the Docker engine answers."""
    found: list[Missing] = []
    try:
        absent = images.absent(names, stand_ins=stand_ins)
    except CommandError:
        absent = list(names)
    if absent:
        engine = docker_engine.missing(machine)
        found += [engine] if engine else []
        found += images.missing(absent, "unknown while Docker does not answer") if engine else images.missing(absent)
    for part in (pulumi_engine.missing(machine), docker_plugin.missing(machine)):
        found += [part] if part else []
    return found


def provide(steps: Steps, machine: Machine, names: Sequence[str], *, stand_ins: bool) -> None:
    """Get every part that is absent; what fails quickly goes first. Raises DbServerError."""
    docker_engine.provide(steps, machine)
    images.provide(steps, machine, names, stand_ins=stand_ins)
    engine = pulumi_engine.provide(steps, machine)
    docker_plugin.provide(steps, machine, engine)


def prepare(arguments: Sequence[str], steps: Steps, machine: Machine) -> int:
    """Survey, then report or provide; return the exit code. Raises DbServerError."""
    options = parse(arguments)
    names, stand_ins = wanted_images(options)
    lacking = [Missing(*line.split("|", 2)) for line in options.without_environment.splitlines()]
    missing = lacking + survey(machine, names, stand_ins=stand_ins)
    if options.dev and (checker := actionlint.missing(machine)):
        missing.append(checker)
    if missing and not options.install:
        steps.say(report(missing))
        return Exit.FAILED
    if missing:
        with alone(steps, machine):
            provide(steps, machine, names, stand_ins=stand_ins)
            if options.dev:
                actionlint.provide(steps, machine)
    if engine := pulumi_engine.find(machine)[0]:
        pulumi_engine.prefer(engine, machine)
    return Exit.DONE


@contextmanager
def alone(steps: Steps, machine: Machine) -> Iterator[None]:
    """Hold the cache's lock; a second preparation says that it waits."""
    from filelock import FileLock, Timeout  # noqa: PLC0415  nothing to do must not wait for this import

    machine.cache.mkdir(parents=True, exist_ok=True)
    lock = FileLock(machine.cache / "prepare.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        steps.say(f"another preparation is at work; waiting for it to end (lock: {lock.lock_file})")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def guarded(action: Callable[[Steps, Machine], int]) -> int:
    """Run an action; every failure becomes one message and an exit code."""
    machine = here()
    steps = Steps(sys.stderr, machine.cache / "logs")
    try:
        return int(action(steps, machine))
    except KeyboardInterrupt:
        steps.say("interrupted; what is finished is kept, run it again to go on")
        return int(Exit.FAILED)
    except DbServerError as failure:
        steps.say(f"error: {failure}")
        return int(failure.exit_code)
    except OSError as failure:
        steps.say(f"error: {failure}\nHINT: correct that, then run it again; what is finished is kept")
        return int(Exit.FAILED)


if __name__ == "__main__":
    sys.exit(guarded(lambda steps, machine: prepare(sys.argv[1:], steps, machine)))
