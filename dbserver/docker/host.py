"""The Docker host's directories.

Data directories belong to root or to the servers' users, and the daemon may
be on another host. Where this process is root beside its daemon it works on
them directly; else a short-lived container of the server's own image does,
with nothing but the one directory mounted.
"""

import io
import os
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dbserver import cleaning, contract, endpoint, execute

HELPER_SECONDS = 120

# Prints which data a directory holds, and what a file remembers of it; works in a server's container as well. With one
# program for all: every status waits for it.
IDENTITY_OF = r"""
if [ -f "$1/global/pg_control" ]; then echo identity $(od -An -tu8 -N8 "$1/global/pg_control")
elif [ -f "$1/MARK" ]; then line=; IFS= read -r line <"$1/MARK"; echo "identity $line"; fi
if [ -f "$2" ]; then line=; IFS= read -r line <"$2"; echo "remembered $line"; fi
owner=${2%/*}/OWNER
if [ -f "$owner" ]; then line=; IFS= read -r line <"$owner"; printf 'owner %s\n' "$line"; fi
""".replace("MARK", contract.IDENTITY_FILE).replace("OWNER", contract.OWNER_FILE)
# Works in the helper: a directory's owner, version files, free bytes, and who
# works in it. The image's own program says what its Redis cannot read, and the
# head of such a file which version wrote it. Device and inode of a process's directory are compared, because
# its path is another one inside each container. The second `-` answers keep
# the columns where a file is missing.
INSPECT = (
    """
user=$1; dir=$2; shift
"""
    + IDENTITY_OF
    + r"""
echo "exists $([ -d "$dir" ] && echo 1 || echo 0)"
echo "uid $(id -u "$user")"
probe=$dir; while [ ! -d "$probe" ]; do probe=$(dirname "$probe"); done
echo "free $(( $(stat -fc '%a * %S' "$probe") ))"
for each in "$dir".[0-9]*-*; do [ -d "$each" ] && echo "beside $(basename "$each")"; done
[ -d "$dir" ] || exit 0
for file in PG_VERSION dump.rdb appendonlydir appendonly.aof .line; do
    [ -e "$dir/$file" ] && echo "file $file $(stat -c %u "$dir/$file")"
done
[ -f "$dir/PG_VERSION" ] && echo "version $(cat "$dir/PG_VERSION")"
for file in "$dir/dump.rdb" "$dir/appendonly.aof" "$dir"/appendonlydir/*.base.rdb; do
    [ -f "$file" ] && command -v redis-check-rdb >/dev/null || continue
    head -c 512 "$file" | redis-check-rdb /dev/stdin 2>&1 | grep -q "handle RDB format version" || continue
    written=$(head -c 64 "$file" | LC_ALL=C tr -dc '[:print:]')
    echo "newer $(echo "$written" | sed -n 's/^REDIS[0-9]*redis-ver\([0-9.]*\).*/\1/p' | grep . || echo unknown)"
done
[ -n "$(ls -A "$dir")" ] && echo "filled 1"
here=$(stat -Lc '%d:%i' "$dir")
for process in /proc/[0-9]*; do
    [ "$(stat -Lc '%d:%i' "$process/cwd" 2>/dev/null)" = "$here" ] || continue
    container=$(grep -oE '[0-9a-f]{64}' "$process/cgroup" 2>/dev/null | head -n 1)
    echo "occupant ${process#/proc/} ${container:--} $(tr '\0' ' ' < "$process/cmdline" | cut -c1-80)"
done
exit 0
"""
)


WRITE = """
umask 022; chmod 0700 /target; mkdir -p "/target/$1/.new" && cd "/target/$1/.new" && tar -xpf - || exit 1
for file in *; do if [ -e "$file" ]; then mv -f -- "$file" .. || exit 1; fi; done; cd .. && rmdir .new
"""
# Prints the names of the files that a directory does not hold, or holds empty; works in a server's container as well.
MISSING = 'dir=$1; shift; for file in "$@"; do [ -s "$dir/$file" ] || echo "$file"; done'


@dataclass(frozen=True)
class Occupant:
    """A process whose working directory is a data directory."""

    pid: int
    container_id: str
    command: str


