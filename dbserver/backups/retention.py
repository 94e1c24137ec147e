"""Which backups stay: a rule keeps one, or nothing does. Pure.

Rules choose among the good ones, so that a damaged one never takes the place
of one that can be restored. Days, weeks, months and years are those of UTC,
as in the backups' names. Subjects are never mixed.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta

MINIMUM = 3
PERIODS = {"daily": "%Y-%m-%d", "weekly": "%G-W%V", "monthly": "%Y-%m", "yearly": "%Y"}


@dataclass(frozen=True)
class Rules:
    """What to keep of each subject; 0 is no such rule.

    The newest `last` ones, those of the last `days`, and the newest one of
    each of the last so many days, weeks, months, years that have any. Never
    fewer than `minimum` good ones stay.
    """

    last: int = 0
    days: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    minimum: int = MINIMUM

    @property
    def given(self) -> bool:
        """True where there is a rule at all."""
        return any(getattr(self, rule.name) for rule in fields(self) if rule.name != "minimum")


@dataclass(frozen=True)
class Candidate:
    """What is known of a backup. `good` is one that is not known to be damaged."""

    id: str
    subject: str
    started: datetime
    good: bool = True
    pinned: bool = False


@dataclass(frozen=True)
class Decision:
    """Whether a backup stays, and why."""

    id: str
    subject: str
    kept: bool
    reason: str


def classify(backups: Collection[Candidate], rules: Rules, now: datetime) -> list[Decision]:
    """Return a decision on each backup: by subject, the newest first."""
    decisions = []
    for subject in sorted({backup.subject for backup in backups}):
        own = [backup for backup in backups if backup.subject == subject]
        own.sort(key=lambda backup: (backup.started, backup.id), reverse=True)
        reasons = _reasons(own, rules, now)
        decisions += [_decision(backup, reasons.get(backup.id, [])) for backup in own]
    return decisions


def _decision(backup: Candidate, reasons: Sequence[str]) -> Decision:
    why_not = "no rule keeps it" if backup.good else "it is damaged, and there are enough good ones"
    return Decision(backup.id, backup.subject, bool(reasons), ", ".join(reasons) or why_not)


def _reasons(newest_first: Sequence[Candidate], rules: Rules, now: datetime) -> dict[str, list[str]]:
    """Return for each backup that stays what keeps it."""
    good = [backup for backup in newest_first if backup.good]
    reasons: dict[str, list[str]] = defaultdict(list)
    for backup, reason in [*_pins(newest_first), *_kept(good, rules, now)]:
        reasons[backup.id].append(reason)
    others = [backup for backup in good if backup.id not in reasons]
    for backup in others[: max(0, rules.minimum - (len(good) - len(others)))]:
        reasons[backup.id].append("minimum of good ones")
    if len(good) < rules.minimum:  # a damaged one may hold what no other does
        for backup in newest_first:
            if not backup.good:
                reasons[backup.id].append("damaged, but there are too few good ones")
    return reasons


def _pins(backups: Sequence[Candidate]) -> Iterator[tuple[Candidate, str]]:
    return ((backup, "pinned") for backup in backups if backup.pinned)


def _kept(good: Sequence[Candidate], rules: Rules, now: datetime) -> Iterator[tuple[Candidate, str]]:
    yield from ((backup, "newest") for backup in good[: rules.last])
    if rules.days:
        since = now - timedelta(days=rules.days)
        yield from ((backup, f"of the last {rules.days} days") for backup in good if backup.started > since)
    for name, form in PERIODS.items():
        newest: dict[str, Candidate] = {}
        for backup in good:
            newest.setdefault(backup.started.astimezone(UTC).strftime(form), backup)
        chosen = list(newest.items())[: getattr(rules, name)]
        yield from ((backup, f"{name} {period}") for period, backup in chosen)
