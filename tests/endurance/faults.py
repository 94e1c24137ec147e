"""What is done to the running stack from outside; afterwards start.sh alone has to bring it back."""

import os
import signal
import time
from collections.abc import Mapping

import psutil

from dbserver import moment as moments
from tests.endurance import machine
from tests.endurance.ground import Act, Ground
from tests.endurance.steps import Step
from tests.endurance.writers import COLOURS
from tests.support import interrupted
from tests.support.archived import archiver
from tests.support.commands import run
from tests.support.disk import KIB, filled
from tests.support.shop import backups

# Up to which of its steps a verb is killed: so many it has at least.
STEPS = {"backup": 30, "restore": 80, "rollback": 25, "prune": 12, "offsite": 40}
# One backend takes twice what the container may have.
GREEDY = "SELECT length(string_agg(repeat(md5(n::text), 32), '')) FROM generate_series(1, 1000000) n"


def container(ground: Ground, step: Step) -> str:
    return {"postgres": ground.stack.postgres, "redis": ground.stack.redis}[step.server]


def between(step: Step, least: float, most: float) -> float:
    return least + step.part * (most - least)


def server_killed(ground: Ground, step: Step) -> str:
    ground.stack.kill(container(ground, step))
    return f"SIGKILL of {step.server}"


def archive_gone(ground: Ground, step: Step) -> str:
    if step.part < 0.5:
        ground.stack.kill(archiver(ground.stack))
        return "SIGKILL of the archive"
    run("docker", "rm", "-f", "-v", archiver(ground.stack)).ok()
    return "docker rm -f of the archive"


def container_removed(ground: Ground, step: Step) -> str:
    run("docker", "rm", "-f", "-v", container(ground, step)).ok()
    return f"docker rm -f of {step.server}"


def network_disconnected(ground: Ground, step: Step) -> str:
    run("docker", "network", "disconnect", "-f", ground.stack.network, container(ground, step)).ok()
    time.sleep(seconds := between(step, 1, 6))
    return f"{step.server} off the network, for {seconds:.0f} s before"


def application_disconnected(ground: Ground, step: Step) -> str:
    """Take a colour off the network, and put it back: its connections end without a word to the servers."""
    name = ground.writers[step.application].container(COLOURS[round(step.part)])
    run("docker", "network", "disconnect", ground.stack.network, name).ok()
    time.sleep(seconds := between(step, 1, 12))
    run("docker", "network", "connect", ground.stack.network, name).ok()
    return f"{step.application} {COLOURS[round(step.part)]} off the network for {seconds:.0f} s"


def data_disk_full(ground: Ground, step: Step) -> str:
    with filled(ground.stack.data, left=64 * KIB):
        time.sleep(seconds := between(step, 2, 8))
    return f"no room for data for {seconds:.0f} s"


def backup_disk_full(ground: Ground, step: Step) -> str:
    before = interrupted.made(ground.stack)
    with filled(backups(ground.stack), left=8 * KIB):
        done = ground.stack.script("dbserver", "backup", step.application)
    if done.code == 0 or interrupted.made(ground.stack) != before:
        ground.found(f"a backup on a full disk ended with {done.code}: {done.text}")
    return f"no room for a backup of {step.application}: it ended with {done.code}"


def memory_limit_hit(ground: Ground, _step: Step) -> str:
    done = ground.stack.psql(GREEDY)
    if done.code == 0:
        ground.found("a backend took more memory than its container may have")
    return "a backend takes more memory than the container may have"


def update_killed(ground: Ground, step: Step) -> str:
    """Kill start.sh and its `pulumi up`: at any moment, or just when a container is there that no state knows yet."""
    name = container(ground, step)
    if step.part < 0.5:
        run("docker", "rm", "-f", "-v", name).ok()
    else:
        ground.configure("work_mem", f"{3 + step.number}MB")
    process = ground.stack.popen(str(ground.stack.project / "scripts" / "start.sh"))
    if step.part < 0.5:
        there = ["docker", "container", "inspect", name]
        ground.stack.until(lambda: run(*there).code == 0 or process.poll() is not None, what="a container")
        said = f"start.sh, killed as {step.server} was made"
    else:
        said = f"start.sh with settings to be reloaded, killed after {(seconds := between(step, -4, 5)):.1f} s"
        time.sleep(seconds)
    return _ended(said, ground.stack.blow(process, signal.SIGKILL))


