"""A stack of its own for a test: own project directory, names, network, ports and data."""

import compileall
import itertools
import json
import os
import random
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import psutil
import yaml

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "dbs-test"
NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv", ".state", "__pycache__", ".*_cache", ".hypothesis", "tests", "bench", "docs"
)
# The engine's programs are short-lived: a third of their start-up would be spent on collecting garbage.
COLLECT_LATE = {"GOGC": "off", "GOMEMLIMIT": "300MiB"}
# The process of a test run that this is, and the ports that each has for itself.
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw7").removeprefix("gw")) % 8
WORKER_PORTS = 2500
_numbers, _ports = itertools.count(1), itertools.count(random.randrange(WORKER_PORTS))


def _not_copied(directory: str, names: list[str]) -> set[str]:
    own = {"backups"} if Path(directory) == ROOT else set()
    return {*NOT_COPIED(directory, names), *own}


@dataclass(frozen=True)
class Ran:
    """A command that has ended. Its text stands in a failing test's output."""

    argv: list[str]
    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return f"{self.out}\n{self.err}"

    def ok(self) -> "Ran":
        assert self.code == 0, f"{' '.join(self.argv)} ended with {self.code}:\n{self.text}"
        return self


def run(*argv: str, stdin: str = "", timeout: float = 900, **options: Any) -> Ran:
    """Run a command; its exit code is for the test to judge."""
    done = subprocess.run(
        argv, input=stdin, capture_output=True, text=True, timeout=timeout, check=False, errors="replace", **options
    )
    return Ran(list(argv), done.returncode, done.stdout, done.stderr)


def free_port() -> int:
    """Return a port that nobody listens on, below those that the kernel hands out to others meanwhile.

    No other process of this test run is given it: what is not listened on yet, another one would take for free.
    """
    while True:
        port = 10000 + WORKER * WORKER_PORTS + next(_ports) % WORKER_PORTS
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


@cache
def original() -> "tempfile.TemporaryDirectory[str]":
    """Return a copy of the project that goes with this process, compiled once for the copies that are made of it.

    Bytecode names the time of its source, which a copy keeps: an edited source is compiled again.
    """
    directory = tempfile.TemporaryDirectory(prefix=f"{PREFIX}-original-")
    shutil.copytree(ROOT, directory.name, ignore=_not_copied, symlinks=True, dirs_exist_ok=True)
    assert compileall.compile_dir(directory.name, quiet=1)
    return directory


