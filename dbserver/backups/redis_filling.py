"""Redis filled from a backup while it runs: everything that it holds, or one application's keys."""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

from dbserver import cleaning, contract, execute
from dbserver.backups.redis_making import persistence, refuse_replica
from dbserver.backups.store import Backup
from dbserver.docker import containers
from dbserver.errors import CommandError, DbServerError, NotRunningError, RefusedError
from dbserver.readiness import wait_until
from dbserver.redis import commands, dump, source
from dbserver.redis.convergence import SAVE_SECONDS, unlimited
from dbserver.redis.server import COMMAND_SECONDS, Server
from dbserver.redis.source import PORT, Part
from dbserver.units import size

LOAD_SECONDS = 3600
# The server keeps the file that it receives beside the one that it has, and then writes its own.
COPIES = 2
# What counts the files that were begun, and what says how the last one ended.
APPEND_ONLY = ("aof_rewrites", "aof_last_bgrewrite_status")
SNAPSHOT = ("rdb_saves", "rdb_last_bgsave_status")
WRITING = ("rdb_bgsave_in_progress", "aof_rewrite_in_progress", "aof_rewrite_scheduled")


def refuse(server: Server, backup: Backup) -> None:
    """Raise RefusedError where this server cannot take the backup; nothing was touched."""
    manifest, version = backup.manifest, server.answer()["redis_version"]
    if _minor(manifest.server_version) > _minor(version):
        said = f"{backup.id} is of Redis {manifest.server_version}, the server is {version}"
        raise RefusedError(said, "choose a newer redis.image")
    refuse_replica(server)
    info = server.info("memory")
    limit = int(info.get("maxmemory", 0))
    if limit and manifest.database_size > limit:
        said = f"the backup's content took {size(manifest.database_size)}, the server may use {size(limit)}"
        raise RefusedError(said, "raise redis.memory, then ./scripts/start.sh")
    needed, free = COPIES * manifest.size, _room(server)
    if free < needed:
        raise RefusedError(f"too little disk: {size(needed)} are needed, {size(free)} are free", "make room")


def counts(server: Server, *options: str) -> dict[str, int]:
    """Return the keys of each database that has any; `options` are redis-cli's."""
    lines = (line.strip().partition(":") for line in cleaning.lines(server.command(*options, "INFO", "keyspace")))
    return {name: int(_fields(value)["keys"]) for name, colon, value in lines if colon and name.startswith("db")}


def compare(backup: Backup, found: Mapping[str, int]) -> None:
    """Raise DbServerError where the keys are not those of the manifest; those that expire may be gone by now."""
    told = backup.manifest.properties
    wanted = {name: number for _, name, number in backup.manifest.rows}
    for name in sorted({*wanted, *found}):
        most, there = wanted.get(name, 0), found.get(name, 0)
        least = most - told["expires"].get(name, 0) - told["expiring_fields"]
        if not least <= there <= most:
            said = f"what was loaded is not what was backed up: {name} has {there} keys instead of {most}"
            raise DbServerError(said, "take another one")


@contextmanager
def loaded(server: Server, backup: Backup) -> Iterator[None]:
    """Run the throwaway server with the backup loaded and counted; it is gone afterwards, whatever happens."""
    clean_up(server)
    own = containers.inspect([server.container])[server.container]
    config = own.mounts[contract.INNER_CONFIG[contract.REDIS]]
    try:
        argv = source.create(server.container, server.admin, own.image_id, config, own.memory)
        execute.run(argv, timeout=COMMAND_SECONDS)
        copying = source.copy(str(backup.directory / dump.FILE), server.container)
        execute.run(copying, timeout=dump.TRANSFER_SECONDS)
        containers.start(source.name(server.container))
        wait_until(source.name(server.container), source.ping(server.container, server.admin), LOAD_SECONDS)
        compare(backup, counts(server, "-p", str(PORT)))
        yield
    except NotRunningError as fault:
        raise DbServerError(f"{backup.id} could not be loaded: {fault.message}", "take another one") from None
    finally:
        execute.run(source.remove(server.container), check=False, timeout=COMMAND_SECONDS, own_session=True)
        with suppress(CommandError):
            _forget_staged(server)


