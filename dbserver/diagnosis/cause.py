"""What a cause is, and how causes become findings. Pure."""

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dbserver import contract
from dbserver.cleaning import clean, one_line
from dbserver.diagnosis.facts import Facts, Server
from dbserver.docker import images
from dbserver.results.diagnosis import Finding

FAULT, WARNING = "fault", "warning"
HOST = "host"

# The titles of the integration document's troubleshooting part: what people see of a cause.
NOT_RUNNING = "Shared infrastructure is not running"
CANNOT_CONNECT = "Cannot connect to database"
LOCKED = '"Database locked" or "Too many connections"'
REDIS_FAILED = "Redis connection failed"
ISSUES = (NOT_RUNNING, CANNOT_CONNECT, LOCKED, REDIS_FAILED)
# The last two of CANNOT_CONNECT and REDIS_FAILED, whichever server it is.
BY_SERVER = "by server"
ISSUE_OF = {contract.POSTGRES: CANNOT_CONNECT, contract.REDIS: REDIS_FAILED, HOST: NOT_RUNNING}

START = "./scripts/start.sh --stack {stack}"
SET = "pulumi config set --stack {stack} --path"
PSQL = "docker exec {container} psql -U {admin} -d postgres -c"
REDIS_CLI = (
    "docker exec {container} sh -c 'REDISCLI_AUTH=$(cat /usr/local/etc/redis/admin-password)"
    ' exec redis-cli --user {admin} "$@"\' sh'
)

# What the cause's own finder names: another build would lose collations or extensions under the data.
SET_IMAGE = f"{SET} 'db-server:postgres.image' {{image}} && {START}"

EVIDENCE_LINES = 5


@dataclass(frozen=True)
class Seen:
    """One sight of a cause. `values` fill the cause's command, beside those that every command knows.

    `instead` is another command, where what the cause's would need is not known.
    """

    what: str
    evidence: Sequence[str] = ()
    values: Mapping[str, object] = field(default_factory=dict)
    server: str = HOST
    instead: str = ""


Find = Callable[[Facts], Iterable[Seen]]
Check = Callable[[Facts, Server], Iterable[Seen]]


@dataclass(frozen=True)
class Cause:
    """One row of the table.

    `server` says whose it is: `host`, `postgres`, `redis` or `both`. `mend` is the command, with names in braces.
    `explains` are causes that this one makes superfluous on the same server; the host's, on both.
    """

    name: str
    issue: str
    server: str
    severity: str
    meaning: str
    mend: str
    find: Find
    explains: Sequence[str] = ()


def each(check: Check) -> Find:
    """Return a finder that looks at both servers."""
    return of(check, *contract.SERVERS)


def of(check: Check, *servers: str) -> Find:
    """Return a finder that looks at these servers."""

    def find(facts: Facts) -> Iterator[Seen]:
        for name in servers:
            if name in facts.servers:
                for seen in check(facts, facts.servers[name]):
                    yield replace(seen, server=name)

    return find


def judge(facts: Facts, causes: Sequence[Cause]) -> tuple[Finding, ...]:
    """Return what the causes find, without what another finding explains; faults first."""
    sights = [(cause, seen) for cause in causes for seen in cause.find(facts)]
    explained = {(name, seen.server) for cause, seen in sights for name in cause.explains}
    left = [
        finding(facts, cause, seen)
        for cause, seen in sights
        if not {(cause.name, seen.server), (cause.name, HOST)} & explained
    ]
    return tuple(sorted(left, key=lambda found: found.severity != FAULT))


def finding(facts: Facts, cause: Cause, seen: Seen) -> Finding:
    """Return one finding, its command filled in."""
    return Finding(
        cause=cause.name,
        issue=ISSUE_OF[seen.server] if cause.issue == BY_SERVER else cause.issue,
        server=seen.server,
        severity=cause.severity,
        what=clean(seen.what),
        command=_command(facts, cause, seen),
        evidence=tuple(clean(line) for line in seen.evidence[:EVIDENCE_LINES]),
    )


def image_of(facts: Facts, version: str) -> str:
    """Return the declared image of PostgreSQL with another version, for a command; a place for it where none is known.

    An image's name has no capitals: where nobody puts it in that place, the configuration is refused.
    """
    return shlex.quote(images.of_version(facts.declared.images[contract.POSTGRES], version) or f"IMAGE-OF-{version}")


def in_double_quotes(text: str) -> str:
    """Return a text as it stands between double quotes in a shell."""
    return re.sub(r'([\\"$`])', r"\\\1", text)


def _command(facts: Facts, cause: Cause, seen: Seen) -> str:
    declared = facts.declared
    known = {"stack": declared.stack, "network": declared.network, "admin": declared.admin, "server": seen.server}
    if seen.server in declared.containers:
        known["container"] = declared.containers[seen.server]
        known["data"] = contract.data_directory(declared.data_directory, seen.server)
    quoted = {name: shlex.quote(value) for name, value in known.items()}
    filled = (seen.instead or cause.mend).format(**{**quoted, **seen.values})
    return one_line(filled)
