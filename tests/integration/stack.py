"""A stack of its own for a test: own project directory, names, network, ports and data."""

import itertools
import json
import os
import random
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import yaml

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "dbs-test"
NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv", ".state", "backups", "__pycache__", ".*_cache", ".hypothesis", "tests", "bench", "docs"
)
_numbers = itertools.count(1)


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
    """Return a port that nobody listens on, below those that the kernel hands out to others meanwhile."""
    while True:
        port = random.randrange(10000, 30000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


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
        self.postgres_port, self.redis_port = free_port(), free_port()
        shutil.copytree(ROOT, self.project, ignore=NOT_COPIED, symlinks=True)
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

    # Commands ------------------------------------------------------------

    def env(self) -> dict[str, str]:
        return {**os.environ, "PULUMI_STACK": self.name, **self.environment}

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

    def kill(self, container: str) -> None:
        """Kill the server's main process, as the kernel would."""
        os.kill(self.main_pid(container), signal.SIGKILL)

    def until(self, condition: Callable[[], object], seconds: float = 240, *, what: str = "the condition") -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"{what} did not come true within {seconds} s"
            time.sleep(0.1)

    def remove(self) -> None:
        """Remove everything of this stack, and nothing else."""
        remove_containers_and_networks(lambda name: name.startswith((f"{self.name}-", f"{self.name}_")))
        shutil.rmtree(self.directory, ignore_errors=True)


def remove_containers_and_networks(ours: Callable[[str], bool]) -> None:
    for kind, listing in (("container", ["docker", "ps", "-a"]), ("network", ["docker", "network", "ls"])):
        column = "{{.Names}}" if kind == "container" else "{{.Name}}"
        for name in run(*listing, "--format", column).ok().out.split():
            if ours(name):
                run("docker", kind, "rm", *(["-f"] if kind == "container" else []), name)


def left_by_a_crash(name: str) -> bool:
    """True for what a test run left whose process is gone."""
    parts = name.split("-")
    return name.startswith(f"{PREFIX}-") and parts[2].isdigit() and not psutil.pid_exists(int(parts[2]))