def clean_up(server: Server) -> None:
    """Remove what a run that is gone left: the throwaway server, and keys on their way into this one."""
    name = source.name(server.container)
    left = containers.inspect([name]).get(name)
    if left and left.labels.get(source.LABEL) != server.container:
        raise RefusedError(f"a container {name} exists that is none of ours", f"docker rename {name} another-name")
    if left:
        execute.run(source.remove(server.container), timeout=COMMAND_SECONDS)
    _forget_staged(server)


def _forget_staged(server: Server) -> None:
    """Remove keys that were on their way; the throwaway is gone, so that no more of them come."""
    for database in counts(server):
        number = database.removeprefix("db")
        if server.command("-n", number, "EXISTS", source.MARK) == "1":
            server.command("-n", number, "FLUSHDB", "ASYNC")


@contextmanager
def paused(server: Server) -> Iterator[None]:
    """Hold up everybody's writes; they go on afterwards, or some seconds after this process has died."""
    try:
        with execute.held(source.pause(server.container, server.admin)):
            server.command(*source.pausing())
            yield
    finally:
        with suppress(CommandError):
            server.command("CLIENT", "UNPAUSE")


def switch(server: Server) -> None:
    """Let the server take over everything that the throwaway holds, and bring it onto its disk.

    Raises DbServerError where it does not.

    An interruption waits for it: writes must not go on while the server is about to take over.
    """
    rewrites = int(server.info("persistence")["aof_rewrites"])
    argv = source.switch(server.container, server.admin)
    seconds = source.SWITCH_SECONDS + SAVE_SECONDS
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(execute.run, argv, timeout=seconds, check=False, own_session=True).result()
    if not done.succeeded:
        raise DbServerError(f"{server.container} did not take the content over: {done.output}", "see docker logs")
    keep(server, rewrites)


def keep(server: Server, rewrites: int | None = None) -> None:
    """Write the content to the disk, in the form that the server's persistence reads at a start; counters prove it.

    One that appends has begun by itself where it was a replica; `rewrites` were before that.
    """
    mode = persistence(server)
    if mode == "append-only":
        _written(server, "BGREWRITEAOF", APPEND_ONLY, rewrites)
    elif mode == "snapshot":
        _written(server, "BGSAVE", SNAPSHOT, None)


def replace_part(server: Server, part: Part, staging: int) -> tuple[int, int]:
    """Replace an application's keys by those of the throwaway; return how many were there and how many are.

    Raises DbServerError where the server does not take them; then the
    application's keys are as they were.
    """
    try:
        server.command("-n", str(staging), "SET", source.MARK, "1")
        argv = source.hand_over(server.container, server.admin, part, staging)
        with unlimited(server):
            execute.run(argv, timeout=LOAD_SECONDS)
        argv = commands.cli(server.container, server.admin, *source.replace(part, staging))
        gone, came = execute.run(argv, timeout=LOAD_SECONDS, own_session=True).stdout.split()
    except CommandError as fault:
        raise DbServerError(f"the keys were not restored: {fault.output}", "they are as they were") from None
    return int(gone), int(came)


def _written(server: Server, command: str, fields: tuple[str, str], known: int | None) -> None:
    """Wait until it has been written well: begun by the server itself since the counter was `known`, else by us."""
    counter, status = fields
    info = _until(server, _idle)
    before = int(info[counter])
    if known is None or before == known:
        with suppress(CommandError):  # the server itself may have begun meanwhile: the counter tells
            server.command(command)
        info = _until(server, lambda info: int(info[counter]) > before and _idle(info))
    if info[status] != "ok":
        raise DbServerError(f"{server.container} could not write its data", "check the free disk space")


def _idle(info: Mapping[str, str]) -> bool:
    return all(info[name] == "0" for name in WRITING)


def _until(server: Server, reached: Callable[[dict[str, str]], bool]) -> dict[str, str]:
    deadline = time.monotonic() + SAVE_SECONDS
    while not reached(info := server.info("persistence")):
        if time.monotonic() > deadline:
            hint = f"docker logs {server.container}"
            raise DbServerError(f"{server.container} did not finish saving within {SAVE_SECONDS} s", hint)
        time.sleep(0.05)
    return info


def _minor(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])


def _fields(text: str) -> dict[str, str]:
    return dict(pair.partition("=")[::2] for pair in text.split(","))


def _room(server: Server) -> int:
    argv = ["docker", "exec", server.container, "stat", "-fc", "%a %S", contract.INNER_DATA[contract.REDIS]]
    blocks, block = execute.run(argv, timeout=COMMAND_SECONDS).stdout.split()
    return int(blocks) * int(block)
