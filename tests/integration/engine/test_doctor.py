"""Doctor names each cause that is injected into a real stack, its command mends it, and a healthy stack has none."""

import json
import pwd
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import Ran, run
from tests.support.injections import INJECTIONS, WHOLE, Injection
from tests.support.neighbours import OF_THE_MACHINE
from tests.support.stack import Stack

SECRETS = ("wrong-secret", "by-hand")


@pytest.fixture(scope="module")
def sick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack to make ill: small, its data on a file system of its own."""
    made = Stack(tmp_path_factory.mktemp("sick"))
    made.data.mkdir()
    run("mount", "-t", "tmpfs", "-o", WHOLE, "tmpfs", str(made.data)).ok()
    settings = {"max_prepared_transactions": "5", "archive_mode": "on", "archive_command": "true"}
    made.configure(postgres={"maxConnections": 25, "adminReserve": 2, "settings": settings})
    made.configure(redis={"access": "password"})
    made.declare({"name": "shop", "poolSize": 2})
    made.start().ok()
    yield made
    run("docker", "rm", "-f", "-v", made.postgres, made.redis)
    run("umount", str(made.data))
    made.remove()


def examined(stack: Stack, *arguments: str) -> tuple[Ran, list[dict[str, Any]]]:
    """Run doctor; its words are never a stack trace, its exit code is that of its findings, the stack's alone here."""
    done = stack.script("dbserver", "doctor", "--format", "json", *arguments)
    assert "Traceback" not in done.text
    assert done.code in (0, 3), done.text
    found = json.loads(done.out)
    assert done.code == (0 if found["well"] else 3), done.text
    assert not [secret for secret in SECRETS if secret in done.text], done.text
    return done, [finding for finding in found["findings"] if finding["cause"] != OF_THE_MACHINE]


def causes(found: list[dict[str, Any]]) -> set[str]:
    return {finding["cause"] for finding in found}


def findings(stack: Stack, wanted: set[str], seconds: float = 60) -> list[dict[str, Any]]:
    """Return what is found once it is that, else the last: a server takes a moment to fall ill and to recover."""
    deadline = time.monotonic() + seconds
    while causes(found := examined(stack)[1]) != wanted and time.monotonic() < deadline:
        time.sleep(0.5)
    return found


def settled(stack: Stack, wanted: set[str]) -> set[str]:
    return causes(findings(stack, wanted))


def mend(stack: Stack, found: list[dict[str, Any]], cause: str) -> None:
    """Run the command that doctor prints, as root, who needs no sudo."""
    command = next(finding["command"] for finding in found if finding["cause"] == cause)
    environment = ". tools/environment.sh && "
    run("bash", "-c", environment + command.replace("sudo ", ""), env=stack.env(), cwd=stack.project).ok()


def test_a_healthy_stack_has_no_finding_and_says_what_was_looked_at(sick: Stack) -> None:
    assert settled(sick, set()) == set()
    looked_at = str(json.loads(examined(sick)[0].ok().out)["looked_at"])
    for part in (sick.network, sick.postgres, sick.redis, "from inside", "data directory"):
        assert part in looked_at


# Those that recreate a server or need an update to be mended take long; one of each kind always runs, a dozen seconds
# for two looks of doctor each.
LONG = {
    "published-beyond-loopback", "settings-overridden", "settings-faulty", "role-that-may-not-log-in",
    "redis-ping-denied", "declared-differs", "redis-settings-differ", "container-missing", "container-stopped",
    "container-unhealthy", "port-taken", "prepared-transaction", "disk-filling", "standby", "settings-refused",
    "huge-pages", "network-missing", "state-locked", "data-read-only", "container-restarting", "server-silent",
    "data-other-version", "postgres-starting", "redis-loading", "application-at-its-limit", "connections-exhausted",
    "application-missing", "out-of-memory", "checksum-failures", "login-rejected", "read-only-by-setting",
    "container-paused", "data-other-owner", "lock-chain", "redis-clients", "redis-scan-refused", "library-not-loaded",
    "archiving-fails", "collation-version-of-columns", "connections-nearly-exhausted", "container-off-network",
    "data-not-the-stacks", "database-closed", "database-forbidden", "database-unknown", "extension-older",
    "locks-exhausted", "password-expired", "redis-administrator-denied", "redis-password-missing", "redis-replica",
    "settings-pending",
}  # fmt: skip


def named(injection: Injection) -> str:
    return injection.name or injection.cause


CASES = [
    pytest.param(each, marks=[pytest.mark.full] if named(each) in LONG else [], id=named(each)) for each in INJECTIONS
]


@pytest.mark.parametrize("injection", CASES)
def test_an_injected_cause_is_named_alone_and_mended(sick: Stack, injection: Injection) -> None:
    injection.do(sick)
    wanted = {injection.cause, *injection.also}
    # Between two looks a server that crashes again and again is another sight: what mends is what was found.
    found = findings(sick, wanted)
    try:
        assert causes(found) == wanted
    finally:
        if injection.undo:
            injection.undo(sick)
        else:
            mend(sick, found, injection.cause)
        if injection.calm:
            injection.calm(sick)
    assert settled(sick, set()) == set()


def as_nobody(stack: Stack) -> list[str]:
    """Return the start of a command by somebody who may read the project, and may not use the daemon."""
    reads = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    uid = pwd.getpwnam("nobody").pw_uid
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *reads, str(stack.project / "scripts")]


