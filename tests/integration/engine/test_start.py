"""From a fresh clone to two servers that answer, and the same again."""

import json
import os
import pwd
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.support.commands import run
from tests.support.stack import Stack

# A person of this machine without rights of any kind; the engine wants to know the name.
NOBODY = pwd.getpwnam("nobody").pw_uid


def test_the_first_start_serves_both_and_the_second_changes_nothing(stack: Stack) -> None:
    committed = stack.file.read_bytes()
    first = stack.start().ok()
    assert f"{stack.postgres}:5432" in first.out
    assert f"127.0.0.1:{stack.redis_port}" in first.out
    before = stack.ids(), stack.started_at(stack.postgres), stack.started_at(stack.redis)
    password = stack.output("adminPassword")
    assert stack.file.read_bytes() == committed, "what the engine writes stays out of the committed file"
    second = stack.script("dbserver", "start").ok()
    assert (stack.file.read_bytes(), stack.output("adminPassword")) == (committed, password)
    stack.script("dbserver", "preview").ok()
    assert stack.file.read_bytes() == committed
    assert stack.password_works(password)
    assert "created" not in second.err
    assert "updated" not in second.err
    assert before == (stack.ids(), stack.started_at(stack.postgres), stack.started_at(stack.redis))


def test_a_second_preview_and_a_refresh_are_clean(shared: Stack) -> None:
    shared.pulumi("preview", "--expect-no-changes").ok()
    shared.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes").ok()
    shared.pulumi("preview", "--refresh", "--expect-no-changes").ok()


@pytest.mark.full
def test_the_plain_way_needs_no_step_that_only_start_knows(stack: Stack) -> None:
    stack.pulumi("stack", "init", stack.name).ok()
    stack.pulumi("preview").ok()
    stack.pulumi("up", "--yes").ok()
    assert stack.output("postgres")["host"] == stack.postgres
    assert stack.sql("SELECT 1") == "1"
    assert stack.cli("ping") == "PONG"


def test_status_tells_the_truth_by_its_exit_code(shared: Stack) -> None:
    assert shared.script("status.sh").code == 0
    run("docker", "stop", "--time", "60", shared.redis).ok()
    half = shared.script("status.sh", "--format", "json")
    assert half.code == 3
    servers = {server["server"]: server for server in json.loads(half.out)["servers"]}
    assert servers["postgres"]["answers"]
    assert servers["redis"]["fault"].startswith("container is exited")
    shared.script("stop.sh").ok()
    assert shared.script("status.sh").code == 3
    assert shared.sql_fails()
    run("docker", "start", shared.postgres, shared.redis).ok()
    shared.until(lambda: shared.script("status.sh").code == 0, what="both servers back")


def test_two_starts_at_once_do_not_disturb_each_other(shared: Stack) -> None:
    script = str(shared.project / "scripts" / "start.sh")
    both = [shared.popen(script) for _ in range(2)]
    printed = [process.communicate(timeout=600)[0] for process in both]
    codes = sorted(process.returncode for process in both)
    assert codes in ([0, 0], [0, 4]), printed
    if codes == [0, 4]:
        assert any("is at work on stack" in text and "pid" in text for text in printed), printed


def test_the_servers_listen_on_the_loopback_only(shared: Stack) -> None:
    ports = (shared.postgres_port, shared.redis_port)
    for port in ports:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    others = [
        (address.family, address.address)
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family in (socket.AF_INET, socket.AF_INET6) and address.address not in ("127.0.0.1", "::1")
    ]
    assert others, "this machine has no other address to try"
    for family, address in others:
        for port in ports:
            with socket.socket(family, socket.SOCK_STREAM) as tried:
                tried.settimeout(3)
                target = socket.getaddrinfo(address, port, family, socket.SOCK_STREAM)[0][4]
                assert tried.connect_ex(target) != 0, f"{address} port {port} is reachable"


