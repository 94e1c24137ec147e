"""The data directory of a new cluster, made before its container is."""

from dbserver import contract, execute
from dbserver.docker import host
from dbserver.plan import INITDB, ContainerPlan

VARIABLE = "POSTGRES_INITDB_ARGS"
# The first major version with collations of its own; before it, those of the image's C library are all there are.
BUILTIN = 17

# A cluster is made in a directory of this name inside its own, which carries the second name once it is whole: what is
# in it moves up then, PG_VERSION last. What a killed run has left is told by these names, and nothing else is removed.
UNFINISHED, WHOLE = ".db-server-unfinished", ".db-server-initialised"
# Where the helper has the data directory; the unfinished one is where a server expects its data.
TARGET = "/target"

# As root in the image; the arguments are those of initdb, then `--`, then the server's command. Scripts of the image's
# own are part of its first start, which has to run whole then: until the server listens on TCP, as it does last.
# A helper outlives a client that is killed: the next one waits for it. Docker makes the unfinished directory each time.
INITIALISE = (
    r"""
cd TARGET && exec 9<. && flock 9 || exit 1
if [ -s PG_VERSION ]; then rmdir UNFINISHED WHOLE 2>/dev/null; exit 0; fi
if [ ! -d WHOLE ]; then
    if ls -A | grep -qvxF UNFINISHED; then
        rmdir UNFINISHED
        echo "the data directory is not empty, and holds no PG_VERSION: no cluster is made there" >&2; exit 1
    fi
    find "$PGDATA" -mindepth 1 -delete || exit 1
    options=
    while [ "$1" != -- ]; do options="$options $1"; shift; done; shift
    chown postgres . "$PGDATA" && chmod 0700 . "$PGDATA" || exit 1
    if [ -n "$(ls -A /docker-entrypoint-initdb.d 2>/dev/null)" ]; then
        docker-entrypoint.sh "$@" & server=$!
        until pg_isready -q -h 127.0.0.1 -p 5432; do kill -0 "$server" || exit 1; sleep 0.1; done
        kill -INT "$server"; wait "$server" || exit 1
    else
        initdb="$(command -v initdb) --pgdata='$PGDATA' --username='$POSTGRES_USER' $options"
        su -s /bin/sh postgres -c "$initdb" || exit 1
        printf '\nhost all all all scram-sha-256\n' >> "$PGDATA/pg_hba.conf" || exit 1
    fi
    mv UNFINISHED WHOLE || exit 1
fi
cd WHOLE || exit 1
for name in * .[!.]*; do
    if [ "$name" != PG_VERSION ] && [ -e "$name" ]; then mv -- "$name" .. || exit 1; fi
done
mv PG_VERSION .. && cd .. && rmdir WHOLE && { rmdir UNFINISHED 2>/dev/null || true; }
""".replace("UNFINISHED", UNFINISHED)
    .replace("WHOLE", WHOLE)
    .replace("TARGET", TARGET)
)


def arguments(major: str) -> str:
    """Return what initdb is told for a major version: text sorts and compares the same on every base system.

    A collation of the C library's cannot be changed later, and another library under the same data orders its indexes
    wrongly. Texts are searched as English, as in the image's own clusters: without a language initdb would take none.
    """
    builtin = "--locale-provider=builtin --builtin-locale=C.UTF-8 " if major.isdigit() and int(major) >= BUILTIN else ""
    return f"{INITDB} {builtin}--locale=C --lc-ctype=C.UTF-8 --text-search-config=english"


def environment(plan: ContainerPlan, major: str) -> list[str]:
    """Return the environment in which an image makes a cluster.

    The stack's container keeps its own: nothing reads it once there is data, and a change of it replaces the container.
    """
    others = [each for each in plan.environment if not each.startswith(f"{VARIABLE}=")]
    return [*others, f"{VARIABLE}={arguments(major)}"]


def command(plan: ContainerPlan, major: str) -> list[str]:
    """Return the command that makes the cluster where there is none; Docker makes the directories."""
    inner, config = contract.INNER_DATA[contract.POSTGRES], contract.INNER_CONFIG[contract.POSTGRES]
    data = plan.mounts[inner]
    options = ["--volume", f"{data}:{TARGET}", "--volume", f"{data}/{UNFINISHED}:{inner}"]
    options += ["--volume", f"{plan.mounts[config]}:{config}:ro"]
    for variable in environment(plan, major):
        options += ["--env", variable]
    words = ["--auth-local=trust", *arguments(major).split(), "--", *plan.command]
    return [*host.helper_argv(plan.image, options), "-c", INITIALISE, "sh", *words]


def initialise(plan: ContainerPlan, major: str) -> None:
    """Make the cluster where there is none, and the directory. Raises CommandError with what initdb said.

    It is there whole or not at all: one that was interrupted is begun anew, or what was made is put in place.
    """
    if not host.held_here(plan.mounts[contract.INNER_DATA[contract.POSTGRES]], "PG_VERSION"):
        execute.run(command(plan, major), timeout=host.HELPER_SECONDS)
