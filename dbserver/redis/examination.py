"""Redis from inside: everything that doctor judges by, in one call."""

import base64
import json
from collections.abc import Iterator, Sequence

from dbserver import cleaning, contract, execute
from dbserver.diagnosis.facts import Denied, Redis
from dbserver.errors import CommandError
from dbserver.redis import commands
from dbserver.units import parse_bytes

EXAMINE_SECONDS = 15
# Settings that are judged. Of those in the file, `save` alone is printed in the form in which it was given.
SETTINGS = ("maxmemory", "maxmemory-policy", "maxclients", "save", "appendonly", "appendfsync", "disable-thp")
FROM_FILE = ("maxmemory", "maxmemory-policy", "save", "appendonly", "appendfsync")

# The password is read in the container. A server that refuses the administrator ends it: what follows would be asked
# as the user without a password. Each part is one line in base64: whoever is refused chooses what is in the ACL's log.
EXAMINE = f"""
part() {{ said=$("$@" 2>&1); status=$?; printf '%s' "$said" | base64 | tr -d '\\n'; echo; return $status; }}
admin() {{ REDISCLI_AUTH=$(cat {commands.ADMIN_FILE}) redis-cli --user "$user" -e "$@"; }}
part redis-cli ping
user=$1; shift
part admin INFO || exit 9
part admin CONFIG GET "$@" || exit 9
part admin --json ACL LOG 100
part cat {contract.config_path(contract.REDIS)}
"""


def examine(container: str, admin: str) -> tuple[Redis | None, str]:
    """Return the server from inside, or what it said instead."""
    # CONFIG GET takes several names from version 7 on, a pattern always.
    argv = ["docker", "exec", "-i", container, "sh", "-c", EXAMINE, "sh", admin, *SETTINGS]
    try:
        done = execute.run(argv, timeout=EXAMINE_SECONDS, check=False)
    except CommandError as fault:
        return None, fault.output
    parts = [base64.b64decode(line).decode(errors="replace") for line in cleaning.lines(done.stdout)]
    if len(parts) == 5:  # noqa: PLR2004  what the script prints
        return parse(parts), ""
    return None, ((parts or [""])[-1].strip() or done.output or f"exit status {done.status}")


def parse(parts: Sequence[str]) -> Redis:
    """Return the Redis that the script printed."""
    ping, info, settings, log, file = (part.strip() for part in parts)
    lines = cleaning.lines(settings)
    colons = (line.partition(":") for line in cleaning.lines(info))
    return Redis(
        ping=ping,
        info={name: value.strip() for name, colon, value in colons if colon},
        settings=dict(zip(lines[::2], lines[1::2], strict=False)),
        in_file=dict(_file(file)),
        denied=tuple(_denied(log)),
    )


def _file(text: str) -> Iterator[tuple[str, str]]:
    for line in cleaning.lines(text):
        name, _, value = line.strip().partition(" ")
        if name in FROM_FILE:
            yield name, str(parse_bytes(value)) if name == "maxmemory" else value.strip().strip('"')


def _denied(text: str) -> Iterator[Denied]:
    """Read the ACL's log in the form of RESP3, as redis-cli prints it in JSON."""
    for entry in json.loads(text):
        address = dict(pair.partition("=")[::2] for pair in entry["client-info"].split()).get("addr", "")
        yield Denied(
            reason=entry["reason"],
            user=entry["username"],
            subject=entry["object"],
            address=address.rpartition(":")[0] or "the host",
            count=int(entry["count"]),
            seconds=float(entry["age-seconds"]),
        )