def assert_only(done: Ran, cause: str) -> None:
    assert done.code == 3, done.text
    assert "Traceback" not in done.text
    assert [finding["cause"] for finding in json.loads(done.out)["findings"]] == [cause], done.text


def test_a_daemon_that_is_down_is_the_only_finding(sick: Stack) -> None:
    where = {**sick.env(), "DOCKER_HOST": "unix:///nonexistent/docker.sock"}
    done = sick.script("dbserver", "doctor", "--format", "json", env=where)
    assert_only(done, "daemon-down")
    assert "/nonexistent/docker.sock" in done.out


@pytest.mark.full
def test_a_daemon_that_never_answers_is_told_from_one_that_is_down(sick: Stack) -> None:
    path = sick.directory / "silent.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        where = {**sick.env(), "DOCKER_HOST": f"unix://{path}"}
        assert_only(sick.script("dbserver", "doctor", "--format", "json", env=where), "daemon-silent")


def test_a_person_outside_the_docker_group_is_told_so(stack: Stack) -> None:
    *who, scripts = as_nobody(stack)
    stack.directory.chmod(0o755)
    (stack.project / ".state" / "passphrase").write_text("unused")
    assert_only(run(*who, f"{scripts}/dbserver", "doctor", "--format", "json", env=stack.env()), "not-in-docker-group")


def test_a_missing_docker_is_told(sick: Stack) -> None:
    programs = sick.directory / "programs"
    programs.mkdir()
    for directory in ("/usr/bin", "/bin"):
        for program in Path(directory).iterdir():
            if program.name != "docker" and not (programs / program.name).exists():
                (programs / program.name).symlink_to(program)
    where = {**sick.env(), "PATH": str(programs)}
    assert_only(sick.script("dbserver", "doctor", "--format", "json", env=where), "docker-missing")


def test_both_servers_down_pulumi_absent_and_the_state_unreadable_are_no_obstacle(sick: Stack) -> None:
    run("docker", "stop", sick.postgres, sick.redis).ok()
    state = sick.project / ".state"
    state.rename(sick.directory / "state-away")
    state.mkdir()
    (state / ".pulumi").write_text("no directory")
    python = [str(sick.project / ".venv" / "bin" / "python"), "-P", "-m", "dbserver"]
    system = {**sick.env(), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(sick.project), "PULUMI_BACKEND_URL": ""}
    try:
        done = run(*python, "doctor", "--format", "json", env=system)
    finally:
        shutil.rmtree(state)
        (sick.directory / "state-away").rename(state)
        run("docker", "start", sick.postgres, sick.redis).ok()
    found = json.loads(done.out)["findings"]
    assert [(each["cause"], each["server"]) for each in found if each["cause"] != OF_THE_MACHINE] == [
        ("container-stopped", "postgres"),
        ("container-stopped", "redis"),
    ]
    assert settled(sick, set()) == set()


def test_one_server_down_hides_no_finding_of_the_other(sick: Stack) -> None:
    run("docker", "stop", sick.redis).ok()
    sick.sql("ALTER DATABASE shop ALLOW_CONNECTIONS false")
    try:
        assert settled(sick, {"container-stopped", "database-closed"}) == {"container-stopped", "database-closed"}
    finally:
        sick.sql("ALTER DATABASE shop ALLOW_CONNECTIONS true")
        run("docker", "start", sick.redis).ok()
    assert settled(sick, set()) == set()


def test_the_containers_of_another_stack_are_told_apart(sick: Stack) -> None:
    own = sick.project / f"Pulumi.{sick.name}.yaml"
    shutil.copy(own, sick.project / "Pulumi.other.yaml")
    found = examined(sick, "--stack", "other")[1]
    assert [(each["cause"], each["command"]) for each in found] == [
        ("container-foreign", f"./scripts/dbserver doctor --stack {sick.name}"),
        ("container-foreign", f"./scripts/dbserver doctor --stack {sick.name}"),
    ]


def test_another_name_for_the_administrator_is_the_cause_of_what_follows(sick: Stack) -> None:
    sick.configure(postgres={"adminUser": "another"})
    try:
        found = examined(sick)[1]
    finally:
        sick.configure(postgres={"adminUser": "dbadmin"})
        sick.redis_admin("ACL", "LOG", "RESET")  # the attempts under the other name
    assert [each["cause"] for each in found] == ["administrator-other"]
    assert "'db-server:postgres.adminUser' dbadmin && " in found[0]["command"]


def test_it_is_small(sick: Stack) -> None:
    measure = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL);"
        " print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    argv = [sys.executable, "-c", measure, str(sick.project / "scripts" / "dbserver"), "doctor"]
    assert int(run(*argv, env=sick.env()).ok().out) < 100 * 1024, "kilobytes"


def test_what_is_found_is_read_at_a_glance(sick: Stack) -> None:
    run("docker", "pause", sick.redis).ok()
    try:
        done = sick.script("dbserver", "doctor")
    finally:
        run("docker", "unpause", sick.redis).ok()
    assert done.code == 3, done.text
    assert done.out.startswith(
        f"FAULT container {sick.redis} is paused\n"
        "      cause: container-paused (redis)\n"
        "      shows as: Redis connection failed\n"
        f"      mend: docker unpause {sick.redis}\n"
    )
