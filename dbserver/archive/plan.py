"""What the archive's container shall be: the program declares it so, operations find it by that. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from cronsim import CronSim

from dbserver import contract
from dbserver.docker.containers import Container
from dbserver.docker.images import Image, Local
from dbserver.docker.privileges import PRIVILEGES
from dbserver.plan import RESTART, Pair, image, told, unlike

KEEPER = Path(__file__).with_name("keeper.sh")
DEFAULT_KEEP, DEFAULT_BASE_BACKUP = "7d", "daily 02:00"
SYNCHRONOUS = "synchronous"
# The server's setting: commits wait until who is named there has them.
WAITS = "synchronous_standby_names"
SLOT = "db_server_archive"
# Packing, proving and base backups wait for the server where both want the processor; `nice` does nothing between
# containers. One that commits wait for has what the server has: Docker's default.
SHARES, SYNCHRONOUS_SHARES = 64, 1024
# Where the keeper notes which line it streams into: an archive without it never held anything.
LINE_FILE = ".line"
# What the server may keep for an archive that is away; after that the archive begins anew, the server's disk is safe.
MOST_KEPT = "10GB"
SUMMARIES = 17
# Who streams the log, and a base backup with the log beside it; each of the two by a slot of its own.
LEAST = {"max_wal_senders": 3, "max_replication_slots": 2}
RUNS_COMPARED = 62


@dataclass(frozen=True)
class ArchivePlan:
    """The archive's container. `keep` is in seconds, `schedule` cron's five fields, `directory` one of the host."""

    name: str
    directory: str
    data_root: str
    admin: str
    keep: int
    schedule: str
    synchronous: bool

    @property
    def mounts(self) -> dict[str, str]:
        """Path in the container -> directory of the host. It comes to the server by its socket, on no network."""
        return {
            contract.INNER_ARCHIVE: self.directory,
            contract.INNER_SOCKET: contract.socket_directory(self.data_root),
        }

    @property
    def command(self) -> Sequence[str]:
        """The keeper with its arguments."""
        longest, *lists = due(self.schedule)
        how = SYNCHRONOUS if self.synchronous else "asynchronous"
        own = [self.admin, str(self.keep), longest, how, *lists]
        return ["bash", "-c", KEEPER.read_text(), contract.ARCHIVE, *own]

    @property
    def shares(self) -> int:
        """How much of a busy processor it gets, in Docker's CPU shares."""
        return SYNCHRONOUS_SHARES if self.synchronous else SHARES

    def labels(self, stack: str, image: Image) -> dict[str, str]:
        """Return the labels by which operations know the container."""
        return {
            contract.LABEL_SERVER: contract.ARCHIVE,
            contract.LABEL_STACK: stack,
            contract.LABEL_IMAGE: image.identity,
        }


def differences(plan: ArchivePlan, stack: str, name: str, held: Local, found: Container) -> list[str]:
    """Return what of the archive's container is not as planned, each with both values.

    `name` is the declared image, `held` what of it is on this machine.
    """
    entrypoint, _, script, _, *arguments = plan.command
    actual = found.command[1:2] == (script,)
    pairs: list[Pair] = [
        *image(name, found, held.identity),
        ("entrypoint", [entrypoint], list(found.entrypoint)),
        ("program", KEEPER.name, KEEPER.name if actual else "another, or another version of it"),
        ("arguments", arguments, list(found.command[3:])),
        ("volumes", plan.mounts, found.binds),
        ("user", contract.POSTGRES, found.user),
        ("networks", ["none"], sorted(found.networks)),
        ("memory limit", 0, found.memory),
        ("processor shares", plan.shares, found.shares),
        ("restart policy", RESTART, found.restart_policy),
        ("privileges", PRIVILEGES[contract.ARCHIVE], found.privileges),
        ("label " + contract.LABEL_SERVER, contract.ARCHIVE, found.labels.get(contract.LABEL_SERVER)),
        ("label " + contract.LABEL_STACK, stack, found.labels.get(contract.LABEL_STACK)),
    ]
    added = set(found.environment) - held.variables
    if held.identity == found.image_id:
        # Names only: what somebody has added may be a password.
        pairs.append(("environment", "none of its own", ", ".join(sorted(added)) or "none of its own"))
    return [told(*each) for each in unlike(pairs)]


def due(schedule: str) -> list[str]:
    """Return the longest time between two runs in seconds, then the minutes, hours, days, months and weekdays."""
    known = CronSim(schedule, datetime(2000, 1, 1))  # noqa: DTZ001  UTC, which has no other days
    fields = [known.minutes, known.hours, known.days, known.months, {int(str(day)) % 7 for day in known.weekdays}]
    lists = [f" {' '.join(str(number) for number in sorted(int(str(each)) for each in field))} " for field in fields]
    runs = [next(known) for _ in range(RUNS_COMPARED)]
    longest = max(after - before for before, after in pairwise(runs))
    return [str(int(longest.total_seconds())), *lists]


def settings(major: str, *, synchronous: bool) -> dict[str, str]:
    """Return the server's settings that an archive needs."""
    kept = {"max_slot_wal_keep_size": MOST_KEPT}
    if major.isdigit() and int(major) >= SUMMARIES:
        kept["summarize_wal"] = "on"  # base backups are incremental then
    if synchronous:
        kept[WAITS] = SLOT
    return kept


def faults(declared: Mapping[str, str]) -> Iterator[str]:
    """Yield which of the server's declared settings would leave the archive without the log."""
    known = {name.lower(): value.strip().lower() for name, value in declared.items()}
    if known.get("wal_level") == "minimal":
        yield "wal_level: the archive takes replica or logical"
    for name, least in LEAST.items():
        if known.get(name, "").isdigit() and int(known[name]) < least:
            yield f"{name}: the archive takes {least}"