@dataclass
class Stack:
    """A stack under test. `config` is what Pulumi.<stack>.yaml holds, without the project's prefix."""

    directory: Path
    name: str = field(default_factory=lambda: f"{PREFIX}-{os.getpid()}-{next(_numbers)}")
    config: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.project = self.directory / "project"
        self.data = self.directory / "data"
        self.network = f"{self.name}-network"
        self.postgres = f"{self.name}-postgres"
        self.redis = f"{self.name}-redis"
        self.postgres_port, self.redis_port, self.other_port = free_port(), free_port(), free_port()
        shutil.copytree(original().name, self.project, symlinks=True)
        self.project.chmod(0o755)  # a temporary directory's 0700 would shut out the person of belongs_to
        (self.project / ".state").mkdir()
        (self.project / ".venv").symlink_to(ROOT / ".venv")
        self.config = {
            "network": {"name": self.network, "create": True},
            "dataDirectory": str(self.data),
            "standIns": True,
            "postgres": {"containerName": self.postgres, "port": self.postgres_port, "memory": "512m"},
            "redis": {"containerName": self.redis, "port": self.redis_port, "memory": "128m"},
            **self.config,
        }
        self.configure()

    def configure(self, **changes: Any) -> None:
        """Change the stack's configuration: a dict is merged into a section, anything else replaces."""
        for key, value in changes.items():
            known = self.config.get(key)
            self.config[key] = {**known, **value} if isinstance(known, dict) and isinstance(value, dict) else value
        path = self.project / f"Pulumi.{self.name}.yaml"
        content = yaml.safe_load(path.read_text()) if path.exists() else {}
        content["config"] = {f"db-server:{key}": value for key, value in self.config.items() if value is not None}
        path.write_text(yaml.safe_dump(content))

    @contextmanager
    def configured(self, **changes: Any) -> Iterator[None]:
        """Change the configuration for a while."""
        before = dict(self.config)
        self.configure(**changes)
        try:
            yield
        finally:
            self.config = before
            self.configure()

    # Commands ------------------------------------------------------------

    def env(self) -> dict[str, str]:
        return {**os.environ, **COLLECT_LATE, "PULUMI_STACK": self.name, **self.environment}

    def script(self, name: str, *arguments: str, **options: Any) -> Ran:
        """Run one of the documented scripts, without a terminal."""
        options = {"env": self.env(), "cwd": "/", **options}
        return run(str(self.project / "scripts" / name), *arguments, **options)

    def start(self, *arguments: str) -> Ran:
        return self.script("start.sh", *arguments)

    def pulumi(self, *arguments: str, **options: Any) -> Ran:
        """Run plain Pulumi as a person who knows it would: the environment sourced, in the project's directory."""
        command = '. tools/environment.sh && exec pulumi "$@" --non-interactive --color never'
        return run("bash", "-c", command, "bash", *arguments, env=self.env(), cwd=self.project, **options)

    def popen(self, *argv: str) -> "subprocess.Popen[str]":
        """Start a command in a process group of its own, to be interrupted."""
        return subprocess.Popen(
            argv, env=self.env(), cwd=self.project, text=True, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def blow(self, process: "subprocess.Popen[str]", blow: signal.Signals) -> int:
        """Send a signal to a started command's whole group; end what it leaves behind; return its exit code."""
        left = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, blow)
        process.communicate(timeout=600)
        for orphan in psutil.wait_procs(left, timeout=5)[1]:
            with suppress(psutil.NoSuchProcess):
                orphan.kill()
        return process.returncode

    def output(self, name: str) -> Any:
        shown = self.pulumi("stack", "output", "--json", "--show-secrets").ok()
        return json.loads(shown.out)[name]

    def build_image(self, tag: str, dockerfile: str) -> None:
        argv = ["docker", "build", "-q", "-t", tag, "-"]
        run(*argv, stdin=dockerfile, env={**self.env(), "DOCKER_BUILDKIT": "0"}).ok()

    # Servers -------------------------------------------------------------

    def psql(self, statement: str, database: str = "dbadmin") -> Ran:
        return run(
            "docker", "exec", "-i", self.postgres, "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-U", "dbadmin",
            "-d", database, stdin=statement,
        )  # fmt: skip

    def sql(self, statement: str, database: str = "dbadmin") -> str:
        return self.psql(statement, database).ok().out.strip()

    def cli(self, *arguments: str) -> str:
        return run("docker", "exec", self.redis, "redis-cli", "-e", *arguments).ok().out.strip()

    def sql_fails(self) -> bool:
        return self.psql("SELECT 1").code != 0

    def belongs_to(self, uid: int) -> dict[str, str]:
        """Give the project to another person of this machine; return that person's environment, parts included."""
        parts = Path(os.environ.get("DBSERVER_CACHE") or Path.home() / ".cache" / "database-server")
        plugins = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi") / "plugins"
        home = self.directory / "home"
        shutil.copytree(parts / "bin", home / "parts" / "bin")
        shutil.copytree(plugins, home / ".pulumi" / "plugins")
        for path in (self.directory, *self.directory.rglob("*")):
            os.chown(path, uid, uid, follow_symlinks=False)
        system = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        person = {"HOME": str(home), "PULUMI_HOME": str(home / ".pulumi"), "DBSERVER_CACHE": str(home / "parts")}
        return {**self.env(), **person, "PATH": system}

    def inspect(self, container: str) -> dict[str, Any]:
        return dict(json.loads(run("docker", "container", "inspect", container).ok().out)[0])

    # Applications --------------------------------------------------------

    def declare(self, *entries: dict[str, Any]) -> None:
        """Declare applications besides those that are declared; one of the same name is replaced."""
        names = [entry["name"] for entry in entries]
        others = [entry for entry in self.config.get("applications", []) if entry["name"] not in names]
        self.configure(applications=[*others, *entries])

    def variables(self, application: str) -> dict[str, str]:
        """Return an application's environment, as the command line prints it."""
        return dict(json.loads(self.script("dbserver", "env", application, "--format", "json").ok().out))

    def client(self, script: str, *options: str, server: str = "postgres") -> Ran:
        """Run a shell script in a throwaway container on the network; it has that server's clients."""
        image = self.inspect(self.redis if server == "redis" else self.postgres)["Config"]["Image"]
        where = [] if "--network" in options else ["--network", self.network]
        name = f"{self.name}-client-{next(_numbers)}"
        argv = ["docker", "run", "--rm", "-i", "--name", name, *where, *options, "--entrypoint", "sh", image, "-s"]
        return run(*argv, stdin="{\n" + script + "\n} </dev/null\n")

    def attempts(self, commands: Sequence[Sequence[str]], *options: str, server: str = "postgres") -> list[Ran]:
        """Run commands one after another in one throwaway container on the network; what fails stops none."""
        each = 'out=$({} 2>&1); printf \'%s\\n%s\\0\' "$?" "$out"'
        script = "\n".join(each.format(shlex.join(command)) for command in commands)
        replies = self.client(script, *options, server=server).ok().out.split("\0")[:-1]
        assert len(replies) == len(commands)
        ends = [reply.partition("\n") for reply in replies]
        return [Ran(list(argv), int(code), out, "") for argv, (code, _, out) in zip(commands, ends, strict=True)]

    def redis_admin(self, *arguments: str) -> str:
        """Run a Redis command as the administrator, with the password that the container holds."""
        script = 'REDISCLI_AUTH=$(cat /usr/local/etc/redis/admin-password) exec redis-cli --user dbadmin -e "$@"'
        return run("docker", "exec", self.redis, "sh", "-c", script, "sh", *arguments).ok().out.strip()

    def assert_clean(self) -> None:
        self.pulumi("preview", "--refresh", "--expect-no-changes").ok()

    def ids(self) -> tuple[str, str]:
        return self.inspect(self.postgres)["Id"], self.inspect(self.redis)["Id"]

    def started_at(self, container: str) -> str:
        return str(self.inspect(container)["State"]["StartedAt"])

    def password_works(self, password: str) -> bool:
        """Log in over the published port's path: TCP, with the password, from inside the container."""
        tried = run(
            "docker", "exec", "-i", self.postgres, "sh", "-c",
            "read -r PGPASSWORD; export PGPASSWORD; exec psql -XAtq -h 127.0.0.1 -U dbadmin -d dbadmin -c 'SELECT 1'",
            stdin=password + "\n",
        )  # fmt: skip
        return tried.code == 0

    def main_pid(self, container: str) -> int:
        return int(self.inspect(container)["State"]["Pid"])

    def send(self, container: str, sent: signal.Signals) -> None:
        """Send the server's main process a signal, as the kernel would."""
        pid = self.main_pid(container)
        assert pid, f"{container} does not run, there is nothing to send {sent.name} to"  # process 0 is the test run
        os.kill(pid, sent)

    def kill(self, container: str) -> None:
        self.send(container, signal.SIGKILL)

    def until(self, condition: Callable[[], object], seconds: float = 240, *, what: str = "the condition") -> None:
        began = time.monotonic()
        while not condition():
            waited = time.monotonic() - began
            assert waited < seconds, f"{what} did not come true within {seconds} s"
            time.sleep(min(0.25, 0.05 + waited / 20))  # each look takes processor time from what is waited for

    def remove(self) -> None:
        """Remove everything of this stack, and nothing else."""
        self.remove_containers()
        shutil.rmtree(self.directory, ignore_errors=True)

    def remove_containers(self) -> None:
        """Remove its containers, its networks and the images that are named after it."""
        remove_from_docker(lambda name: name.startswith((f"{self.name}-", f"{self.name}_")))


def remove_from_docker(ours: Callable[[str], bool]) -> None:
    """Remove the containers, networks and images of these names, in the order in which Docker lets them go."""
    kinds = {"container": ("{{.Names}}", ["-f", "-v"], ["-a"]), "network": ("{{.Name}}", [], []),
             "image": ("{{.Repository}}:{{.Tag}}", [], [])}  # fmt: skip
    for kind, (column, how, which) in kinds.items():
        for name in run("docker", kind, "ls", *which, "--format", column).ok().out.split():
            if ours(name):
                run("docker", kind, "rm", *how, name)


def left_by_a_crash(name: str) -> bool:
    """True for what a test run left whose process is gone."""
    parts = name.split("-")
    return name.startswith(f"{PREFIX}-") and parts[2].isdigit() and not psutil.pid_exists(int(parts[2]))