@pytest.mark.full
def test_a_member_of_the_docker_group_can_start(make_stack: Callable[[str], Stack]) -> None:
    group = Path("/var/run/docker.sock").stat().st_gid
    stack = make_stack(tempfile.mkdtemp(prefix="dbs-test-"))
    stack.directory.chmod(0o755)
    person = stack.belongs_to(uid=NOBODY)
    # The capability lets this person read the interpreter of the machine's
    # administrator; it writes nothing and is no right over Docker or the data.
    reads = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    argv = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", f"--groups={group}", *reads]
    start = [*argv, str(stack.project / "scripts" / "start.sh"), "--no-install"]
    run(*start, env=person, cwd="/").ok()
    assert stack.sql("SELECT 1") == "1"
    assert (stack.data / "config" / "postgres" / "postgresql.conf").stat().st_uid == 0
    again = run(*start, env=person, cwd="/").ok()
    assert "created" not in again.err


@pytest.mark.full
def test_a_stack_is_taken_by_flag(stack: Stack) -> None:
    done = stack.script("start.sh", "--stack", stack.name, env={**os.environ, "PULUMI_STACK": ""})
    assert done.code == 0, done.text
    assert f"stack {stack.name} is up" in done.out


def printed(argv: list[str], part: str) -> bool:
    return part in run(*argv).out


def test_docker_ps_lists_both_names_as_up_and_healthy(shared: Stack) -> None:
    names = run("docker", "ps", "--format", "{{.Names}}").out.split()
    for name in (shared.postgres, shared.redis):
        assert name in names
        shown = ["docker", "ps", "--filter", f"name=^{name}$", "--format", "{{.Status}}"]
        shared.until(partial(printed, shown, "(healthy)"), what=f"{name} healthy")
        assert run(*shown).out.startswith("Up")


def test_the_probes_of_the_deployment_scripts_are_answered(shared: Stack) -> None:
    run("docker", "exec", shared.postgres, "pg_isready", "-U", "dbadmin").ok()
    assert run("docker", "exec", shared.redis, "redis-cli", "ping").ok().out == "PONG\n"
    count = ["psql", "-U", "dbadmin", "-c", "SELECT count(*) FROM pg_stat_activity;"]
    assert "1 row" in run("docker", "exec", shared.postgres, *count).ok().out
    assert 'database "dbadmin" does not exist' not in run("docker", "logs", shared.postgres).text


def test_each_container_is_on_the_shared_network_only(shared: Stack) -> None:
    for name in (shared.postgres, shared.redis):
        assert list(shared.inspect(name)["NetworkSettings"]["Networks"]) == [shared.network]


def test_applications_find_the_servers_by_name_and_by_alias(shared: Stack) -> None:
    image = shared.inspect(shared.postgres)["Config"]["Image"]
    for host in (shared.postgres, "postgres"):
        base = ["docker", "run", "--rm", "--network", shared.network, "--entrypoint", "pg_isready", image]
        assert "accepting connections" in run(*base, "-h", host, "-p", "5432").ok().out
    redis_image = shared.inspect(shared.redis)["Config"]["Image"]
    for host in (shared.redis, "redis"):
        base = ["docker", "run", "--rm", "--network", shared.network, "--entrypoint", "redis-cli", redis_image]
        assert run(*base, "-u", f"redis://{host}:6379/0", "ping").ok().out.strip() == "PONG"


def test_the_declared_guarantees_are_those_of_the_server(shared: Stack) -> None:
    assert shared.sql("SHOW server_encoding") == "UTF8"
    assert shared.sql("SHOW data_checksums") == "on"
    assert shared.sql("SHOW password_encryption") == "scram-sha-256"
    assert shared.sql("SHOW shared_buffers") == "128MB"
    assert shared.sql("SHOW max_connections") == "51"
    assert shared.cli("CONFIG", "GET", "maxmemory").split()[1] == str(64 * 1024 * 1024)
    for name in (shared.postgres, shared.redis):
        found = shared.inspect(name)
        assert found["HostConfig"]["RestartPolicy"]["Name"] == "always"
        assert found["HostConfig"]["LogConfig"]["Config"] == {"max-file": "3", "max-size": "10m"}
        assert found["Config"]["Labels"]["com.database.version"] in ("17", "8")


