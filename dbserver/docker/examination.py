"""A data directory and the machine around it, seen from inside a container that has it."""

from collections.abc import Sequence

from dbserver import cleaning, contract, execute
from dbserver.diagnosis.facts import Place
from dbserver.docker import host
from dbserver.docker.host import IDENTITY_OF

EXAMINE_SECONDS = 30

# Columns stay where a file is missing. Of the mounts the longest that holds the directory counts, and of those on the
# same path the last one.
EXAMINE = (
    r"""
user=$1; dir=$2; mounts=$3; path=$4; remembered=$5
set -- "$dir" "$remembered"
"""
    + IDENTITY_OF
    + r"""
echo "uid $(id -u "$user" 2>/dev/null || echo -1)"
probe=$dir; while [ ! -d "$probe" ]; do probe=$(dirname "$probe"); done
echo "room $(stat -fc '%a %b %S %d %c' "$probe")"
awk -v dir="$path" '
    { at = $2; sub("/$", "", at)
      if (index(dir "/", at "/") == 1 && length(at) >= best) { best = length(at); found = $2 " " $4 } }
    END { print "mount " found }' "$mounts"
for file in . PG_VERSION dump.rdb appendonlydir appendonly.aof; do
    [ -d "$dir" ] && [ -e "$dir/$file" ] && echo "file $file $(stat -c %u "$dir/$file")"
done
[ -f "$dir/PG_VERSION" ] && echo "version $(cat "$dir/PG_VERSION")"
[ -n "$(ls -A "$dir" 2>/dev/null)" ] && echo "filled 1"
echo "overcommit $(cat /proc/sys/vm/overcommit_memory)"
echo "pages $(sed 's/.*\[\(.*\)\].*/\1/' /sys/kernel/mm/transparent_hugepage/enabled 2>/dev/null)"
sed -n 's/^\(MemTotal\|MemAvailable\|SwapTotal\): *\([0-9]*\) kB/\1 \2/p' /proc/meminfo
for file in /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control; do
    [ -f "$file" ] && sed -n 's/^oom_kill \([0-9]*\)$/killed \1/p' "$file"
done
exit 0
"""
)


def inside(container: str, server: str) -> Place:
    """Return what a running container sees of its data directory and of the machine."""
    data, remembered = contract.INNER_DATA[server], f"{contract.INNER_CONFIG[server]}/{contract.IDENTITY_FILE}"
    argv = ["docker", "exec", "-u", "0", container, "sh", "-c", EXAMINE, "sh"]
    argv += [server, data, "/proc/self/mounts", data, remembered]
    return parse(execute.run(argv, timeout=EXAMINE_SECONDS).stdout)


def through_helper(image: str, server: str, path: str, remembered: str) -> Place:
    """Return the same for a container that does not run, through a short-lived one of its image."""
    options = ["--pid", "host", "--cap-add", "SYS_PTRACE", "--mount", "type=bind,source=/,target=/host,readonly"]
    arguments = ["-c", EXAMINE, "sh", server, f"/host{path}", "/proc/1/mounts", path, f"/host{remembered}"]
    return parse(execute.run([*host.helper_argv(image, options), *arguments], timeout=EXAMINE_SECONDS).stdout)


def parse(printed: str) -> Place:
    """Return the Place that EXAMINE printed."""
    rows = [line.split() for line in cleaning.lines(printed) if line.strip()]
    values = {row[0]: row[1:] for row in rows}
    free, total, block, free_inodes, inodes = _numbers(values.get("room", ()), 5)
    mount, options = (*values.get("mount", ()), "", "")[:2]
    owners = tuple((row[1], int(row[2])) for row in rows if row[0] == "file")
    return Place(
        exists=bool(owners),
        filled="filled" in values,
        server_uid=int(*values.get("uid", ["-1"])),
        owners=owners,
        version="".join(values.get("version", ())),
        free=free * block,
        total=total * block,
        free_inodes=free_inodes,
        total_inodes=inodes,
        mount=mount,
        read_only="ro" in options.split(","),
        overcommit=_numbers(values.get("overcommit", ()), 1)[0],
        huge_pages="".join(values.get("pages", ())),
        memory=_kilobytes(values, "MemTotal"),
        memory_available=_kilobytes(values, "MemAvailable"),
        swap=_kilobytes(values, "SwapTotal"),
        killed=_numbers(values.get("killed", ()), 1)[0],
        identity=host.parse_identity(printed),
    )


def _kilobytes(values: dict[str, list[str]], name: str) -> int:
    return _numbers(values.get(name, ()), 1)[0] * 1024


def _numbers(words: Sequence[str], count: int) -> list[int]:
    found = [int(word) for word in words if word.isdigit()]
    return (found + [0] * count)[:count]
