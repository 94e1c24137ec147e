"""The running Redis server: ask it, wait for it, bring it to what is declared."""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from dbserver import contract, execute
from dbserver.docker import host
from dbserver.errors import CommandError, DbServerError, NotRunningError, RefusedError
from dbserver.readiness import wait_until
from dbserver.redis import access, commands, dump, settings
from dbserver.units import size

COMMAND_SECONDS = 30
SAVE_SECONDS = 600


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
    lines = (line.strip().partition(":") for line in info.splitlines())
    return {name: value for name, colon, value in lines if colon}


def apply_settings(server: Server, wanted: Mapping[str, str], directory: str, image: str) -> None:
    """Bring the running server to the declared settings, then write them down for its next start.

    The order matters: the file that is read at a start names a persistence
    only once the data is there in that form. Raises RefusedError, and changes nothing, where the data would not fit.
    """
    actual = actual_settings(server, wanted)
    refuse_too_little(server, actual, wanted)
    leaving = settings.persistence_of(actual)
    for name, value in wanted.items():
        if actual[name] != value and name != "appendonly":
            _set(server, name, value)
    if actual["appendonly"] != wanted["appendonly"]:
        _switch_append_only(server, wanted)
    write_file(directory, settings.render(wanted), image)
    _set_aside_what_would_win(server, leaving, settings.persistence_of(wanted))


def refuse_too_little(server: Server, actual: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    """Raise where `maxmemory` would sink below what is used: applications could not write, or keys were evicted."""
    limit, before = int(wanted["maxmemory"]), int(actual["maxmemory"] or 0)
    if 0 < before <= limit:
        return
    used = int(server.info("memory")["used_memory"])
    if used > limit:
        said = f"{server.container} uses {size(used)}, with these settings it may use {size(limit)} (maxmemory)"
        raise RefusedError(said, "raise redis.memory, or set redis.settings.maxmemory, or remove keys")


def remove_left_over(server: Server) -> None:
    """Remove what saves that were killed have left in the data directory; what cannot be removed stays."""
    argv = commands.remove_left_over(server.container, server.admin)
    execute.run(argv, check=False, timeout=COMMAND_SECONDS)


@contextmanager
def unlimited(server: Server) -> Iterator[None]:
    """Take values and clients of any size for a while: what comes from a backup was there before the limits.

    A process that is killed meanwhile leaves them so; the next start finds other settings than the last update's.
    """
    before = actual_settings(server, settings.NO_LIMITS)
    server.command("CONFIG", "SET", *(word for pair in settings.NO_LIMITS.items() for word in pair))
    try:
        yield
    finally:
        server.command("CONFIG", "SET", *(word for pair in before.items() for word in pair))


def load_certificate(server: Server) -> None:
    """Let Redis read its certificate again; connections stay."""
    server.command("CONFIG", "SET", *(word for name in settings.FILES for word in (name, settings.CERTIFICATE)))


def actual_settings(server: Server, names: Mapping[str, str]) -> dict[str, str]:
    """Return these settings as they are in force."""
    lines = server.command("CONFIG", "GET", *names).splitlines()
    found = dict(zip(lines[::2], lines[1::2], strict=False))
    return {name: found.get(name, "") for name in names}


def write_file(directory: str, text: str, image: str) -> None:
    """Write the configuration file into its host directory."""
    host.write_files(directory, {contract.CONFIG_FILE[contract.REDIS]: text}, image)


def _switch_append_only(server: Server, wanted: Mapping[str, str]) -> None:
    if wanted["appendonly"] == "yes":
        _set(server, "appendonly", "yes")
        _wait_for(server, lambda info: info["aof_rewrite_in_progress"] == "0" and info["aof_rewrite_scheduled"] == "0")
        if server.info("persistence")["aof_last_bgrewrite_status"] != "ok":
            raise DbServerError(f"{server.container} could not write its append-only file", "check the free disk space")
        return
    if wanted["save"]:
        _save(server)
    _set(server, "appendonly", "no")


def _save(server: Server) -> None:
    server.command("BGSAVE", "SCHEDULE")
    _wait_for(server, lambda info: info["rdb_bgsave_in_progress"] == "0")
    if server.info("persistence")["rdb_last_bgsave_status"] != "ok":
        raise DbServerError(f"{server.container} could not write its snapshot", "check the free disk space")


def _set_aside_what_would_win(server: Server, leaving: str, becoming: str) -> None:
    aside = []
    if leaving == "append-only" != becoming:
        aside.append(settings.APPEND_ONLY_DIRECTORY)
    if becoming == "none" != leaving:
        aside.append(settings.SNAPSHOT_FILE)
    if aside:
        script = commands.persistence_aside(aside, time.strftime("until-%Y%m%dT%H%M%SZ", time.gmtime()))
        execute.run(["docker", "exec", server.container, "sh", "-c", script], timeout=COMMAND_SECONDS)


def _wait_for(server: Server, reached: Callable[[dict[str, str]], bool]) -> None:
    deadline = time.monotonic() + SAVE_SECONDS
    while not reached(server.info("persistence")):
        if time.monotonic() > deadline:
            hint = f"docker logs {server.container}"
            raise DbServerError(f"{server.container} did not finish saving within {SAVE_SECONDS} s", hint)
        time.sleep(0.1)


def _set(server: Server, name: str, value: str) -> None:
    try:
        server.command("CONFIG", "SET", name, value)
    except CommandError as fault:
        raise DbServerError(f"Redis refuses {name} {value}: {fault.output}", "correct the setting") from None


@dataclass(frozen=True)
class RulesBefore:
    """What new rules are made from: the local password's hash, what the server knows of their words, the file there."""

    local_hash: str
    known: Sequence[str]
    text: str


def rules_before(server: Server) -> RulesBefore:
    """Return what new rules are made from."""
    argv = commands.rules_before(server.container, server.admin)
    local_hash, known, text = execute.run(argv, timeout=COMMAND_SECONDS).stdout.split("\0", 2)
    return RulesBefore(local_hash.strip(), known.split(), text)


def apply_rules(server: Server, before: str, rules: str, directory: str, image: str) -> str:
    """Write the ACL file, load it and return what identifies the rules in force.

    Users whose rules change are disconnected, the others are not. A file that
    Redis refuses is taken back: it would not start on it.
    """
    host.write_files(directory, {access.ACL_FILE: rules}, image)
    try:
        loaded = execute.run(commands.load_rules(server.container, server.admin), timeout=COMMAND_SECONDS)
    except CommandError as fault:
        if fault.exit_status != commands.LOADED:
            host.write_files(directory, {access.ACL_FILE: before}, image)
        raise
    return _identity(loaded.stdout.removeprefix("OK\n"))


def is_open(server: Server) -> bool:
    """Return whether everybody may do everything without a password."""
    rules = server.command("ACL", "LIST").splitlines()
    default = next((rule.split() for rule in rules if rule.startswith("user default ")), [])
    return "nopass" in default and "+@all" in default


def loaded_rules(server: Server) -> str:
    """Return what identifies the rules in force."""
    return _identity(server.command("ACL", "LIST"))


def _identity(listed: str) -> str:
    return hashlib.sha256("\n".join(sorted(listed.strip().splitlines())).encode()).hexdigest()
