"""Every verb while the daemon, a server, Pulumi or the lock is missing: true exit codes, words that help."""

import json
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import validate

from dbserver import locks
from dbserver.cli import main  # noqa: F401  importing it adds the verbs
from dbserver.cli.options import commands
from tests.support.commands import run
from tests.support.lending import Lent
from tests.support.project import ROOT
from tests.support.stack import Stack
from tests.unit.dbserver.preview.expected import DIRECTORY as RECORDED

APPLICATION = "shop"
NOBODY = pwd.getpwnam("nobody").pw_uid
# An operation of another checkout that is at work until it is killed.
HOLDER = """
import os, sys
from dbserver import locks
with locks.held(sys.argv[1], "restore"):
    print("held by", os.geteuid(), flush=True)
    sys.stdin.read()
"""
DONE, USAGE, UNHEALTHY, LOCKED, REFUSED = 0, 2, 3, 4, 5
ARGUMENTS = {
    "add": [APPLICATION],
    "info": [APPLICATION], "env": [APPLICATION], "drop": [APPLICATION, "--confirm", APPLICATION],
    "drain": [APPLICATION, "blue"], "psql": [APPLICATION, "--", "-c", "SELECT 1"],
    "redis-cli": [APPLICATION, "--", "ping"], "restart": ["--yes"], "completion": ["bash"],
    "backup": [APPLICATION], "restore": [APPLICATION, "none", "--confirm", APPLICATION], "pin": ["none"],
    "rollback": [APPLICATION, "--confirm", APPLICATION], "verify": ["none"], "unpin": ["none"],
    "checkpoint": [APPLICATION, "--colour", "green", "--revision", "abc"], "prune": [APPLICATION, "--keep-last", "1"],
    "drill": [APPLICATION, "none"], "guard": [str(RECORDED / "unchanged.json")],
    "upgrade": ["postgres", "--to", "16", "--confirm", "postgres"],
    "history": [APPLICATION], "rescue": ["--from", "file:///nowhere", "--identity", "none"],
}  # fmt: skip
VERBS = sorted(commands.commands)
# They look into the backup directory or the file alone, where there is no such backup, or such an entry is; or lack
# what they take.
FILES = {"add": USAGE, "pin": USAGE, "unpin": USAGE, "verify": USAGE, "offsite": USAGE, "rescue": USAGE}
# The stack has no archive.
FILES |= {"archive": USAGE, "history": USAGE}
# The engine's state, where `env` finds passwords, has no application here: test_environment runs it without Docker.
WITHOUT_DOCKER = {"env": USAGE, "completion": DONE, "backups": DONE, "schedule": DONE, "guard": DONE, **FILES}
REDIS_DOWN = {
    "status": UNHEALTHY, "doctor": UNHEALTHY, "connections": UNHEALTHY, "drain": UNHEALTHY, "redis-cli": UNHEALTHY,
    "drift": UNHEALTHY, "drop": REFUSED, "restore": USAGE, "rollback": USAGE, "drill": USAGE,
    "upgrade": USAGE, "adopt": USAGE, "top": USAGE, "env": USAGE,
    **FILES,
}  # fmt: skip
POSTGRES_DOWN = {**REDIS_DOWN, "redis-cli": USAGE, "psql": UNHEALTHY, "list": UNHEALTHY, "info": UNHEALTHY,
                 "drop": UNHEALTHY, "top": UNHEALTHY, "backup": UNHEALTHY, "checkpoint": UNHEALTHY, "prune": UNHEALTHY,
                 "restore": UNHEALTHY, "rollback": UNHEALTHY, "drill": UNHEALTHY, "upgrade": UNHEALTHY}  # fmt: skip
# Those that change the stack or the servers wait for nobody.
LOCKING = {"start": LOCKED, "stop": LOCKED, "restart": LOCKED, "drop": LOCKED, "upgrade": LOCKED}


@pytest.fixture(scope="module")
def stack(lent: Lent) -> Lent:
    return lent.admit({"name": APPLICATION, "poolSize": 2})


def somebody(*argv: str) -> list[str]:
    """Return a command of another person's, who may read the interpreter of the machine's administrator."""
    reads = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *reads, *argv]


def judge(stack: Stack, verb: str, expected: int, **environment: str) -> None:
    """Run a verb without a terminal and judge how it ends; a failure in JSON has its published shape."""
    own = ARGUMENTS.get(verb, [])
    if verb == "adopt":
        own = ["--postgres", stack.postgres, "--redis", stack.redis]
    form = ["--format", "json"] if any("--format" in option.opts for option in commands.commands[verb].params) else []
    arguments = [*form, *own]
    ended = stack.script("dbserver", verb, *arguments, env={**stack.env(), **environment})
    assert ended.code == expected, ended.text
    assert "Traceback" not in ended.text
    assert not re.search(r"unexpected \w+(Error|Exception)", ended.text)  # a log may hold the word
    if expected != DONE:
        assert ended.err or ended.out
    if form and (verb != "env" or ended.code != DONE):
        valid(ended.out.splitlines() if verb == "logs" and ended.code == DONE else [ended.out])


