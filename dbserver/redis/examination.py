"""Redis from inside: everything that doctor judges by, in one call."""

from collections.abc import Iterator, Sequence

from dbserver import contract, execute
from dbserver.diagnosis.facts import Denied, Redis
from dbserver.errors import CommandError
from dbserver.redis import commands
from dbserver.units import parse_bytes

EXAMINE_SECONDS = 15
MARK = "\x1e"
# Settings that are judged. Of those in the file, `save` alone is printed in the form in which it was given.
SETTINGS = ("maxmemory", "maxmemory-policy", "maxclients", "save", "appendonly", "appendfsync", "disable-thp")
FROM_FILE = ("maxmemory", "maxmemory-policy", "save", "appendonly", "appendfsync")

# The password is read in the container. A server that refuses the administrator ends it: what follows would be asked
# as the user without a password.
EXAMINE = f"""
redis-cli ping 2>&1; printf '\\036'
admin() {{ REDISCLI_AUTH=$(cat {commands.ADMIN_FILE}) redis-cli --user "$user" -e "$@"; }}
user=$1; shift
admin INFO 2>&1 || exit 9; printf '\\036'
admin CONFIG GET "$@" 2>&1 || exit 9; printf '\\036'
admin ACL LOG 100; printf '\\036'
cat {contract.config_path(contract.REDIS)}
"""


def examine(container: str, admin: str) -> tuple[Redis | None, str]:
    """Return the server from inside, or what it said instead."""
    # CONFIG GET takes several names from version 7 on, a pattern always.
    argv = ["docker", "exec", "-i", container, "sh", "-c", EXAMINE, "sh", admin, *SETTINGS]
    try:
        done = execute.run(argv, timeout=EXAMINE_SECONDS, check=False)
    except CommandError as fault:
        return None, fault.output
    parts = done.stdout.split(MARK)
    if len(parts) == 5:  # noqa: PLR2004  what the script prints
        return parse(parts), ""
    return None, (parts[-1].strip() or done.output or f"exit status {done.status}")


def parse(parts: Sequence[str]) -> Redis:
    """Return the Redis that the script printed."""
    ping, info, settings, log, file = (part.strip() for part in parts)
    lines = settings.splitlines()
    colons = (line.partition(":") for line in info.splitlines())
    return Redis(
        ping=ping,
        info={name: value.strip() for name, colon, value in colons if colon},
        settings=dict(zip(lines[::2], lines[1::2], strict=False)),
        in_file=dict(_file(file)),
        denied=tuple(_denied(log)),
    )


def _file(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        name, _, value = line.strip().partition(" ")
        if name in FROM_FILE:
            yield name, str(parse_bytes(value)) if name == "maxmemory" else value.strip().strip('"')


def _denied(text: str) -> Iterator[Denied]:
    """Read names and values, a line each, as redis-cli prints them without a terminal; `count` begins an entry."""
    lines = text.splitlines()
    entry: dict[str, str] = {}
    for name, value in zip(lines[::2], lines[1::2], strict=False):
        if name == "count" and entry:
            yield _entry(entry)
            entry = {}
        entry[name] = value
    if "reason" in entry:
        yield _entry(entry)


def _entry(values: dict[str, str]) -> Denied:
    address = dict(pair.partition("=")[::2] for pair in values.get("client-info", "").split()).get("addr", "")
    return Denied(
        reason=values.get("reason", ""),
        user=values.get("username", ""),
        subject=values.get("object", ""),
        address=address.rpartition(":")[0] or "the host",
        count=int(values.get("count", "1")),
        seconds=float(values.get("age-seconds", "0")),
    )