@dataclass(frozen=True)
class Identity:
    """Which data a directory holds, which is remembered beside it, and whose it is; empty where nothing tells."""

    found: str = ""
    remembered: str = ""
    owner: str = ""


@dataclass(frozen=True)
class Directory:
    """What a data directory holds. `server_uid` is the uid under which the image runs its server.

    `beside` are the names of directories that upgrades have kept. `newer` is the version of Redis that has written what
    the image's cannot read, if any.
    """

    path: str
    exists: bool = False
    filled: bool = False
    free_bytes: int = 0
    server_uid: int = -1
    version: str = ""
    owners: tuple[tuple[str, int], ...] = ()
    occupants: tuple[Occupant, ...] = ()
    beside: tuple[str, ...] = ()
    newer: str = ""
    identity: Identity = Identity()

    def holds(self, name: str) -> bool:
        """True where a file or directory of this name is in it."""
        return any(file == name for file, _ in self.owners)


def inspect_directory(path: str, image: str, user: str, remembered: str = "") -> Directory:
    """Return what a data directory holds; the image's helper runs only where there is something to look at.

    `remembered` is the file that tells which data belongs there.
    """
    quick = _empty_directory(Path(path), Path(remembered)) if direct() else None
    if quick:
        return quick
    # The whole host is mounted, read-only: mounting the directory itself would create it where it is missing.
    options = ["--pid", "host", "--cap-add", "SYS_PTRACE", "--mount", "type=bind,source=/,target=/host,readonly"]
    argv = [*helper_argv(image, options), "-c", INSPECT, "sh", user, f"/host{path}", f"/host{remembered}"]
    return parse_directory(path, execute.run(argv, timeout=HELPER_SECONDS).stdout)


def held_files(path: str, names: Sequence[str], image: str, user: str) -> set[str]:
    """Return which of these a data directory holds. A server waits for the answer: no helper runs where none must."""
    if direct():
        return {name for name in names if (Path(path) / name).exists()}
    found = inspect_directory(path, image, user)
    return {name for name in names if found.holds(name)}


def held_here(path: str, name: str) -> bool:
    """Return True where a directory is known to hold this: where only a helper could tell, one that is asked anyway."""
    return direct() and (Path(path) / name).exists()


def parse_directory(path: str, printed: str) -> Directory:
    """Return the Directory that INSPECT printed."""
    rows = [line.split(" ", 3) for line in cleaning.lines(printed)]
    values = {row[0]: row[1] for row in rows if len(row) == 2}  # noqa: PLR2004  a name and a value
    return Directory(
        path=path,
        exists=values.get("exists") == "1",
        filled="filled" in values,
        free_bytes=int(values.get("free", 0)),
        server_uid=int(values.get("uid", -1)),
        version=values.get("version", ""),
        owners=tuple((row[1], int(row[2])) for row in rows if row[0] == "file"),
        occupants=tuple(
            Occupant(int(row[1]), row[2].strip("-"), row[3].strip() if len(row) > 3 else "")  # noqa: PLR2004  the command is the fourth column
            for row in rows
            if row[0] == "occupant"
        ),
        beside=tuple(row[1] for row in rows if row[0] == "beside"),
        newer=values.get("newer", ""),
        identity=parse_identity(printed),
    )


def parse_identity(printed: str) -> Identity:
    """Return the Identity that IDENTITY_OF printed."""
    values = dict(line.partition(" ")[::2] for line in cleaning.lines(printed))
    return Identity(values.get("identity", ""), values.get("remembered", ""), values.get("owner", ""))


def read_file(path: str, image: str) -> str:
    """Return the text of a host's file, empty where there is none; what is no text is replaced."""
    file = Path(path)
    if direct():
        return file.read_text(errors="replace") if file.is_file() else ""
    read = 'cat "$1" 2>/dev/null || true'
    argv = [*helper_argv(image, ["--mount", "type=bind,source=/,target=/host,readonly"]), "-c", read, "sh"]
    return execute.run([*argv, f"/host{path}"], timeout=HELPER_SECONDS).stdout


