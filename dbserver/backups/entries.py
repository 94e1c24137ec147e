"""The list of a dump, line by line, and who loads which part of it. Pure.

What a dump holds runs as whoever loads it: checks, generated columns, domains, casts, what an index or a view calls. So
each owner's part is loaded by a role that has that owner's rights and no others. The administrator loads what holds no
such code (schemas, grants, large objects), and what is a superuser's own, without the rows.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, takewhile

# No role has such a name.
ADMINISTRATOR, LOADER, TOGETHER = "", "\0loader", "\0together"
# Large objects are made among the rows by 17 and later ("BLOB METADATA"), before them by others ("BLOB").
DATA = ("TABLE DATA", "SEQUENCE SET", "BLOB METADATA", "BLOBS", "STATISTICS DATA")
# Of a superuser's own: it brings values, which checks and domains look at.
BROUGHT = ("TABLE DATA", "STATISTICS DATA", "MATERIALIZED VIEW DATA")
SCHEMAS = ("SCHEMA", "ACL - SCHEMA")
SUBSCRIPTIONS = ("SUBSCRIPTION", "SUBSCRIPTION TABLE", "COMMENT - SUBSCRIPTION", "SECURITY LABEL - SUBSCRIPTION")
GRANTS = ("ACL", "DEFAULT ACL")
# An event trigger that is there already would fire for the administrator's own changes.
LAST = ("EVENT TRIGGER", "COMMENT - EVENT TRIGGER")
# While the table of a superuser's is empty, it is not run over rows; as they come, it runs as who brings them.
BEFORE_ROWS = ("CHECK CONSTRAINT",)
# Those take the rights of two owners where a table and what is attached to it have two. They are run over no row.
OF_TWO = ("TABLE ATTACH", "INDEX ATTACH", "STATISTICS")
REFRESH = "MATERIALIZED VIEW DATA"
# Neither holds an expression, and each needs rights that its owner may have through grants alone, which come later.
HARMLESS = ("SCHEMA", "PUBLICATION -", "PUBLICATION TABLES IN SCHEMA", "BLOB", "BLOBS", "SERVER", "USER MAPPING",
            "FOREIGN DATA WRAPPER", "PROCEDURAL LANGUAGE", *GRANTS)  # fmt: skip
# Of those that say no owner; any other one is left to who has no rights beyond the owner's.
OWNERLESS = ("CAST", "TRANSFORM", "ACCESS METHOD", "COMMENT", "SECURITY LABEL")


@dataclass(frozen=True)
class Part:
    """Entries for one session: of the administrator, of the role that loads an owner's, or of one of the two others."""

    who: str
    entries: tuple[str, ...]


@dataclass(frozen=True)
class Parts:
    """A dump in the order in which it is loaded. Between these, what was made is given to its owners."""

    schemas: tuple[Part, ...]
    before: tuple[Part, ...]
    rows: tuple[Part, ...]
    after: tuple[Part, ...]
    views: tuple[Part, ...]
    last: tuple[Part, ...]


def chosen(lines: Sequence[str]) -> list[str]:
    """Return the lines of a list that are entries, without subscriptions.

    Nobody can drop a database that has one, and a second one under its name would take what the first one waits for.
    """
    entries = [line for line in lines if not line.startswith(";")]
    return [entry for entry in entries if not _kind(entry, SUBSCRIPTIONS)]


def schema(entry: str) -> str:
    """Return the name of the schema that an entry of a list makes; empty where it makes something else."""
    words = entry.split(" ")[3:]
    return words[2] if words[:2] == ["SCHEMA", "-"] else ""


def of_extension(entry: str) -> bool:
    """True for an entry such as `2; 3079 16385 EXTENSION - pg_trgm` and for its comment."""
    return _kind(entry, ("EXTENSION -", "COMMENT - EXTENSION"))


def owners(entries: Sequence[str], roles: Collection[str]) -> dict[str, str]:
    """Return entry -> owner, empty where it has none: a line ends with its name, which may hold spaces.

    The longest name of a role that fits is it; of a role that is gone it is the last word.
    """
    names = sorted(roles, key=len, reverse=True)
    found = {}
    for entry in entries:
        fitting = (name for name in names if entry.endswith(f" {name}"))
        found[entry] = "" if entry.endswith(" ") else next(fitting, entry.rpartition(" ")[2])
    return found


def parts(owned: Mapping[str, str], superusers: Collection[str], owner: str) -> Parts:
    """Divide the entries: entry -> owner, in the order of the list. `owner` is the database's."""
    who = {entry: _who(entry, of, superusers, owner) for entry, of in owned.items()}
    kinds = {entry: next((k for k in (DATA, LAST, (REFRESH,), SCHEMAS) if _kind(entry, k)), ()) for entry in owned}
    rows = [entry for entry in owned if kinds[entry] == DATA]
    rest = [entry for entry in owned if not kinds[entry]]
    first = set(takewhile(lambda entry: kinds[entry] != DATA, owned))
    early = [e for e in rest if e not in first and who[e] == ADMINISTRATOR and _kind(e, BEFORE_ROWS)]
    later = [entry for entry in rest if _granted_later(entry)]
    others = {*early, *later}
    made = [entry for entry in rest if entry not in others]
    before = [*(entry for entry in made if entry in first), *early]
    after = [entry for entry in later if entry in first]
    after += [entry for entry in made if entry not in first] + [entry for entry in later if entry not in first]
    return Parts(
        schemas=tuple(_runs([entry for entry in owned if kinds[entry] == SCHEMAS], who)),
        before=tuple(_runs(before, who)),
        rows=tuple(_runs(sorted(rows, key=who.__getitem__), who)),
        after=tuple(_runs(after, who)),
        views=tuple(_runs([entry for entry in owned if kinds[entry] == (REFRESH,)], who)),
        last=tuple(_runs([entry for entry in owned if kinds[entry] == LAST], who)),
    )


def _who(entry: str, of: str, superusers: Collection[str], owner: str) -> str:
    if _kind(entry, HARMLESS) or (not of and _kind(entry, OWNERLESS)):
        return ADMINISTRATOR
    if of in superusers:
        return LOADER if _kind(entry, BROUGHT) else ADMINISTRATOR
    if _kind(entry, OF_TWO):
        return TOGETHER
    return of or (LOADER if owner in superusers else owner)


def _granted_later(entry: str) -> bool:
    """True for grants on what is in a schema; those on a schema itself are needed by what comes into it."""
    return _kind(entry, GRANTS) and not _kind(entry, ("ACL -",))


def _kind(entry: str, kinds: Collection[str]) -> bool:
    text = entry.split(" ", 3)[3]
    return any(text.startswith(f"{kind} ") for kind in kinds)


def _runs(entries: Sequence[str], who: Mapping[str, str]) -> Iterator[Part]:
    for name, run in groupby(entries, who.__getitem__):
        yield Part(name, tuple(run))
