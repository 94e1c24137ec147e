"""A throwaway server that recovers from the archive to a moment: on no network, it ends with whoever needs it. Pure.

It reads the archive and the stack's settings, and writes into a directory of its own. Source of how: the PostgreSQL
manual, "Recovering Using a Continuous Archive Backup" and "Recovery Target".
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dbserver import contract
from dbserver.docker.privileges import AS_THE_SERVERS_USER
from dbserver.plan import ContainerPlan

LABEL = "com.database.moment"
DIRECTORY = f"{contract.POSTGRES}.moment"
SHARED_MEMORY = "1g"
ENDED = "recovery ended before configured recovery target was reached"
REACHED = re.compile(r"last completed transaction was at log time (\S+ \S+)")
RESTORED = re.compile(r'restored log file "([0-9A-F]{24})"')

# The arguments: what pg_combinebackup is told, and the base backups; `--` ends them, and the server's own begin. What
# an older backup needs comes first from the archive: the segment that is being written is there under another name, and
# is whole as far as it goes. Where the stack's settings are lost with the data directory, those of its making are as
# good to recover with.
START = f"""
set -eu
bases=() options=()
while [ "$1" != -- ]; do
  case $1 in -*) options+=("$1") ;; *) bases+=("{contract.INNER_ARCHIVE}/$1") ;; esac
  shift
done
shift
if [ ${{#bases[@]}} -eq 1 ]; then cp -a --reflink=auto "${{bases[0]}}/." "$PGDATA/"
else pg_combinebackup "${{options[@]}}" -o "$PGDATA" "${{bases[@]}}"; fi
touch "$PGDATA/recovery.signal"
[ -e {contract.config_path(contract.POSTGRES)} ] || set -- "$@" -c config_file="$PGDATA/postgresql.conf"
exec "$@"
"""
# For one that is gone in a moment: nothing in it has to survive the machine.
UNSYNCED = "--no-sync"
HURRIED = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off"}
FETCH = (
    "w={archive}/{line}/wal/%f; if [ -e $w ]; then cp $w %p; elif [ -e $w.gz ]; then gunzip -c $w.gz > %p;"
    " elif [ -e $w.partial ]; then cp $w.partial %p; else exit 1; fi"
)


@dataclass(frozen=True)
class Target:
    """Where recovery ends: `settings` are PostgreSQL's own of its target; none is the end of the log.

    What is `hurried` is gone in a moment.
    """

    settings: Mapping[str, str]
    hurried: bool = False


def name(container: str) -> str:
    """Return the throwaway's name: one per server, whose lock is held."""
    return f"{container}-moment"


def run(
    plan: ContainerPlan, image: str, stack: str, archive: str, line: str, bases: Sequence[str], target: Target
) -> list[str]:
    """Return the command that starts the throwaway on base backups of a line, the oldest first.

    `archive` is the host's directory.
    """
    inner = contract.INNER_DATA[contract.POSTGRES]
    mounts = {
        inner: f"{plan.data_root}/{DIRECTORY}",
        contract.INNER_ARCHIVE: archive,
        contract.INNER_CONFIG[contract.POSTGRES]: plan.mounts[contract.INNER_CONFIG[contract.POSTGRES]],
        contract.INNER_BACKUPS: plan.backups,
    }
    writable = (inner, contract.INNER_BACKUPS)
    options = ["--detach", "--name", name(plan.name), "--network", "none", "--label", f"{LABEL}={stack}"]
    options += ["--shm-size", SHARED_MEMORY, *(["--memory", str(plan.memory)] if plan.memory else [])]
    options += AS_THE_SERVERS_USER.besides(contract.INNER_SOCKET).options()
    options += ["--user", contract.POSTGRES, "--env", f"PGDATA={inner}", "--entrypoint", "bash"]
    for path, source in mounts.items():
        options += ["--mount", f"type=bind,source={source},target={path}" + ",readonly" * (path not in writable)]
    paths = [UNSYNCED] * target.hurried + [f"{line}/base/{base}" for base in bases]
    return ["docker", "run", *options, image, "-c", START, "bash", *paths, "--", *plan.command, *_own(line, target)]


def _own(line: str, target: Target) -> list[str]:
    """Return the settings of the throwaway: nobody waits for it, and it does nothing by itself."""
    settings = {
        "restore_command": FETCH.format(archive=contract.INNER_ARCHIVE, line=line),
        "recovery_target_action": "promote",
        "hot_standby": "off",
        "archive_mode": "off",
        "log_timezone": "UTC",
        "synchronous_standby_names": "",
        "max_logical_replication_workers": "0",
        "log_checkpoints": "off",
        **(HURRIED if target.hurried else {}),
        **target.settings,
    }
    return [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]


def reached(log: str) -> str:
    """Return when the last transaction that is there was committed, as the server's log says; empty without one."""
    found = REACHED.findall(log)
    return str(found[-1]) if found else ""


def last_segment(log: str) -> str:
    """Return the segment of the log that was read last."""
    found = RESTORED.findall(log)
    return str(found[-1]) if found else ""
