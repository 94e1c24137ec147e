"""Writes docs/reference/preview.md from the table of rules. Usage: python -m tools.preview_rules."""

from collections.abc import Iterator
from pathlib import Path

from dbserver import contract
from dbserver.preview.rule import (
    APPLICATION,
    ARCHIVE,
    CONTAINER,
    COSTS,
    MEANING,
    NETWORK,
    POSTGRES,
    RECREATE_SECONDS,
    RECREATE_SOURCE,
    REDIS,
    RESTART_SECONDS,
    RESTART_SOURCE,
    RISK,
    Rule,
)
from dbserver.preview.rules import RULES

# What a step of such a resource is called in the name of its change.
EXAMPLE = {
    CONTAINER: contract.POSTGRES, POSTGRES: contract.POSTGRES, REDIS: contract.REDIS, ARCHIVE: contract.ARCHIVE,
    NETWORK: "network", APPLICATION: "shop",
}  # fmt: skip
OTHER = "volume"

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "preview.md"
HEAD = """\
# What a change costs

```bash
./scripts/dbserver preview                          # asks the engine what an update would do, and judges that
pulumi preview --json | ./scripts/dbserver guard -  # judges what was printed, also elsewhere: no Pulumi, no state
```

Every change has one of five costs:

| cost | what it means |
|---|---|
{costs}

This page is written from the table by which both judge (`python -m tools.preview_rules`).

## Data at risk

One such change is exit code 5, so that a pull request fails on it; no other cost is. Each is named `RULE:RESOURCE` and
allowed by exactly that name, with a reason, which the result repeats:

```bash
./scripts/dbserver preview --allow 'data-directory:postgres=moved by hand on Tuesday, see #42'
```

A change that nobody thought of is not allowed by it: each needs a name of its own. A name that no rule has, and an
empty reason, are exit code 2. A preview that the program itself refused keeps its own message and exit code
([exit-codes.md](exit-codes.md)): a change of `containerName` while the old container runs, data of another major
version, a renamed database.

Every stack but `dev` counts as production.

## Where the figures come from

- **Seconds**: how long a client gets no answer. A restart: {restart}
  ({restart_source}). A recreated container: {recreate}
  ({recreate_source}). Measured on servers with little to write; a long recovery takes longer. The backup before a
  container is recreated takes as long as a backup, and nobody is away meanwhile.
- **Connected**: the application containers that are connected to that server now, as `connections` has them.
- **Whether a setting takes a restart**: from `pg_settings` of the running server; without one, from a table of
  PostgreSQL 17 and 18. A setting of an extension is then said to be unknown.

What the program warns of is said too (`warnings`): a role whose password this stack may not know, for instance, by
which the update may fail; it is no cost of its own.

What could not be found out is said (`not_seen`), and judged by the dearer of what it may be. `guard` asks the servers
through the Docker daemon where it runs (`DOCKER_HOST`); without one it judges by the file alone. Passwords are shown by
nobody: the engine prints them as `[secret]`, so that a new one is seen as a change without details.

## The rules
"""
TAIL = """\
A preview's JSON is in [preview-1.json](schemas/preview-1.json). `--format markdown` begins with the line
`<!-- db-server preview of STACK -->`, by which a job finds its comment on a pull request and replaces it.
"""


def page() -> str:
    """Return the whole page."""
    costs = "\n".join(f"| **{cost}** | {MEANING[cost]} |" for cost in COSTS)
    head = HEAD.format(
        costs=costs,
        restart=_seconds(RESTART_SECONDS),
        recreate=_seconds(RECREATE_SECONDS),
        restart_source=RESTART_SOURCE,
        recreate_source=RECREATE_SOURCE,
    )
    return "\n".join([head, *(line for cost in reversed(COSTS) for line in _table(cost)), TAIL])


def _seconds(known: dict[str, float]) -> str:
    return ", ".join(f"{server} {seconds} s" for server, seconds in known.items())


def _table(cost: str) -> Iterator[str]:
    yield f"### {cost.capitalize()}\n"
    yield "| rule | allowed as | what it is |" if cost == RISK else "| rule | what it is |"
    yield "|---|---|---|" if cost == RISK else "|---|---|"
    for rule in RULES:
        if rule.cost == cost:
            yield f"| `{rule.name}` |{_name(rule) if cost == RISK else ''} {rule.meaning} |"
    yield ""


def _name(rule: Rule) -> str:
    resource = EXAMPLE[rule.types[0]] if rule.types else OTHER
    return f" `--allow '{rule.name}:{resource}=REASON'` |"


if __name__ == "__main__":
    PAGE.write_text(page())
