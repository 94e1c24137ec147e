"""Redis brought to what is declared: settings while it runs, rules, persistence."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from dbserver import contract, execute
from dbserver.docker import host
from dbserver.errors import CommandError, DbServerError, RefusedError
from dbserver.redis import access, commands, settings
from dbserver.redis.server import COMMAND_SECONDS, Server, actual_settings, identity_of
from dbserver.units import size

SAVE_SECONDS = 600


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
        if fault.exit_status != commands.LOADED and access.is_whole(before):
            host.write_files(directory, {access.ACL_FILE: before}, image)
        raise
    return identity_of(loaded.stdout.removeprefix("OK\n"))
