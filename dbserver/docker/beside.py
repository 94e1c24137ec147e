"""Directories beside PostgreSQL's data directory: those that are filled, and those that are kept.

The name of a kept one says which major version is in it and since when it is
no longer in place: postgres.17-20261123t140507z. They are the servers' users'
own, so a helper works on them: what it began it ends, whoever is killed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from dbserver import cleaning, contract, execute
from dbserver.docker import host
from dbserver.errors import DbServerError

NEW, REHEARSAL = f"{contract.POSTGRES}.new", f"{contract.POSTGRES}.rehearsal"
SYNC_SECONDS = 3600

# Names follow what is in them: whoever ended between two renames has left one that says something else. Where nothing
# is in place, the one that was there last comes back.
SETTLE = """
cd /target || exit 1
major() { cat "$1/PG_VERSION" 2>/dev/null; }
kept() { for each in postgres.[0-9]*-*; do [ -d "$each" ] && echo "$each"; done | sort -t - -k 2; }
here=$(major postgres); new=$(major postgres.new)
[ -n "$here" ] && [ -n "$new" ] && [ "$new" -lt "$here" ] && { mv -T postgres.new "postgres.$new-$1" || exit 1; }
for each in $(kept); do
  found=$(major "$each"); name=postgres.$found-${each#*-}
  [ -z "$found" ] || [ "$name" = "$each" ] || mv -T "$each" "$name" || exit 1
done
if [ -z "$here" ]; then
  last=$(kept | tail -n 1)
  [ -z "$last" ] || { rmdir postgres 2>/dev/null; [ ! -e postgres ] && mv -T "$last" postgres && echo "back $last"; } \
    || exit 1
fi
sync
echo "data $(major postgres)"
for each in $(kept); do echo "kept $each"; done
"""
# The incoming one has the name of the kept one before both change places: the one before is never, for a moment, where
# others clean up. Where `mv` or the file system cannot exchange two names, there is a moment with nothing in place: a
# start then refuses to make a new server, and SETTLE mends it.
EXCHANGE = """
trap '' HUP INT TERM
cd /target && [ -s "$1/PG_VERSION" ] && [ ! -e "$2" ] && sync || exit 1
if [ ! -e postgres ] || rmdir postgres 2>/dev/null; then mv -T "$1" postgres || exit 1
else
  mv -T "$1" "$2" || exit 1
  if ! mv --exchange -T "$2" postgres 2>/dev/null; then
    mv -T "$2" "$1" && mv -T postgres "$2" || exit 1
    mv -T "$1" postgres || { mv -T "$2" postgres; exit 1; }
  fi
  echo "$2"
fi
sync
"""


@dataclass(frozen=True)
class Directories:
    """What is in place and beside. `version` is the major version in place; `back` is what was brought back."""

    version: str
    kept: tuple[str, ...] = ()
    back: str = ""

    def before(self) -> str:
        """Return the newest kept directory of an older major version than the one in place; empty without one."""
        older = [name for name in self.kept if int(major(name)) < int(self.version or 0)]
        return older[-1] if older else ""

    def same(self) -> str:
        """Return the newest kept directory of the major version in place; empty without one."""
        return next((name for name in reversed(self.kept) if major(name) == self.version), "")


def major(name: str) -> str:
    """Return the major version that a kept directory's name says."""
    return name.removeprefix(f"{contract.POSTGRES}.").partition("-")[0]


def kept(version: str, stamp: str) -> str:
    """Return the name of a directory that is in place no more."""
    return f"{contract.POSTGRES}.{version}-{stamp}"


def settle(root: str, image: str, stamp: str) -> Directories:
    """Give every directory the name of what is in it; where nothing is in place, bring back what was there last."""
    return parse(_run(root, image, SETTLE, stamp))


def parse(printed: str) -> Directories:
    """Return what SETTLE printed."""
    rows = [line.partition(" ") for line in cleaning.lines(printed)]
    values = {key: value for key, _, value in rows if key != "kept"}
    return Directories(
        values.get("data", ""), tuple(value for key, _, value in rows if key == "kept"), values.get("back", "")
    )


def exchange(root: str, image: str, incoming: str, aside: str) -> str:
    """Put a directory in the place of the data directory, which gets the name `aside`. Nobody may work in either.

    Return that name; empty where nothing was in place.
    """
    return _run(root, image, EXCHANGE, incoming, aside).strip()


def discard(root: str, image: str, names: Sequence[str]) -> None:
    """Remove directories that nobody needs; one that is not there is none."""
    _run(root, image, 'cd /target && rm -rf -- "$@"', *names)


def _run(root: str, image: str, script: str, *arguments: str) -> str:
    options = ["--mount", f"type=bind,source={root},target=/target"]
    argv = [*host.helper_argv(image, options), "-c", script, "sh", *arguments]
    done = execute.run(argv, timeout=SYNC_SECONDS, check=False, own_session=True)
    if not done.succeeded:
        raise DbServerError(f"the directories in {root} could not be renamed: {done.output}", f"ls -la {root}")
    return done.stdout
