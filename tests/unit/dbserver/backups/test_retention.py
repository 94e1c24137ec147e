"""Which backups stay: by example, and what holds for all backups and all rules."""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbserver.backups.retention import Candidate, Decision, Rules, classify

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
LEAST = Rules(last=1, minimum=1)


def made(name: str, hours: float, **changes: bool) -> Candidate:
    return Candidate(name, "shop", NOW - timedelta(hours=hours), **changes)


def reasons(backups: Sequence[Candidate], rules: Rules) -> dict[str, str]:
    """Return what keeps each backup that stays."""
    return {decision.id: decision.reason for decision in classify(backups, rules, NOW) if decision.kept}


HOURLY = [made(f"h{hours}", hours) for hours in range(80)]


def test_the_newest_are_kept_and_the_others_go_because_nothing_keeps_them() -> None:
    assert reasons(HOURLY, Rules(last=3)) == dict.fromkeys(["h0", "h1", "h2"], "newest")
    gone = classify(HOURLY, Rules(last=3), NOW)[-1]
    assert gone == Decision("h79", "shop", kept=False, reason="no rule keeps it")


def test_days_are_counted_back_from_now() -> None:
    kept = reasons(HOURLY, Rules(days=1))
    assert list(kept) == [f"h{hours}" for hours in range(24)]
    assert set(kept.values()) == {"of the last 1 days"}


@pytest.mark.parametrize(
    ("rules", "kept"),
    [
        (Rules(daily=2, minimum=1), {"h0": "daily 2026-11-24", "h13": "daily 2026-11-23"}),
        (Rules(weekly=2, minimum=1), {"h0": "weekly 2026-W48", "h37": "weekly 2026-W47"}),
        (Rules(monthly=5, minimum=1), {"h0": "monthly 2026-11"}),
        (Rules(yearly=1, minimum=1), {"h0": "yearly 2026"}),
        (Rules(last=1, daily=1, minimum=1), {"h0": "newest, daily 2026-11-24"}),
    ],
)
def test_of_each_period_the_newest_is_kept(rules: Rules, kept: dict[str, str]) -> None:
    assert reasons(HOURLY, rules) == kept


def test_periods_without_a_backup_do_not_count() -> None:
    rare = [made("now", 0), made("in the summer", 24 * 150), made("last year", 24 * 400)]
    assert set(reasons(rare, Rules(daily=2, minimum=1))) == {"now", "in the summer"}


def test_a_minimum_of_good_ones_stays_whatever_their_age() -> None:
    old = [made(f"d{days}", 24 * days) for days in range(100, 110)]
    assert reasons(old, Rules(days=7)) == dict.fromkeys(["d100", "d101", "d102"], "minimum of good ones")


def test_a_pinned_one_stays() -> None:
    assert reasons([*HOURLY, made("old", 9000, pinned=True)], LEAST) == {"h0": "newest", "old": "pinned"}


def test_a_damaged_one_takes_nobody_s_place() -> None:
    backups = [made("damaged", 0, good=False), made("good", 1), made("older", 2)]
    assert reasons(backups, LEAST) == {"good": "newest"}
    assert classify(backups, LEAST, NOW)[0].reason == "it is damaged, and there are enough good ones"


def test_damaged_ones_stay_while_there_are_too_few_good_ones() -> None:
    backups = [made("damaged", 0, good=False), made("good", 1)]
    assert reasons(backups, Rules(last=1)) == {
        "damaged": "damaged, but there are too few good ones", "good": "newest"
    }  # fmt: skip


def test_a_damaged_one_goes_where_there_are_just_enough_good_ones() -> None:
    backups = [made("damaged", 0, good=False), made("good", 1), made("older", 2)]
    assert set(reasons(backups, Rules(last=1, minimum=2))) == {"good", "older"}
    assert set(reasons(backups, Rules(last=1, minimum=3))) == {"damaged", "good", "older"}


def test_days_are_those_of_utc_wherever_the_machine_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC-1")
    time.tzset()
    try:
        evening = [made("before midnight", 12.5), made("evening", 13.5)]  # the day after, where the machine is
        assert reasons(evening, Rules(daily=2, minimum=1)) == {"before midnight": "daily 2026-11-23"}
        late = [made("after midnight", 11.5), made("before midnight", 12.5)]
        assert set(reasons(late, Rules(daily=2, minimum=1))) == {"after midnight", "before midnight"}
    finally:
        monkeypatch.undo()
        time.tzset()


def test_applications_whose_names_begin_alike_are_kept_apart() -> None:
    other = [replace(backup, id=f"test-{backup.id}", subject="shop-test") for backup in HOURLY[50:]]
    assert reasons([*HOURLY, *other], LEAST) == {"h0": "newest", "test-h50": "newest"}


# What holds for all -----------------------------------------------------------------

counts = st.integers(0, 6)
rules_of_any_kind = st.builds(Rules, counts, counts, counts, counts, counts, counts, st.integers(1, 5))
ages = st.integers(-5, 24 * 800)  # hours; a clock may have been ahead
kinds = st.tuples(st.sampled_from(["shop", "shop-test", "database.x"]), ages, st.booleans(), st.booleans())


def _candidates(drawn: list[tuple[str, int, bool, bool]]) -> list[Candidate]:
    return [
        Candidate(f"b{number}", subject, NOW - timedelta(hours=age), good, pinned)
        for number, (subject, age, good, pinned) in enumerate(drawn)
    ]


some_backups = st.lists(kinds, max_size=40).map(_candidates)


def kept(backups: Sequence[Candidate], rules: Rules) -> set[str]:
    return {decision.id for decision in classify(backups, rules, NOW) if decision.kept}


@given(some_backups, rules_of_any_kind)
def test_every_backup_gets_one_decision_with_a_reason(backups: list[Candidate], rules: Rules) -> None:
    decisions = classify(backups, rules, NOW)
    assert sorted(decision.id for decision in decisions) == sorted(backup.id for backup in backups)
    assert all(decision.reason for decision in decisions)


@given(some_backups, rules_of_any_kind)
def test_there_are_never_fewer_good_ones_than_the_minimum(backups: list[Candidate], rules: Rules) -> None:
    left = kept(backups, rules)
    for subject in {backup.subject for backup in backups}:
        good = {backup.id for backup in backups if backup.subject == subject and backup.good}
        assert len(good & left) >= min(rules.minimum, len(good))


@given(some_backups, rules_of_any_kind)
def test_what_is_kept_is_kept_again(backups: list[Candidate], rules: Rules) -> None:
    left = [backup for backup in backups if backup.id in kept(backups, rules)]
    assert kept(left, rules) == {backup.id for backup in left}


@given(some_backups, rules_of_any_kind, st.randoms())
def test_the_order_does_not_matter(backups: list[Candidate], rules: Rules, random: Random) -> None:
    mixed = list(backups)
    random.shuffle(mixed)
    assert classify(mixed, rules, NOW) == classify(backups, rules, NOW)


@given(some_backups, rules_of_any_kind)
def test_pinned_ones_are_always_kept(backups: list[Candidate], rules: Rules) -> None:
    assert {backup.id for backup in backups if backup.pinned} <= kept(backups, rules)


@given(some_backups, rules_of_any_kind)
def test_what_happens_to_a_subject_depends_on_no_other(backups: list[Candidate], rules: Rules) -> None:
    own = [backup for backup in backups if backup.subject == "shop"]
    assert kept(own, rules) == kept(backups, rules) & {backup.id for backup in own}
