"""What Redis says about its use. Pure: commands, what the replies mean."""

from collections.abc import Mapping

from dbserver import cleaning, contract
from dbserver.docker import usage
from dbserver.redis import commands, settings
from dbserver.results.status import RedisUse

# One connection for all: with its commands on standard input, redis-cli answers one after another.
QUESTION = "PING\nINFO\nCONFIG GET save\n"
# Where a field is not `ok`, Redis could not write its data the last time.
WRITES = {
    "rdb_last_bgsave_status": "the last snapshot could not be written",
    "aof_last_write_status": "the last write to the append-only file failed",
    "aof_last_bgrewrite_status": "the last rewrite of the append-only file failed",
}


def ask(container: str, admin: str) -> list[str]:
    """Return the command that takes QUESTION on standard input, and prints the container's figures first."""
    asked = commands.list_left_over(commands.cli(container, admin))
    return usage.before(asked, contract.REDIS)


def parse(printed: str) -> tuple[str, RedisUse] | None:
    """Return the server's version and use; None where it did not answer PONG and tell of itself."""
    lines = [line.strip() for line in cleaning.lines(printed)]
    info = {name: value for name, colon, value in (line.partition(":") for line in lines) if colon}
    if "PONG" not in lines or "redis_version" not in info:
        return None
    return info["redis_version"], _use(info, _save(lines))


def left_over(printed: str) -> bool:
    """Return whether there are files that a save that was killed may have left."""
    return any(line.startswith(commands.LEFT_OVER_MARK) for line in cleaning.lines(printed))


def refusal(printed: str) -> str:
    """Return the reply to PING where it is none of PONG, such as LOADING; empty where nothing was said."""
    replies = (line.strip() for line in cleaning.lines(printed))
    return next((line for line in replies if line.partition(" ")[0].isupper() and line != "PONG"), "")


def _use(info: Mapping[str, str], save: str) -> RedisUse:
    hits, misses = _number(info, "keyspace_hits"), _number(info, "keyspace_misses")
    appended = {"appendonly": "yes" if info.get("aof_enabled") == "1" else "no", "save": save}
    return RedisUse(
        clients=_number(info, "connected_clients") - 1,
        max_clients=_number(info, "maxclients"),
        used_memory=_number(info, "used_memory"),
        max_memory=_number(info, "maxmemory"),
        evicted_keys=_number(info, "evicted_keys"),
        hit_ratio=hits / (hits + misses) if hits + misses else None,
        persistence=settings.persistence_of(appended),
        persistence_fault="; ".join(said for field, said in WRITES.items() if info.get(field, "ok") != "ok"),
        unsaved_changes=_number(info, "rdb_changes_since_last_save"),
    )


def _save(lines: list[str]) -> str:
    """Return the value that follows its name at the end."""
    return lines[lines.index("save") + 1] if "save" in lines[:-1] else ""


def _number(info: Mapping[str, str], name: str) -> int:
    return int(info.get(name) or 0)
