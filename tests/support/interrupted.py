"""Commands stopped at one of their steps, and what may be left then."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.support.commands import Ran, run
from tests.support.shop import backups
from tests.support.stack import Stack

STEPPING = Path(__file__).with_name("stepping.py")
SOURCED = '. tools/environment.sh && PYTHONPATH=$PWD exec python -P "$@"'
CRASHED = "terminating any other active server processes"


def stepped(stack: Stack, step: int | str, sent: str, *arguments: str) -> "subprocess.Popen[str]":
    """Start the command line; it gets the signal just before that step."""
    return stack.popen("bash", "-c", SOURCED, "bash", str(STEPPING), str(step), sent, *arguments)


def killed(stack: Stack, step: int | str, *arguments: str) -> Ran:
    """Run the command line, killed with everything that it started just before that step."""
    process = stepped(stack, step, "KILL", *arguments)
    printed, _ = process.communicate(timeout=300)
    return Ran(list(arguments), process.returncode, printed, "")


@contextmanager
def stopped(stack: Stack, step: str, *arguments: str, seconds: float = 60) -> Iterator["subprocess.Popen[str]"]:
    """A command that stands still just before that step; it goes on where the block ends."""
    process = stepped(stack, step, "STOP", *arguments)
    try:
        state = psutil.Process(process.pid)
        stack.until(lambda: state.status() == psutil.STATUS_STOPPED, seconds, what=f"the stop before {step}")
        yield process
    finally:
        process.send_signal(signal.SIGCONT)


@contextmanager
def slow(stack: Stack) -> Iterator[None]:
    """The server's container with a fifth of a processor: what takes moments there can be met in the midst of it."""
    run("docker", "update", "--cpu-quota", "20000", stack.postgres).ok()
    try:
        yield
    finally:
        run("docker", "update", "--cpu-quota", "-1", stack.postgres).ok()


def programs(stack: Stack, name: str) -> list[psutil.Process]:
    """Return the processes of this name in the server's container."""
    inside = Path(f"/proc/{stack.main_pid(stack.postgres)}/ns/pid").readlink()
    return [process for process in psutil.process_iter(["name"]) if process.info["name"] == name
            and _namespace(process) == inside]  # fmt: skip


def _namespace(process: psutil.Process) -> Path | None:
    try:
        return Path(f"/proc/{process.pid}/ns/pid").readlink()
    except OSError:
        return None


def sessions(stack: Stack) -> str:
    """Return who of ours is in the server."""
    return stack.sql("SELECT application_name, query FROM pg_stat_activity WHERE application_name LIKE 'dbserver-%'")


def left_in_the_server(stack: Stack) -> list[str]:
    """Return the databases and roles of restores that did not come to their end."""
    found = stack.sql(
        "SELECT datname FROM pg_database WHERE datname LIKE '%\\_\\_restore\\_%'"
        " UNION ALL SELECT rolname FROM pg_roles WHERE rolname LIKE '%\\_\\_restore\\_%'"
        " UNION ALL SELECT datname FROM pg_database WHERE NOT datallowconn AND datname <> 'template0'"
    )
    return found.split()


def left_in_the_directory(stack: Stack) -> list[str]:
    """Return what is in the backup directory and is no backup."""
    return [path.name for path in backups(stack).iterdir() if not (path / "manifest.json").exists()]


def made(stack: Stack) -> set[str]:
    """Return what looks like a backup."""
    return {path.name for path in backups(stack).iterdir() if not path.name.startswith(".")}


def assert_quiet(stack: Stack) -> None:
    """Nobody works for a command that is gone: no session, no program; and PostgreSQL has not crashed by it."""
    names = ("pg_dump", "pg_restore", "vacuumdb")
    stack.until(lambda: not sessions(stack), 20, what="the end of our sessions")
    stack.until(lambda: not any(programs(stack, name) for name in names), 20, what="the end of our programs")
    found = crashes(stack)
    assert not found, "\n".join(found)


def crashes(stack: Stack) -> list[str]:
    """Return what PostgreSQL took for crashes: it ended everybody's sessions because a process ended wrongly."""
    lines = run("docker", "logs", stack.postgres).ok().text.splitlines()
    ended = [index for index, line in enumerate(lines) if CRASHED in line]
    return [line for index in ended for line in lines[max(0, index - 3) : index + 1]]