def valid(printed: list[str]) -> None:
    """Judge each JSON text by the schema that it names."""
    for text in printed:
        found = json.loads(text)
        validate(found, json.loads((ROOT / "docs" / "reference" / "schemas" / f"{found['schema']}.json").read_text()))


@pytest.mark.parametrize("verb", VERBS)
def test_a_dead_daemon_is_named(stack: Stack, verb: str) -> None:
    judge(stack, verb, WITHOUT_DOCKER.get(verb, UNHEALTHY), DOCKER_HOST=f"unix://{stack.directory}/nobody.sock")


# What begins with a look at the stack does so in one way; `status` waits for its other questions first.
@pytest.mark.parametrize("verb", ["list", "stop", pytest.param("status", marks=pytest.mark.full)])
def test_a_daemon_that_answers_nothing_is_named_too(stack: Stack, verb: str) -> None:
    path = stack.directory / f"silent-{verb}.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        judge(stack, verb, UNHEALTHY, DOCKER_HOST=f"unix://{path}")


@pytest.mark.full
@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in ("start", "stop", "restart")])
def test_a_redis_that_is_down_stops_only_the_verbs_that_need_it(stack: Stack, verb: str) -> None:
    run("docker", "stop", stack.redis).ok()
    judge(stack, verb, REDIS_DOWN.get(verb, DONE))


@pytest.mark.full
@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in ("start", "stop", "restart")])
def test_a_postgres_that_is_down_stops_only_the_verbs_that_need_it(stack: Stack, verb: str) -> None:
    run("docker", "start", stack.redis).ok()
    run("docker", "stop", stack.postgres).ok()
    judge(stack, verb, POSTGRES_DOWN.get(verb, DONE))


@pytest.mark.full
@pytest.mark.parametrize("down", ["postgres", "redis"])
@pytest.mark.parametrize("verb", ["stop", "restart", "start"])
def test_what_starts_and_stops_servers_does_so_where_one_is_down(stack: Stack, verb: str, down: str) -> None:
    run("docker", "start", stack.postgres, stack.redis).ok()
    # The image's entrypoint hears no signal: stopped before it has become the server, a container is killed after 60 s.
    stack.until(lambda: not stack.sql_fails(), 60, what="an answer")
    run("docker", "stop", stack.postgres if down == "postgres" else stack.redis).ok()
    judge(stack, verb, DONE)
    expected = DONE if verb != "stop" else UNHEALTHY
    assert stack.script("dbserver", "status").code == expected


@pytest.mark.parametrize(
    "verb", ["status", "connections", "drain", "list", "info", "logs", "psql", "redis-cli", "restart"]
)
def test_operations_need_no_pulumi(stack: Stack, verb: str, tmp_path: Path) -> None:
    run("docker", "start", stack.postgres, stack.redis).ok()
    stack.until(lambda: not stack.sql_fails(), 60)
    judge(stack, verb, DONE, DBSERVER_CACHE=str(tmp_path), PATH="/usr/bin:/bin")


def test_while_another_operation_is_at_work_only_what_changes_the_servers_waits(stack: Stack) -> None:
    run("docker", "start", stack.postgres, stack.redis).ok()
    with locks.held(stack.name, "upgrade"):  # of another checkout, which is this test's
        for verb, expected in {**LOCKING, "status": DONE, "list": DONE}.items():
            judge(stack, verb, expected)
        told = f"upgrade (pid {os.getpid()}) is at work on stack {stack.name}, in {ROOT}"
        assert told in stack.script("dbserver", "stop").err


@pytest.mark.full
def test_users_with_clones_of_their_own_exclude_each_other_until_one_is_killed(stack: Stack, tmp_path: Path) -> None:
    run("docker", "start", stack.postgres, stack.redis).ok()
    stack.until(lambda: not stack.sql_fails(), 60)
    shutil.copytree(stack.project / "dbserver", tmp_path / "dbserver")
    argv = somebody("env", f"PYTHONPATH={tmp_path}", sys.executable, "-c", HOLDER, f"{stack.name}.{APPLICATION}")
    with locks.held(f"{stack.name}.{APPLICATION}", "backup"):
        refused = run(*argv, cwd="/")
        assert f"LockedError: backup (pid {os.getpid()}) is at work" in refused.err
    holder = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/")
    try:
        assert holder.stdout
        assert holder.stdout.readline() == f"held by {NOBODY}\n"
        ended = stack.script("dbserver", "backup", APPLICATION)
        assert ended.code == LOCKED, ended.text
        assert f"restore (pid {holder.pid}) is at work on stack {stack.name}.{APPLICATION}, in {tmp_path}" in ended.err
    finally:
        holder.kill()
        holder.communicate()
    stack.script("dbserver", "backup", APPLICATION).ok()
