"""Write, break, operate and judge: nothing acknowledged may be lost, nothing may be left over."""

import argparse
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import takewhile
from pathlib import Path

import psutil
import pyrage

from dbserver.errors import DbServerError
from tests.endurance import leftovers, machine
from tests.endurance.faults import FAULTS
from tests.endurance.ground import Ground
from tests.endurance.operations import OPERATIONS, restore, restore_a_moment, roll_back
from tests.endurance.report import Report
from tests.endurance.steps import APPLICATIONS, Step, sequence
from tests.support.archived import archiver, begun
from tests.support.shop import backups
from tests.support.stack import Stack

GIB = 1024**3
DATA_DISK, BACKUP_DISK = 4 * GIB, GIB // 2
NEWEST = 1 - 1e-9
IDENTITY = "identity.txt"
FAILURES = (AssertionError, subprocess.TimeoutExpired, OSError, psutil.Error)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./scripts/endure.sh", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20, metavar="N", help="how long steps are begun (20)")
    parser.add_argument("--seed", type=int, metavar="S", help="the seed of the steps (one at random, printed)")
    parser.add_argument("--steps", type=int, metavar="N", help="so many steps, however long they take")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main() -> int:
    """Return the exit code: 0 where all is well, 1 where anything is not, 2 where this machine does not do."""
    chosen = parse()
    if chosen.inside:
        return endure(chosen)
    if lacking := machine.lacking():
        sys.stderr.write(f"error: {lacking}\nHINT: run this as root on a Linux machine with Docker\n")
        return 2
    chosen.seed = random.randrange(10**6) if chosen.seed is None else chosen.seed
    with machine.directory() as place:
        again = ["--minutes", str(chosen.minutes), "--seed", str(chosen.seed)]
        again += ["--steps", str(chosen.steps)] if chosen.steps else []
        return machine.inside(place, [sys.executable, "-P", "-m", "tests.endurance", *again, "--inside", str(place)])


def endure(chosen: argparse.Namespace) -> int:
    """Run the whole on the machine of its own."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    report = Report()
    report.begin(chosen.seed, chosen.minutes, chosen.steps)
    machine.furnish(chosen.inside)
    with running(chosen.inside) as ground:
        before = leftovers.files(ground.stack)
        report.say("two applications in two colours write; the steps begin")
        taken = [take(ground, step, report) for step in steps(chosen)]
        report.say("the applications stop; what is there is judged")
        try:
            facts = judge(ground, before)
        except FAILURES as failure:
            ground.found(f"the end could not be judged: {failure}")
            facts = []
        again = f"./scripts/endure.sh --seed {chosen.seed} --steps {len(taken)}"
        report.end(ground, [("steps", str(len(taken))), *facts], again)
        return 1 if ground.wrong else 0


def steps(chosen: argparse.Namespace) -> Iterator[Step]:
    """Yield the steps that fit."""
    ends = time.monotonic() + chosen.minutes * 60
    every = sequence(chosen.seed, [*FAULTS, *OPERATIONS])
    if chosen.steps:
        return takewhile(lambda step: step.number <= chosen.steps, every)
    return takewhile(lambda _: time.monotonic() < ends, every)


@contextmanager
def running(place: Path) -> Iterator[Ground]:
    """A stack on small disks with two applications that write, each backed up once."""
    stack = Stack(place / "stack")
    stack.environment["TMPDIR"] = str(place / "temporary")
    (place / "temporary").mkdir()
    stack.declare(*({"name": name, "poolSize": 6} for name in APPLICATIONS))
    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    stack.configure(
        redis={"access": "password"},
        archive={"enabled": True, "containerName": archiver(stack), "keep": "1h"},
        offsite={"url": f"file://{elsewhere}", "recipients": [key(place)]},
    )
    with ExitStack() as ends:
        ends.enter_context(machine.disk(place, "data", stack.data, DATA_DISK))
        ends.enter_context(machine.disk(place, "backups", backups(stack), BACKUP_DISK))
        ends.callback(stack.remove_containers)
        stack.start().ok()
        ground = Ground(stack, place)
        for application, writers in ground.writers.items():
            writers.start()
            stack.script("dbserver", "backup", application).ok()
        ground.note_backups()
        begun(stack)
        ground.examine()
        shutil.copytree(stack.project / ".state" / ".pulumi", place / "older")
        yield ground


def key(place: Path) -> str:
    """Make a key for the copies elsewhere; return the public one."""
    identity = pyrage.x25519.Identity.generate()
    (place / IDENTITY).write_text(f"{identity}\n")
    return str(identity.to_public())


def take(ground: Ground, step: Step, report: Report) -> Step:
    """Take a step; a fault is followed by start.sh; then everything is examined."""
    known, recovery, said = len(ground.wrong), None, ""
    try:
        said = {**FAULTS, **OPERATIONS}[step.name](ground, step)
    except FAILURES as failure:
        ground.found(f"{step.name}: {str(failure) or type(failure).__name__}")
    try:
        if step.name in FAULTS:
            recovery = ground.recover()
        else:
            ground.wait_for_writes()
        ground.note_backups()
        ground.examine()
    except FAILURES as failure:
        ground.found(f"after {step.name}: {str(failure) or type(failure).__name__}")
    report.step(step, said, recovery, ground.wrong[known:])
    return step


def judge(ground: Ground, before: set[str]) -> list[tuple[str, str]]:
    """Stop the applications and look at everything; return what is told of it."""
    for writers in ground.writers.values():
        writers.stop()
    ground.verb(script="start.sh")
    ground.examine(again=True)
    live, kept, gone = ground.where()
    whole = verified(ground)
    # Both ways back, once each.
    for application, way_back in zip(APPLICATIONS, (restore, restore_a_moment), strict=True):
        before_it = ground.live(application)
        way_back(ground, Step(0, "the end", application, "postgres", NEWEST))
        ground.examine()
        roll_back(ground, application, before_it)
    ground.examine(again=True)
    for what in (*APPLICATIONS, "--redis"):
        ground.verb("backup", what)  # the next run of a verb removes what one that was killed has left
    ground.verb("offsite", "push")
    ground.verb("offsite", "verify", "--identity", str(ground.place / IDENTITY))
    for each in leftovers.lasting(ground, before):
        ground.found(f"left over: {each}")
    increments = sum(map(len, (told for writers in ground.writers.values() for told in writers.increments().values())))
    return [
        ("PostgreSQL, acknowledged writes", str(live + kept + gone)),
        ("  in the live databases", str(live)),
        ("  undone by a restore or rollback, in the database kept for the way back", str(kept)),
        ("  there as well when examined, then pruned with it", str(gone)),
        ("  lost", str(len(ground.lost))),
        ("Redis, acknowledged increments", str(increments)),
        ("  lost", str(sum(ground.lost_increments.values()))),
        ("backups that exist and verify", whole),
        ("restored from a backup or to a moment, and rolled back", ", ".join(APPLICATIONS)),
        ("copies elsewhere", "all there, all whole"),
    ]


def verified(ground: Ground) -> str:
    """Verify every backup that exists; return how many are whole, of how many."""
    every = sorted(path.parent.name for path in backups(ground.stack).glob("*/manifest.json"))
    whole = [name for name in every if ground.verb("verify", name).code == 0]
    return f"{len(whole)} of {len(every)}"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted; all that was started ends with it")
    except (*FAILURES, DbServerError) as fault:
        sys.exit(f"error: it cannot run here: {fault}")
