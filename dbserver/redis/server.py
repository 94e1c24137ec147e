"""The running Redis server: ask it, wait for it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from dbserver import cleaning, execute
from dbserver.errors import NotRunningError
from dbserver.readiness import wait_until
from dbserver.redis import commands, dump

COMMAND_SECONDS = 30


@dataclass(frozen=True)
class Server:
    """One Redis container and its administrator."""

    container: str
    admin: str

    def command(self, *arguments: str) -> str:
        """Run one Redis command and return the reply, stripped."""
        return execute.run(commands.cli(self.container, self.admin, *arguments), timeout=COMMAND_SECONDS).stdout.strip()

    def command_lines(self, *lines: str) -> str:
        """Run several commands over one connection and return their replies."""
        argv = commands.lines(self.container, self.admin)
        return execute.run(argv, stdin="\n".join(lines) + "\n", timeout=COMMAND_SECONDS).stdout

    def info(self, section: str) -> dict[str, str]:
        """Return one section of INFO."""
        return _fields(self.command("INFO", section))

    def answer(self) -> dict[str, str]:
        """Return what runs. Raises NotRunningError where the server does not tell its administrator of itself."""
        argv = commands.cli(self.container, self.admin, "INFO", "server")
        asked = execute.run(argv, check=False, timeout=COMMAND_SECONDS)
        found = _fields(asked.stdout)
        if "redis_version" not in found:
            said = f"{self.container} does not answer its administrator: {asked.output}"
            raise NotRunningError(said, "./scripts/dbserver doctor")
        return found

    def wait(self) -> dict[str, str]:
        """Wait until the server answers; a server that crashes or never answers is an error with its last log lines."""
        wait_until(self.container, commands.wait_until_ready(self.container))
        return self.answer()

    @property
    def environment(self) -> Mapping[str, str]:
        """What `taking` needs in its environment."""
        return {}

    def taking(self) -> list[str]:
        """Return the program that prints the whole content; it ends when its standard input does."""
        return dump.take(self.container, self.admin)


def _fields(info: str) -> dict[str, str]:
    lines = (line.strip().partition(":") for line in cleaning.lines(info))
    return {name: value for name, colon, value in lines if colon}


def actual_settings(server: Server, names: Mapping[str, str]) -> dict[str, str]:
    """Return these settings as they are in force."""
    lines = cleaning.lines(server.command("CONFIG", "GET", *names))
    found = dict(zip(lines[::2], lines[1::2], strict=False))
    return {name: found.get(name, "") for name in names}


def file_text(server: Server, name: str) -> str:
    """Return one of the files that the server reads at its start; nothing where it is gone."""
    return execute.run(commands.read_file(server.container, name), timeout=COMMAND_SECONDS).stdout


def is_open(server: Server) -> bool:
    """Return whether everybody may do everything without a password."""
    rules = cleaning.lines(server.command("ACL", "LIST"))
    default = next((rule.split() for rule in rules if rule.startswith("user default ")), [])
    return "nopass" in default and "+@all" in default


def loaded_rules(server: Server) -> tuple[str, str]:
    """Return the ACL file's text, and what identifies the rules in force."""
    argv = commands.rules_now(server.container, server.admin)
    text, _, listed = execute.run(argv, timeout=COMMAND_SECONDS).stdout.partition("\0")
    return text, identity_of(listed)


def identity_of(listed: str) -> str:
    """Return what identifies rules in force: Redis lists them in any order."""
    return hashlib.sha256("\n".join(sorted(cleaning.lines(listed.strip()))).encode()).hexdigest()
