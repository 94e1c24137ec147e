"""A throwaway Redis that holds a backup, and how the running server takes its content over. Pure.

It shares the network of the running server and listens on the loopback there:
no other container reaches it. Its only user is the administrator, with the
passwords that he has already, so that no new secret exists.

Source: the Redis documentation on replication, MIGRATE, CLIENT PAUSE and scripting.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from dbserver import contract
from dbserver.docker.privileges import PRIVILEGES
from dbserver.postgres.dump import GUARD
from dbserver.redis import access, commands, dump

LABEL = "com.database.restore"
PORT = 6380
# A throwaway that a killed run left ends after so long; the next run removes it at once.
LIFE_SECONDS = 4 * 3600
SWITCH_SECONDS = 3600
# `timeout` is root and ends a server that is not.
SERVER = PRIVILEGES[contract.REDIS]
ALLOWED = dataclasses.replace(SERVER, capabilities=(*SERVER.capabilities, "CAP_KILL"))
# The pause of writes is renewed every second, so it ends by itself soon after whoever holds it.
PAUSE_MILLISECONDS = 3000
MARK = "dbserver:restoring"
PAGE = 500

ACCESS = f"""
umask 077
{{ grep "^user $1 " {contract.INNER_CONFIG[contract.REDIS]}/{access.ACL_FILE}; echo 'user default off'; }} > source.acl
"""
START = f"""{ACCESS}
exec timeout {LIFE_SECONDS} docker-entrypoint.sh redis-server --bind 127.0.0.1 --port {PORT} --dir . \
  --dbfilename {dump.FILE} --save '' --appendonly no --aclfile source.acl --repl-diskless-sync-delay 0
"""

# It runs to its end whatever becomes of who started it: the server is nobody's replica afterwards, and its content is
# the whole old one or the whole new one, because it drops the old one once it has all of the new one on its disk.
# While it loads, it refuses REPLICAOF. Without persistence the file that it loaded must not stay: a start would read
# it.
SWITCH = f"""
user=$0; port=$1; REDISCLI_AUTH=$(cat {commands.ADMIN_FILE}); export REDISCLI_AUTH
exec 2>&1
ask() {{ redis-cli --user "$user" -e "$@" </dev/null; }}
back() {{
  trap '' HUP INT TERM PIPE
  tries=6000
  until ask REPLICAOF NO ONE >/dev/null || [ "$tries" -le 0 ]; do tries=$((tries - 1)); sleep 0.1; done
  {{ ask CONFIG SET masterauth '' masteruser ''; ask CONFIG SET rdb-del-sync-files no; }} >/dev/null
}}
trap '' HUP INT TERM PIPE
trap back EXIT
ask CONFIG SET masteruser "$user" >/dev/null || exit 1
printf %s "$REDISCLI_AUTH" | redis-cli --user "$user" -e -x CONFIG SET masterauth >/dev/null || exit 1
ask CONFIG SET rdb-del-sync-files yes >/dev/null || exit 1
ask REPLICAOF 127.0.0.1 "$port" >/dev/null || exit 1
tries={SWITCH_SECONDS * 20}
while [ "$tries" -gt 0 ]; do
  said=$(ask INFO replication | tr -d '\\r')
  case $said in *master_link_status:up*) case $said in *master_sync_in_progress:0*) exit 0;; esac;; esac
  redis-cli -p "$port" PING >/dev/null 2>&1 || {{ echo 'the throwaway server is gone'; exit 1; }}
  tries=$((tries - 1)); sleep 0.05
