"""Upgrades as text for people. Pure: a result in, text out."""

from collections.abc import Iterator

from dbserver.results.upgrades import Rehearsal, RehearsedDatabase, Upgraded, UpgradeUndone
from dbserver.units import duration


def rehearsal(result: Rehearsal) -> str:
    """Return whether everything could be restored into the new version, and what is another there."""
    lines = [line for each in result.databases for line in _rehearsed(each)]
    lines += [f"{name}: stands beside the applications' own; the upgrade moves it" for name in result.not_rehearsed]
    lines += [f"FAILED {fault}" for fault in result.faults]
    took = f"{duration(result.seconds)}; nothing was changed"
    if not result.well:
        return "\n".join([*lines, f"PostgreSQL {result.version} CANNOT become {result.image}: {took}"])
    lines.append(f"PostgreSQL {result.version} can become {result.new_version} ({result.image}): {took}")
    command = f"./scripts/dbserver upgrade postgres --to {result.new_version.partition('.')[0]}"
    return "\n".join([*lines, f"to do it: {command}"])


def upgraded(result: Upgraded) -> str:
    """Return what was moved, how long nobody could write, and the way back."""
    lines = [
        f"{each.database}: {each.rows} rows as {each.backup}, {duration(each.seconds)}" for each in result.databases
    ]
    lines += [f"{each.database}: {text}" for each in result.databases for text in each.differences]
    lines.append(f"PostgreSQL is {result.version} now ({result.image}); {duration(result.seconds)} in all")
    if result.databases:
        lines.append(f"nobody could write for {duration(result.away_seconds)}")
    kept = result.kept or "beside the data directory"
    lines.append(f"kept: {kept}; back to it: ./scripts/dbserver upgrade postgres --rollback")
    return "\n".join([*lines, f"when it is needed no more: sudo rm -r {result.kept}"] if result.kept else lines)


def undone(result: UpgradeUndone) -> str:
    """Return what runs again, and where what was written since is."""
    lines = [f"PostgreSQL is {result.version} again ({result.image}); {duration(result.seconds)} in all"]
    return "\n".join([*lines, f"kept, with what was written since: {result.kept}"] if result.kept else lines)


def _rehearsed(each: RehearsedDatabase) -> Iterator[str]:
    if each.missing_extensions:
        yield f"{each.database}: the image lacks extensions: {', '.join(each.missing_extensions)}"
    if each.fault:
        yield f"FAILED {each.database}: {each.fault}"
    else:
        age = duration(each.age_seconds)
        yield f"{each.database}: {each.rows} rows of {each.backup}, {age} old, in {duration(each.seconds)}"
    yield from (f"{each.database}: {text}" for text in each.differences)
