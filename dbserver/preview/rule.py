"""What a rule is, what it costs, and how steps become changes."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dbserver import contract
from dbserver.cleaning import clean, one_line
from dbserver.errors import UsageError
from dbserver.preview.steps import CREATE, OWN, REPLACE, Digest, Step
from dbserver.results.preview import Change, Preview

NOTHING, RELOAD, RESTART, RECREATE, RISK = "nothing", "reload", "restart", "recreate", "data at risk"
COSTS = (NOTHING, RELOAD, RESTART, RECREATE, RISK)
MEANING = {
    NOTHING: "the server does not notice",
    RELOAD: "the running server takes it; connections stay, but for those that the rule says",
    RESTART: "the same container shuts down gracefully and starts again; connections break once",
    RECREATE: "the container is stopped gracefully, removed and created on the same data; connections break once",
    RISK: "data, or what keeps it safe, would be left behind or given up: refused, unless allowed by name",
}

# How long a client gets no answer. A long recovery or much to write at the shutdown takes longer.
RESTART_SECONDS = {contract.POSTGRES: 1.2, contract.REDIS: 1.2}
RESTART_SOURCE = "docs/performance.md, Restarting"
RECREATE_SECONDS = {contract.POSTGRES: 1.5, contract.REDIS: 1.4}
RECREATE_SOURCE = "docs/performance.md, Recreating"

CONTAINER = "docker:index/container:Container"
# Its provider's type is that of every container: its name tells.
ARCHIVE = f"{CONTAINER} {contract.ARCHIVE}"
POSTGRES, REDIS, USERS = f"{OWN}PostgresServer", f"{OWN}RedisServer", f"{OWN}RedisUsers"
APPLICATION, NETWORK, PASSWORD = f"{OWN}Application", f"{OWN}Network", f"{OWN}Password"
CERTIFICATE = f"{OWN}Certificate"
SERVER_OF = {POSTGRES: contract.POSTGRES, REDIS: contract.REDIS, USERS: contract.REDIS}


@dataclass(frozen=True)
class Live:
    """What the running servers told; None where they were not asked, or did not tell.

    `contexts` is a setting's name -> its context in pg_settings; `connected` a server -> the application containers;
    `containers` is the name of each that exists -> its mounts, path in it -> directory of the host.
    """

    contexts: Mapping[str, str] | None = None
    connected: Mapping[str, tuple[str, ...]] | None = None
    containers: Mapping[str, Mapping[str, str]] | None = None
    not_seen: tuple[str, ...] = ()


@dataclass(frozen=True)
class Facts:
    """What every rule may look at."""

    digest: Digest
    live: Live = field(default_factory=Live)

    @property
    def production(self) -> bool:
        """True in every stack but the one for development."""
        return self.digest.stack != contract.DEFAULT_STACK

    def renewed(self, server: str) -> bool:
        """True where the server's container is made anew: it then starts with the new settings."""
        return any(s.type == CONTAINER and s.name == server and s.kind in (CREATE, REPLACE) for s in self.digest.steps)


@dataclass(frozen=True)
class Seen:
    """One sight of a rule in a step."""

    what: str
    details: Sequence[str] = ()


Find = Callable[[Step, Facts], Iterable[Seen]]


@dataclass(frozen=True)
class Rule:
    """One row of the table. `types` are the resources whose steps it judges; empty: those that no other rule knows.

    `cuts_off`: who is connected now loses the connection, though the server goes on.
    """

    name: str
    cost: str
    types: Sequence[str]
    meaning: str
    find: Find
    cuts_off: bool = False


def judge(facts: Facts, rules: Sequence[Rule], allowed: Mapping[str, str]) -> Preview:
    """Return every change with its cost, the dearest first.

    `allowed` is the name of a change -> the reason why it may happen. Raises UsageError for a name that no rule has.
    """
    refuse_unknown(allowed, rules)
    known = {name for rule in rules for name in rule.types}
    found = [
        _change(facts, rule, step, seen, allowed)
        for step in facts.digest.steps
        for rule in rules
        if (_type(step) in rule.types if rule.types else _type(step) not in known)
        for seen in rule.find(step, facts)
    ]
    found.sort(key=lambda change: (-COSTS.index(change.cost), change.name))
    cost = max((change.cost for change in found), key=COSTS.index, default=NOTHING)
    warnings = tuple(map(one_line, facts.digest.warnings))
    return Preview(facts.digest.stack, cost, tuple(found), facts.live.not_seen, warnings)


def _type(step: Step) -> str:
    return ARCHIVE if step.type == CONTAINER and step.name == contract.ARCHIVE else step.type


def refuse_unknown(allowed: Mapping[str, str], rules: Sequence[Rule]) -> None:
    """Raise UsageError for a name that allows nothing, and for a reason that is none."""
    risks = [rule.name for rule in rules if rule.cost == RISK]
    for name, reason in allowed.items():
        rule, _, resource = name.partition(":")
        if rule not in risks or not resource:
            raise UsageError(
                f"{name} is no name of data at risk", f"RULE:RESOURCE, the rule one of: {', '.join(risks)}"
            )
        if not reason.strip():
            raise UsageError(f"{name} is allowed without a reason", f"--allow {name}=REASON")


def resource(step: Step) -> str:
    """Return what a step's resource is called in the name of its change; an application is none of the servers."""
    own = f"application/{step.name}" if step.name in contract.SERVERS and step.type == APPLICATION else step.name
    return SERVER_OF.get(step.type, own)


def _change(facts: Facts, rule: Rule, step: Step, seen: Seen, allowed: Mapping[str, str]) -> Change:
    server = resource(step)
    name = f"{rule.name}:{server}"
    change = Change(
        name=name,
        rule=rule.name,
        resource=server,
        cost=rule.cost,
        what=clean(seen.what),
        details=tuple(clean(line) for line in seen.details),
        allowed=allowed.get(name, "") if rule.cost == RISK else "",
    )
    seconds = {RESTART: RESTART_SECONDS, RECREATE: RECREATE_SECONDS}.get(rule.cost, {}).get(server)
    if seconds is None and not rule.cuts_off:
        return change
    connected = facts.live.connected
    return replace(change, seconds=seconds, connected=None if connected is None else connected.get(server, ()))


def always(what: str, *kinds: str) -> Find:
    """Return a finder that sees every step of these kinds."""

    def find(step: Step, _: Facts) -> Iterator[Seen]:
        if step.kind in kinds:
            yield Seen(what)

    return find
