"""A copy of the project under a test: its configuration, its commands, its person."""

import compileall
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import psutil
import yaml

from tests.support import secrets
from tests.support.commands import Ran, run
from tests.support.leftovers import process_name

ROOT = Path(__file__).resolve().parents[2]
NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv", ".state", "__pycache__", ".*_cache", ".hypothesis", "tests", "bench", "docs"
)
# The engine's programs are short-lived: a third of their start-up would be spent on collecting garbage.
COLLECT_LATE = {"GOGC": "off", "GOMEMLIMIT": "300MiB"}


def _not_copied(directory: str, names: list[str]) -> set[str]:
    own = {"backups"} if Path(directory) == ROOT else set()
    return {*NOT_COPIED(directory, names), *own}


@cache
def original() -> "tempfile.TemporaryDirectory[str]":
    """Return a copy of the project that goes with this process, compiled once for the copies that are made of it.

    Bytecode names the time of its source, which a copy keeps: an edited source is compiled again.
    """
    directory = tempfile.TemporaryDirectory(prefix=f"{process_name()}-original-")
    shutil.copytree(ROOT, directory.name, ignore=_not_copied, symlinks=True, dirs_exist_ok=True)
    assert compileall.compile_dir(directory.name, quiet=1)
    return directory


class Project:
    """The project in a directory of its own, with one stack's file. `config` is what that holds, without prefixes."""

    directory: Path
    name: str
    config: dict[str, Any]
    environment: dict[str, str]
    project: Path

    @property
    def file(self) -> Path:
        """The stack's configuration."""
        return self.project / f"Pulumi.{self.name}.yaml"

    def copy_project(self) -> None:
        """Make the copy."""
        shutil.copytree(original().name, self.project, symlinks=True)
        self.project.chmod(0o755)  # a temporary directory's 0700 would shut out the person of belongs_to
        (self.project / ".state").mkdir()
        (self.project / ".venv").symlink_to(ROOT / ".venv")

    def configure(self, **changes: Any) -> None:
        """Change the stack's configuration: a dict is merged into a section, anything else replaces."""
        for key, value in changes.items():
            known = self.config.get(key)
            self.config[key] = {**known, **value} if isinstance(known, dict) and isinstance(value, dict) else value
        content = yaml.safe_load(self.file.read_text()) if self.file.exists() else {}
        given = {key: value for key, value in self.config.items() if value is not None}
        values = secrets.hidden(given)
        content["config"] = {f"db-server:{key}": value for key, value in values.items()}
        if values != given:
            content["encryptionsalt"] = secrets.salt()
        self.file.write_text(yaml.safe_dump(content))

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

    def declare(self, *entries: dict[str, Any]) -> None:
        """Declare applications besides those that are declared; one of the same name is replaced."""
        names = [entry["name"] for entry in entries]
        others = [entry for entry in self.config.get("applications", []) if entry["name"] not in names]
        self.configure(applications=[*others, *entries])

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

    def selected(self) -> str:
        """Return the stack that plain Pulumi takes in the project's directory."""
        env = {name: value for name, value in self.env().items() if name != "PULUMI_STACK"}
        command = ". tools/environment.sh && exec pulumi stack ls --json --non-interactive"
        stacks = json.loads(run("bash", "-c", command, env=env, cwd=self.project).ok().out)
        return next((str(each["name"]) for each in stacks if each["current"]), "")

    def assert_clean(self) -> None:
        self.pulumi("preview", "--refresh", "--expect-no-changes").ok()

    def output(self, name: str) -> Any:
        shown = self.pulumi("stack", "output", "--json", "--show-secrets").ok()
        return json.loads(shown.out)[name]

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

    def build_image(self, tag: str, dockerfile: str) -> None:
        argv = ["docker", "build", "-q", "-t", tag, "-"]
        run(*argv, stdin=dockerfile, env={**self.env(), "DOCKER_BUILDKIT": "0"}).ok()

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
