"""What adopt found and did, as text for people. Pure."""

from collections.abc import Sequence

from dbserver.cli.render.connections import columns
from dbserver.results.adoption import (
    Adopted,
    AdoptionFinished,
    AdoptionPlan,
    AdoptionUndone,
    FoundDatabase,
    ProvedDatabase,
)
from dbserver.results.servers import Away
from dbserver.units import duration, size

HEAD = ("DATABASE", "APPLICATION", "ROLE", "SIZE", "CONNECTED", "EXTENSIONS")
STANDS = {
    "swapping": "the swap was begun and not ended; it goes on with: adopt --confirm {0}; or back: adopt --undo",
    "adopted": "stack {0} is adopted; adopt --undo goes back, adopt --finish removes the containers before",
    "going back": "the way back was begun and not ended; it goes on with: adopt --undo --confirm {0}",
}


def plan(found: AdoptionPlan) -> str:
    """Return what was found, what is written, what will be different, and what will be done."""
    if found.step in STANDS:
        return STANDS[found.step].format(found.stack)
    lines = [f"found, for stack {found.stack}:"]
    for each in found.servers:
        place = f"on {', '.join(each.networks)}, {each.published or 'not published'}, data in {each.data}"
        lines.append(f"  {each.container}  {each.image} ({each.version}), {place}")
    lines += [f"  {line}" for line in columns([HEAD, *map(_database, found.databases)])]
    lines.append(f"  connected: {found.connected or 'nobody from outside'}")
    lines += [f"written into {found.file}:" if found.changes else f"{found.file} stays as it is"]
    lines += [f"  {line}" for line in found.changes]
    lines += ["different afterwards:", *(f"  {notice}" for notice in found.notices)]
    return "\n".join([*lines, *_steps(found)])


def _steps(found: AdoptionPlan) -> Sequence[str]:
    names = " and ".join(each.container for each in found.servers)
    return (
        "will be done, once confirmed:",
        "  1. a verified backup of every database, of the roles, and of Redis",
        f"  2. {found.file} written",
        f"  3. {names} stopped gracefully, kept under another name; the stack's started on the same data",
        "  4. every table read, every role compared; where something is missing, the old ones start again",
        f"to do it: dbserver adopt --stack {found.stack} --confirm {found.stack}, with the same options",
    )


def _database(found: FoundDatabase) -> tuple[str, ...]:
    role = f"{found.role} (password kept)" if found.has_password and found.application else found.role
    extensions = ", ".join(found.extensions) or "-"
    return (
        found.database, found.application or "(left as it is)", role, size(found.size_bytes), str(found.connections),
        extensions,
    )  # fmt: skip


def adopted(result: Adopted) -> str:
    """Return how long it took and what was proved."""
    lines = [f"{len(result.backups)} verified backups: {', '.join(result.backups)}", *_away(result.servers)]
    lines += _proved(result.databases)
    lines.append(f"{result.roles} roles with their passwords as before; {result.redis_keys} keys in Redis")
    lines.append(f"stack {result.stack} runs it ({result.seconds} s in all); kept, stopped: {', '.join(result.kept)}")
    end = f"--stack {result.stack} --confirm {result.stack}"
    return "\n".join([*lines, f"back: dbserver adopt --undo {end}", f"for good: dbserver adopt --finish {end}"])


def undone(result: AdoptionUndone) -> str:
    """Return what runs again."""
    lines = [*_away(result.servers), *_proved(result.databases)]
    told = f"the containers before run again ({result.seconds} s in all); Pulumi.{result.stack}.yaml is left as it is"
    return "\n".join([*lines, told])


def finished(result: AdoptionFinished) -> str:
    """Return what is gone."""
    return f"removed {', '.join(result.removed) or 'nothing'}; data and backups stay; stack {result.stack} is adopted"


def _away(servers: Sequence[Away]) -> list[str]:
    return [
        f"{each.container} was away for "
        + (f"{duration(each.seconds)}, measured by a client" if each.seconds is not None else "a time not measured")
        for each in servers
    ]


def _proved(databases: Sequence[ProvedDatabase]) -> list[str]:
    return [f"{d.database}: {d.tables} tables, {d.rows} rows ({d.rows_before} in the backup)" for d in databases]