def backup_killed(ground: Ground, step: Step) -> str:
    return _killed(ground, step, "backup", step.application)


def rollback_killed(ground: Ground, step: Step) -> str:
    return _killed(ground, step, "rollback", step.application, "--confirm", step.application)


def prune_killed(ground: Ground, step: Step) -> str:
    return _killed(ground, step, "prune", step.application, *PRUNE)


def restore_killed(ground: Ground, step: Step) -> str:
    known = ground.backups(step.application)
    backup = known[int(step.part * 97 % len(known))]
    said = _killed(ground, step, "restore", step.application, backup, "--confirm", step.application)
    return f"{said}; {'swapped' if ground.note_restore(step.application, backup) else 'not swapped'}"


def restore_of_a_moment_killed(ground: Ground, step: Step) -> str:
    before, moment = ground.live(step.application), ground.moment(step.application, step.part)
    said = _killed(
        ground, step, "restore", step.application, "--at", moments.written(moment), "--confirm", step.application
    )
    return f"{said}; {'swapped' if ground.note_moment(step.application, before, moment) else 'not swapped'}"


def copy_killed(ground: Ground, step: Step) -> str:
    return _killed(ground, step, "offsite", "push")


PRUNE = ("--keep-last", "3", "--minimum", "2", "--old-databases-days", "0")


def _killed(ground: Ground, step: Step, *verb: str) -> str:
    number = 1 + int(step.part * STEPS[verb[0]])
    done = interrupted.killed(ground.stack, number, *verb)
    ground.stack.until(lambda: not interrupted.sessions(ground.stack), 30, what="the end of the dead verb's sessions")
    return _ended(f"{' '.join(verb[:3])}, killed at its step {number}", done.code)


def _ended(said: str, code: int) -> str:
    return said if code < 0 else f"{said}: it had ended, with {code}"


def older_state(ground: Ground, _step: Step) -> str:
    state, older = (ground.stack.project / ".state" / ".pulumi", ground.place / "older")
    newer = ground.place / "newer"
    state.rename(newer)
    older.rename(state)
    newer.rename(older)
    return "the state as it was at the last step of this name, or at the beginning"


def daemon_killed(_ground: Ground, _step: Step) -> str:
    _kill_daemon()
    return "SIGKILL of the Docker daemon"


def daemon_killed_with_live_restore(ground: Ground, _step: Step) -> str:
    machine.keep_running(live_restore=True)
    shown = ("docker", "info", "--format", "{{.LiveRestoreEnabled}}")
    ground.stack.until(lambda: run(*shown).out.strip() == "true", 30, what="live-restore")
    _kill_daemon()
    machine.DAEMON_FILE.write_text("{}")  # for the next daemon but one
    return "SIGKILL of the Docker daemon, with live-restore"


def _kill_daemon() -> None:
    process = psutil.Process(machine.daemon())
    os.kill(process.pid, signal.SIGKILL)
    process.wait(30)


FAULTS: Mapping[str, Act] = {
    "server killed": server_killed,
    "archive gone": archive_gone,
    "container removed": container_removed,
    "network disconnected": network_disconnected,
    "application disconnected": application_disconnected,
    "data disk full": data_disk_full,
    "backup disk full": backup_disk_full,
    "memory limit hit": memory_limit_hit,
    "update killed": update_killed,
    "backup killed": backup_killed,
    "restore killed": restore_killed,
    "restore to a moment killed": restore_of_a_moment_killed,
    "rollback killed": rollback_killed,
    "copy killed": copy_killed,
    "prune killed": prune_killed,
    "older state": older_state,
    "daemon killed": daemon_killed,
    "daemon killed, live-restore": daemon_killed_with_live_restore,
}