done
echo 'it did not get all of the content in time'; exit 1
"""

# Hands the keys with a beginning over to a database of the running server, with their ends of life, byte by byte. The
# password stands behind the patterns, where redis-cli puts what it reads.
HAND_OVER = f"""
redis.call('SELECT', ARGV[1])
for number = 4, #ARGV - 1 do
  local cursor = '0'
  repeat
    local page = redis.call('SCAN', cursor, 'MATCH', ARGV[number], 'COUNT', {PAGE})
    cursor = page[1]
    if #page[2] > 0 then
      redis.call('MIGRATE', '127.0.0.1', '{contract.INNER_PORT[contract.REDIS]}', '', ARGV[2], 60000, 'COPY', 'REPLACE',
        'AUTH2', ARGV[3], ARGV[#ARGV], 'KEYS', unpack(page[2]))
    end
  until cursor == '0'
end
"""

# One script is one moment for everybody else, in the append-only file too: the application's keys are the old ones
# before it and the new ones after it.
REPLACE = f"""
local function each(database, pattern, act)
  redis.call('SELECT', database)
  local cursor = '0'
  repeat
    local page = redis.call('SCAN', cursor, 'MATCH', pattern, 'COUNT', {PAGE})
    cursor = page[1]
    for _, key in ipairs(page[2]) do act(key) end
  until cursor == '0'
end
local live, staging = ARGV[1], ARGV[2]
local gone, came = 0, 0
redis.call('SELECT', staging)
redis.call('DEL', '{MARK}')
for number = 3, #ARGV do
  each(live, ARGV[number], function(key) gone = gone + redis.call('UNLINK', key) end)
end
each(staging, '*', function(key) came = came + redis.call('MOVE', key, live) end)
return {{gone, came}}
"""


@dataclass(frozen=True)
class Part:
    """The keys of one application: in which database, with which beginnings; an empty one is all of the database."""

    database: int
    prefixes: tuple[str, ...]

    @property
    def patterns(self) -> list[str]:
        """What SCAN matches: a beginning has no character that means anything else there."""
        return [f"{prefix}*" for prefix in self.prefixes]


def name(container: str) -> str:
    """Return the throwaway's name: one per server, whose lock is held."""
    return f"{container}-restore"


def create(container: str, admin: str, image: str, config: str, memory: int) -> list[str]:
    """Return the command that makes the throwaway, not yet running. `config` is the host's directory of settings."""
    beside = throwaway(container, config, memory, f"container:{container}")
    return [*beside, "--entrypoint", "sh", image, "-c", START, "sh", admin]


def throwaway(container: str, config: str, memory: int, network: str) -> list[str]:
    """Return what every throwaway of a server is made with."""
    mount = f"{config}:{contract.INNER_CONFIG[contract.REDIS]}:ro"
    limit = ["--memory", str(memory)] if memory else []
    return [
        "docker", "create", "--name", name(container), "--label", f"{LABEL}={container}",
        "--network", network, "--user", "0", "--workdir", contract.INNER_DATA[contract.REDIS],
        *limit, *ALLOWED.options(), "--volume", mount,
    ]  # fmt: skip


def copy(path: str, container: str) -> list[str]:
    """Return the command that copies the backup's file into the throwaway."""
    return ["docker", "cp", path, f"{name(container)}:{contract.INNER_DATA[contract.REDIS]}/{dump.FILE}"]


def remove(container: str) -> list[str]:
    """Return the command that removes the throwaway with its volume."""
    return ["docker", "rm", "--force", "--volumes", name(container)]


def ping(container: str, admin: str) -> list[str]:
    """Return the probe that succeeds once the throwaway has loaded all of its file."""
    return commands.cli(container, admin, "-p", str(PORT), "PING")


def pause(container: str, admin: str) -> list[str]:
    """Return the program that holds up writes for as long as its standard input lasts, and not much longer."""
    script = f"""REDISCLI_AUTH=$(cat {commands.ADMIN_FILE}) exec redis-cli --user "$0" -r -1 -i 1 "$@" """
    argv = ["sh", "-c", script, admin, *pausing()]
    return ["docker", "exec", "-i", container, "sh", "-c", GUARD, "sh", *argv]


def pausing() -> list[str]:
    """Return the command that holds up writes for a moment."""
    return ["CLIENT", "PAUSE", str(PAUSE_MILLISECONDS), "WRITE"]


def switch(container: str, admin: str) -> list[str]:
    """Return the program in the running server's container that takes the whole content over."""
    return ["docker", "exec", container, "sh", "-c", SWITCH, admin, str(PORT)]


def hand_over(container: str, admin: str, part: Part, staging: int) -> list[str]:
    """Return the command that copies an application's keys from the throwaway into a database of the server.

    The password goes through standard input, inside the container.
    """
    script = f"""
    REDISCLI_AUTH=$(cat {commands.ADMIN_FILE}); export REDISCLI_AUTH
    printf %s "$REDISCLI_AUTH" | redis-cli --user "$0" -e -p {PORT} -x "$@"
    """
    arguments = ["EVAL", HAND_OVER, "0", str(part.database), str(staging), admin, *part.patterns]
    return ["docker", "exec", "-i", container, "sh", "-c", script, admin, *arguments]


def replace(part: Part, staging: int) -> Sequence[str]:
    """Return the command that puts the copied keys in the place of the application's own."""
    return ["EVAL", REPLACE, "0", str(part.database), str(staging), *part.patterns]