def test_a_start_with_nothing_to_do_removes_what_a_killed_save_has_left(shared: Stack) -> None:
    left = shared.data / "redis" / "temp-rewriteaof-bg-17.aof"
    left.touch()
    os.utime(left, (0, 0))
    shared.start().ok()
    assert not left.exists()


def test_the_admin_password_is_nowhere_to_be_read(shared: Stack) -> None:
    password = shared.output("adminPassword")
    assert shared.password_works(password)
    for name in (shared.postgres, shared.redis):
        assert password not in json.dumps(shared.inspect(name))
        assert password not in run("docker", "logs", name).text
    assert password not in shared.pulumi("preview", "--diff").ok().text
    assert password not in shared.pulumi("stack", "output").ok().text
    kept = [path for path in (shared.project / ".state").rglob("*") if path.is_file()]
    assert any(path.name == f"{shared.name}.json" for path in kept)
    for path in kept:
        assert password.encode() not in path.read_bytes(), path


def test_no_process_ever_has_the_password_in_its_arguments_nor_a_client_in_its_environment(stack: Stack) -> None:
    given = "given-password-7261"
    stack.pulumi("stack", "init", stack.name).ok()
    run_with_input = ["config", "set", "--secret", "adminPassword"]
    stack.pulumi(*run_with_input, stdin=given).ok()
    watched: set[str] = set()
    clients: list[dict[str, str]] = []
    process = stack.popen(str(stack.project / "scripts" / "start.sh"))
    while process.poll() is None:
        each_one = list(psutil.process_iter(["cmdline", "name"]))
        watched |= {argument for each in each_one for argument in each.info["cmdline"] or ()}
        for each in each_one:
            # Asked after the name: until it becomes docker, a process has the environment of the one that starts it.
            with suppress(psutil.NoSuchProcess):
                clients += [each.environ()] if each.info["name"] == "docker" else []
        time.sleep(0.01)  # a container's client lives ten times as long; without a pause this takes a processor
    text = process.communicate()[0]
    assert process.returncode == 0, text
    assert given not in text
    assert not [argument for argument in watched if given in argument]
    own = [environment for environment in clients if environment.get("PULUMI_STACK") == stack.name]
    assert own
    assert not [environment for environment in own if given in str(environment) or "PULUMI_CONFIG" in environment]
    assert stack.password_works(given)


def test_the_engine_is_told_of_the_same_packages_as_pip_finds(shared: Stack) -> None:
    """The engine asks before every program; pip would take most of a second."""
    told, found = (
        sorted((each["name"], each["version"], each["location"].rstrip("/")) for each in json.loads(run(
            "bash", "-c", f". tools/environment.sh && {python} -m pip list -v --format json", cwd=shared.project
        ).ok().out))
        for python in ("$PULUMI_PYTHON_CMD", "python")
    )  # fmt: skip
    assert told == found
    assert "pulumi_docker" in {name.replace("-", "_") for name, _, _ in told}


def test_a_dead_daemon_is_named_with_the_way_out(shared: Stack) -> None:
    for command in ("status.sh", "stop.sh"):
        done = shared.script(command, env={**shared.env(), "DOCKER_HOST": "unix:///nonexistent/docker.sock"})
        assert done.code == 3, done.text
        assert "Docker daemon does not answer" in done.err
        assert done.err.count("Cannot connect to the Docker daemon") == 1
        assert done.err.count("HINT: ") == 1
        assert "Traceback" not in done.text


def test_help_explains_itself_without_a_server(shared: Stack) -> None:
    for script in ("dbserver", "start.sh", "stop.sh", "status.sh"):
        done = shared.script(script, "--help")
        assert done.code == 0, done.text
        assert "Usage: dbserver" in done.out


def test_the_scripts_are_wrappers_of_at_most_four_lines(shared: Stack) -> None:
    for path in (shared.project / "scripts").iterdir():
        assert len(path.read_text().splitlines()) <= 4, path
        assert subprocess.run(["bash", "-n", str(path)], check=False).returncode == 0