def missing_files(directory: str, names: Sequence[str], image: str) -> list[str]:
    """Return which of these files a host directory does not hold, or holds empty."""
    path = Path(directory)
    if direct():
        return [name for name in names if not (path / name).is_file() or not (path / name).stat().st_size]
    argv = [*helper_argv(image, ["--mount", "type=bind,source=/,target=/host,readonly"]), "-c", MISSING, "sh"]
    return execute.run([*argv, f"/host{directory}", *names], timeout=HELPER_SECONDS).stdout.split()


def write_files(directory: str, files: Mapping[str, str], image: str, *, private: Sequence[str] = ()) -> None:
    """Write text files into a host directory, each replaced in one rename.

    Those in `private` get mode 0600, the others 0644: the server runs as another user. The directory above is closed to
    everybody but root.
    """
    path = Path(directory)
    if direct():
        path.mkdir(parents=True, exist_ok=True)
        path.parent.chmod(0o700)
        for name, text in files.items():
            replace_file(path / name, text, _mode(name, private))
        return
    options = ["--volume", f"{path.parent}:/target"]
    argv = [*helper_argv(image, options), "-c", WRITE, "sh", path.name]
    execute.run(argv, stdin=_archive(files, private), timeout=HELPER_SECONDS)


def _mode(name: str, private: Sequence[str]) -> int:
    return 0o600 if name in private else 0o644


def helper_argv(image: str, options: Sequence[str]) -> list[str]:
    """Return the start of a helper's command: a shell as root in the image, on no network, removed afterwards."""
    base = ["docker", "run", "--rm", "--interactive", "--network", "none", "--user", "0", "--entrypoint", "sh"]
    return [*base, *options, image]


def direct() -> bool:
    """Return whether this process works on the host's directories itself: root beside its daemon."""
    return os.geteuid() == 0 and endpoint.local()


def _empty_directory(path: Path, remembered: Path) -> Directory | None:
    if path.is_dir() and any(path.iterdir()):
        return None
    probe = next(parent for parent in (path, *path.parents) if parent.is_dir())
    room = os.statvfs(probe)
    kept = tuple(sorted(each.name for each in path.parent.glob(f"{path.name}.[0-9]*-*")))
    identity = Identity(remembered=remembered.read_text().strip() if remembered.is_file() else "")
    free = room.f_bavail * room.f_frsize
    return Directory(str(path), exists=path.is_dir(), free_bytes=free, beside=kept, identity=identity)


def replace_file(path: Path, text: str, mode: int) -> None:
    """Write a file of this machine, in place by one rename."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.touch(mode)
    temporary.chmod(mode)
    with temporary.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _archive(files: Mapping[str, str], private: Sequence[str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text.encode()), _mode(name, private)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


def make_directory(path: str, image: str) -> None:
    """Make a directory of the host where it is missing; the server's image sets its owner at the first start."""
    if direct():
        Path(path).mkdir(parents=True, exist_ok=True)
        return
    execute.run([*helper_argv(image, ["--volume", f"{path}:/target"]), "-c", "true"], timeout=HELPER_SECONDS)


def make_closed_directory(path: str, image: str) -> None:
    """Make a directory that every user of a container may write to, in one that is closed to everybody but root."""
    closed = Path(path).parent
    if direct():
        Path(path).mkdir(parents=True, exist_ok=True)
        closed.chmod(0o700)
        Path(path).chmod(0o1777)
        return
    make = 'chmod 0700 /target && mkdir -p "/target/$1" && chmod 1777 "/target/$1"'
    argv = [*helper_argv(image, ["--volume", f"{closed}:/target"]), "-c", make, "sh", Path(path).name]
    execute.run(argv, timeout=HELPER_SECONDS)


def make_owned_directory(path: str, image: str, user: str) -> None:
    """Make a directory of the host where it is missing; a user of the image alone has it."""
    own = 'chown "$1" /target && chmod 0700 /target'
    argv = [*helper_argv(image, ["--volume", f"{path}:/target"]), "-c", own, "sh", user]
    execute.run(argv, timeout=HELPER_SECONDS)


def make_private_directory(path: str, image: str) -> None:
    """Make a directory of the host where it is missing, its user's alone where the daemon is on this machine."""
    if Path(path).is_dir():
        return
    if endpoint.local():
        Path(path).mkdir(mode=0o700, parents=True)
        return
    make_directory(path, image)
