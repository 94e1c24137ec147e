"""offsite: backups and archive copied to where they survive the machine, proved there, kept there, and brought back."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from dbserver import locks
from dbserver.backups import retention
from dbserver.backups.manifest import ManifestError
from dbserver.backups.retention import Candidate, Decision, Rules
from dbserver.backups.store import PIN, Backup, Store
from dbserver.declared import Declared
from dbserver.errors import CommandError, DbServerError, UsageError
from dbserver.offsite import archived, archiving, copies, fetching, record, setup, targets
from dbserver.offsite.copies import Copy
from dbserver.offsite.copying import Depot, item
from dbserver.offsite.place import Place
from dbserver.results.archive import reachable
from dbserver.results.backups import Failure
from dbserver.results.copies import OffsiteRun
from dbserver.results.keeping import Judged
from dbserver.results.offsite import (
    OffsiteCopies,
    OffsiteCopy,
    OffsiteFetched,
    OffsitePruned,
    OffsitePushed,
    OffsiteVerified,
)

Tell = Callable[[str], None]


def push(declared: Declared, tell: Tell) -> OffsitePushed:
    """Copy what is not there yet: what a new machine needs, the archive, every backup that the rules would keep there.

    A backup that is damaged stops none of the others. How it ended is noted, whatever is raised.
    """
    place, began, clock = _place(declared), datetime.now(UTC), time.monotonic()
    pushed: list[str] = []
    failed: list[Failure] = []
    sent = 0
    try:
        with _held(declared, "offsite push"), _depot(declared) as depot:
            for name, amount, fault in _pushes(declared, depot):
                if fault:
                    failed.append(Failure(name, fault))
                elif amount:
                    sent += amount
                    pushed.append(name)
                    tell(f"copied {name}")
    except BaseException as fault:
        failed.append(Failure("offsite", _reason(fault) or type(fault).__name__))
        raise
    finally:
        words = tuple(f"{each.subject}: {each.cause}" for each in failed)
        ended = datetime.now(UTC).isoformat(timespec="seconds")
        record.note(declared.stack, place.url, OffsiteRun(began.isoformat(), ended, len(pushed), words))
    seconds = round(time.monotonic() - clock, 2)
    return OffsitePushed(declared.stack, place.url, tuple(pushed), sent, seconds, tuple(failed))


def listed(declared: Declared) -> OffsiteCopies:
    """Return what is there."""
    kept = Path(declared.backup_directory)
    with _depot(declared) as depot:
        there = depot.listed()
        own = _backups(there)
        known, broken = _known(depot, _complete(own))
    unfinished = tuple(name for name, objects in own.items() if copies.FILE not in objects)
    found = [_shown(copy, here=(kept / copy.id).is_dir()) for copy in known.values()]
    found.sort(key=lambda copy: (copy.started, copy.id))
    return OffsiteCopies(
        stack=declared.stack,
        url=depot.place.url,
        copies=tuple(found),
        broken=tuple(broken),
        unfinished=unfinished,
        windows=tuple(reachable(each.start, each.end) for each in archived.windows(archiving.split(there)[0])),
        archive_bytes=sum(sum(objects.values()) for name, objects in there.items() if name not in own),
    )


def verify(declared: Declared, name: str | None, identity: Path | None, *, read: bool) -> OffsiteVerified:
    """Prove one copy, or all: by their sizes, with `read` by every byte, with a key by their content."""
    began, faults = time.monotonic(), []
    with _depot(declared) as depot:
        there = {each: objects for each, objects in depot.listed().items() if copies.FILE in objects}
        if name:
            there = {fetching.chosen(depot, name).id: there[name]}
        for each, objects in there.items():
            faults += fetching.faults(depot, each, objects, identity, read=read)
    seconds = round(time.monotonic() - began, 2)
    opened = read and identity is not None
    return OffsiteVerified(declared.stack, depot.place.url, len(there), tuple(faults), seconds, read, opened)


def prune(declared: Declared, *, dry_run: bool) -> OffsitePruned:
    """Remove the copies that no rule of the configuration keeps, and those that nobody will finish.

    Of the archive what no second needs that has to come back; of the backups nothing without a rule.
    """
    place, now = _place(declared), datetime.now(UTC)
    if not place.keep.given and declared.archive is None:
        hint = "offsite.keep in the configuration, for instance {daily: 14, weekly: 8, monthly: 12}"
        raise UsageError("no rule says which copies stay; nothing was removed", hint)
    kept = Store(Path(declared.backup_directory))
    with _held(declared, "offsite prune"), _depot(declared) as depot:
        there = depot.listed()
        known, broken = _known(depot, _complete(there))
        judged = archiving.judged(known, there, archiving.period(declared, place)) if declared.archive else []
        if place.keep.given:
            own = _backups(there)
            candidates = [_candidate(copy, there[copy.id], kept) for copy in known.values() if copy.id in own]
            decisions = retention.classify(candidates, place.keep, now)
            judged += [_judged(each, known[each.id].stored) for each in decisions] + _forsaken(own, kept)
        for each in judged if not dry_run else ():
            if not each.kept:
                depot.remove(each.id, there[each.id])
    return OffsitePruned(declared.stack, place.url, dry_run, tuple(judged), tuple(broken))


def fetch(declared: Declared, name: str, identity: Path) -> OffsiteFetched:
    """Bring a backup back into the backup directory, proved; restore takes it from there."""
    began, kept = time.monotonic(), Store(Path(declared.backup_directory))
    with _depot(declared) as depot:
        copy = fetching.chosen(depot, name)
        with locks.held(f"{declared.stack}.{copy.subject}", "offsite fetch"):
            found = fetching.fetch(depot, copy, identity, kept)
    seconds = round(time.monotonic() - began, 2)
    return OffsiteFetched(declared.stack, found.id, str(found.directory), found.manifest.size, seconds)


def _known(depot: Depot, there: Iterable[str]) -> tuple[dict[str, Copy], list[str]]:
    """Return what each complete copy says of itself, and the names of those where that is damaged."""
    known, broken = {}, []
    for name in there:
        try:
            known[name] = depot.copy(name)
        except ManifestError:
            broken.append(name)
    return known, broken


def _complete(there: Mapping[str, Mapping[str, int]]) -> list[str]:
    return [name for name, objects in there.items() if copies.FILE in objects]


def _pushes(declared: Declared, depot: Depot) -> Iterator[tuple[str, int, str]]:
    """Copy one after another; yield of each its name, the bytes that were sent, and why it was not copied.

    What is wrong with a backup concerns no other. What is wrong with the target would be so for each: that ends it.
    """
    there = depot.listed()
    yield _push_setup(declared, depot, there)  # first: without it nothing else can be used
    yield from _push_archive(declared, depot, there)
    waiting = _wanted(declared, depot.place.keep, _backups(there))
    for number, backup in enumerate(waiting, 1):
        try:
            made = item(backup)
        except (DbServerError, OSError) as fault:
            yield backup.id, 0, _reason(fault)
            continue
        try:
            yield backup.id, depot.push(made, there.get(backup.id, {})), ""
        except (DbServerError, OSError) as fault:
            left = len(waiting) - number
            yield backup.id, 0, _reason(fault) + f"; {left} more were not tried" * bool(left)
            return


def _push_archive(
    declared: Declared, depot: Depot, there: Mapping[str, Mapping[str, int]]
) -> Iterator[tuple[str, int, str]]:
    """Copy what of the archive is not there; the keeper may pack or expire a file just then, so each has two tries."""
    try:
        waiting = archiving.items(declared, depot.place, there)
        for each in waiting:
            try:
                sent = depot.push(each, there.get(each.id, {}))
            except CommandError:
                sent = depot.push(each, depot.listed().get(each.id, {}))
            yield each.id, sent, ""
    except (DbServerError, OSError) as fault:
        yield "archive", 0, _reason(fault)


def _backups(there: Mapping[str, Mapping[str, int]]) -> dict[str, Mapping[str, int]]:
    return {name: objects for name, objects in there.items() if archived.parse(name) is None}


def _wanted(declared: Declared, rules: Rules, there: Mapping[str, Mapping[str, int]]) -> list[Backup]:
    """Return the backups that have no copy yet; with rules those that the next prune would keep there."""
    kept = Store(Path(declared.backup_directory)).backups()
    complete = _complete(there)
    missing = [backup for backup in kept if backup.id not in complete]
    if not rules.given:
        return missing
    candidates = [_waiting(backup) for backup in missing]
    for name in complete:
        subject, moment = copies.named(name) or ("", datetime.now(UTC))
        candidates.append(Candidate(name, subject, moment))
    stay = {each.id for each in retention.classify(candidates, rules, datetime.now(UTC)) if each.kept}
    return [backup for backup in missing if backup.id in stay]


def _push_setup(declared: Declared, depot: Depot, there: Mapping[str, Mapping[str, int]]) -> tuple[str, int, str]:
    """Copy configuration, state and passphrase where they are others than at the last time."""
    try:
        found = setup.read(declared.stack)
        if copies.FILE in there.get(setup.copied(declared.stack, found, depot.place.url), {}):
            return setup.SUBJECT, 0, ""
        made = setup.item(found, datetime.now(UTC))
        sent = depot.push(made, {})
        setup.note(declared.stack, found, depot.place.url, made.id)
    except (DbServerError, OSError) as fault:
        return setup.SUBJECT, 0, _reason(fault)
    return made.id, sent, ""


def _reason(fault: BaseException) -> str:
    return str(getattr(fault, "message", "") or getattr(fault, "strerror", "") or fault)


def _waiting(backup: Backup) -> Candidate:
    started = datetime.fromisoformat(backup.manifest.started)
    return Candidate(backup.id, backup.manifest.subject, started, pinned=backup.pinned)


def _candidate(copy: Copy, there: Mapping[str, int], kept: Store) -> Candidate:
    good, pinned = not copies.faults(copy, there), (kept.directory / copy.id / PIN).exists()
    return Candidate(copy.id, copy.subject, datetime.fromisoformat(copy.started), good, pinned)


def _forsaken(there: Mapping[str, Mapping[str, int]], kept: Store) -> list[Judged]:
    """Return the copies that were begun, and whose backup is gone."""
    reason = "was never finished, and the backup is gone"
    return [
        Judged(name, (copies.named(name) or ("",))[0], kept=False, reason=reason, size_bytes=sum(objects.values()))
        for name, objects in there.items()
        if copies.FILE not in objects and not (kept.directory / name).is_dir()
    ]


def _judged(decision: Decision, size: int) -> Judged:
    return Judged(decision.id, decision.subject, decision.kept, decision.reason, size)


def _shown(copy: Copy, *, here: bool) -> OffsiteCopy:
    return OffsiteCopy(copy.id, copy.subject, copy.started, copy.size, copy.stored, here)


@contextmanager
def _depot(declared: Declared) -> Iterator[Depot]:
    place = _place(declared)
    with targets.opened(place) as target:
        yield Depot(target, declared.stack, place)


@contextmanager
def _held(declared: Declared, verb: str) -> Iterator[None]:
    with locks.held(f"{declared.stack}.offsite", verb):
        yield


def _place(declared: Declared) -> Place:
    if declared.offsite is None:
        raise UsageError(f"Pulumi.{declared.stack}.yaml says no place for copies", "docs/how-to/offsite.md")
    return declared.offsite
