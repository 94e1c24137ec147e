"""The append-only file: how a copy of it is taken and cut at a second by Redis' own programs, and what it says. Pure.

It is a base, which is a whole content, and increments, the commands since; a
manifest names them. A line in an increment says in which second the commands
that follow were given.

Sources: the Redis documentation on persistence; aof.c and redis-check-aof.c of Redis 7.0 to 8.0.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from dbserver import cleaning, contract
from dbserver.errors import DbServerError
from dbserver.redis import dump, source
from dbserver.redis.settings import APPEND_ONLY_DIRECTORY, APPEND_ONLY_MANIFEST

LIVE = "/live"
DATA = contract.INNER_DATA[contract.REDIS]
HEAD_BYTES = 512
# How much of an increment is searched for its first time; Redis writes one with the first command of every second.
PROBE_BYTES = 256 * 1024 * 1024
FULL, CHANGED = 8, 9
SNAPSHOT_ENDING = ".base.rdb"
LINE = re.compile(r"file (\S+) seq \d+ type ([bi])( .*)?")
STAMP = re.compile(r"^#TS:(\d+)\r?$", re.MULTILINE)

# It waits until the copy is cut, and reads it then.
START = f"""{source.ACCESS}
exec timeout {source.LIFE_SECONDS} sh -c 'until [ -e ready ]; do sleep 0.1; done; exec docker-entrypoint.sh "$@"' sh \
  redis-server --bind 127.0.0.1 --port {contract.INNER_PORT[contract.REDIS]} --dir . --save '' --aclfile source.acl \
  --appendonly yes --appenddirname {APPEND_ONLY_DIRECTORY} --auto-aof-rewrite-percentage 0 --aof-load-truncated no \
  --repl-diskless-sync-delay 0
"""

# The base is a snapshot, whose head says when it was begun.
LOOK = f"""
cd {LIVE}/{APPEND_ONLY_DIRECTORY} && cat {APPEND_ONLY_MANIFEST} || exit 1
printf '\\0'
base=$(sed -n 's/^file \\([^ ]*\\) seq [0-9]* type b.*/\\1/p' {APPEND_ONLY_MANIFEST})
[ -e "$base" ] || exit {CHANGED}
head -c {HEAD_BYTES} "$base" | redis-check-rdb /dev/stdin 2>&1
exit 0
"""

# A rewrite removes files at any time. One that is open stays, and Redis only appends to it: so all are opened, then the
# manifest has to be the one that named them, and then they are copied, for as long as that takes. Nothing of the
# running server is touched, nothing is left in its directory. There has to be room for twice the files: a full disk may
# be the running server's as well.
COPY = f"""
umask 077
cat >seen && rm -rf {APPEND_ONLY_DIRECTORY} && mkdir {APPEND_ONLY_DIRECTORY} || exit 1
size=0
for file; do size=$((size + $(stat -c %s "{LIVE}/{APPEND_ONLY_DIRECTORY}/$file" || echo 0))); done
[ $(($(stat -fc '%a * %S' .))) -gt $((2 * size)) ] || {{ echo "for two copies of $size bytes" >&2; exit {FULL}; }}
same() {{ [ "$(cat seen)" = "$(cat {LIVE}/{APPEND_ONLY_DIRECTORY}/{APPEND_ONLY_MANIFEST})" ]; }}
hold() {{
  if [ "$#" -eq 0 ]; then same; return; fi
  {{ (shift; hold "$@") && cat >"{APPEND_ONLY_DIRECTORY}/$1"; }} <"{LIVE}/{APPEND_ONLY_DIRECTORY}/$1"
}}
hold "$@" && exit 0
same && exit 1
exit {CHANGED}
"""

# Cut at the earliest time there is, the file ends where the first one stood.
FIRST = f"""
cd {APPEND_ONLY_DIRECTORY} && head -c {PROBE_BYTES} "$1" >probe || exit 1
redis-check-aof --truncate-to-timestamp 1 probe
tail -c +$(($(stat -c %s probe) + 1)) "$1" | head -c 32
rm probe
"""

FINISH = f"cat >{APPEND_ONLY_DIRECTORY}/{APPEND_ONLY_MANIFEST} && touch ready"


class Cut(Enum):
    """What cutting an increment at a second found: all of it is before, it was cut, all is after."""

    BEFORE = "before"
    CUT = "cut"
    AFTER = "after"


# What redis-check-aof prints, in the order in which it is looked for.
SAID = (
    ("Successfully truncated AOF", Cut.CUT),
    ("has nothing before timestamp", Cut.AFTER),
    ("Truncate nothing in AOF", Cut.BEFORE),
    (" is empty", Cut.BEFORE),
)


@dataclass(frozen=True)
class Files:
    """What the manifest names. `begun` is the second in which the base's content was taken, None where it is not told.

    `manifest` is its text.
    """

    manifest: str
    base: str
    increments: tuple[str, ...]
    begun: int | None

    def kept(self, increments: Sequence[str]) -> str:
        """Return the manifest with these increments alone."""
        wanted = {self.base, *increments}
        lines = (
            line for line in cleaning.lines(self.manifest) if (found := LINE.fullmatch(line)) and found[1] in wanted
        )
        return "".join(f"{line}\n" for line in lines)


def create(container: str, admin: str, image: str, config: str, data: str, memory: int) -> list[str]:
    """Return the command that makes the throwaway, on no network; it sees the running server's data, `data`, to read.

    `config` and `data` are directories of the host.
    """
    alone = source.throwaway(container, config, memory, "none")
    return [*alone, "--volume", f"{data}:{LIVE}:ro", "--entrypoint", "sh", image, "-c", START, "sh", admin]


def within(container: str, script: str, *arguments: str) -> list[str]:
    """Return the command that runs a script of this module in the throwaway."""
    return ["docker", "exec", "-i", "--workdir", DATA, source.name(container), "sh", "-c", script, "sh", *arguments]


def cut(container: str, increment: str, last: int) -> list[str]:
    """Return the command that drops from an increment what was given after the second `last`."""
    argv = ["redis-check-aof", "--truncate-to-timestamp", str(last), f"{APPEND_ONLY_DIRECTORY}/{increment}"]
    return ["docker", "exec", "--workdir", DATA, source.name(container), *argv]


def files(printed: str) -> Files:
    """Return what LOOK printed. Raises DbServerError where there is no base."""
    manifest, _, head = printed.partition("\0")
    named = [found for line in cleaning.lines(manifest) if (found := LINE.fullmatch(line))]
    bases = [found[1] for found in named if found[2] == "b"]
    if not bases:
        raise DbServerError("there is no append-only file yet", "wait until it is written, then try again")
    # A base that is an older Redis' file has commands behind its snapshot, of which nobody knows the times.
    begun = dict(dump.AUXILIARY.findall(head)).get("ctime", "") if bases[-1].endswith(SNAPSHOT_ENDING) else ""
    increments = tuple(found[1] for found in named if found[2] == "i")
    return Files(manifest, bases[-1], increments, int(begun) if begun.isdecimal() else None)


def first(printed: str) -> int | None:
    """Return by what FIRST printed in which second the first command with a time was given.

    0 where no command is without one; None where none has one.
    """
    found = judged(printed)
    if found is Cut.AFTER or " is empty" in printed:
        return 0
    stamps = STAMP.findall(printed)
    return int(stamps[0]) if found is Cut.CUT and stamps else None


def judged(printed: str) -> Cut | None:
    """Return what cutting found; None where it is damaged, or says nothing that is known."""
    return next((meaning for said, meaning in SAID if said in printed), None)
