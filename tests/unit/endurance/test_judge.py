"""Acknowledged writes against what is found, through restores and rollbacks."""

import dataclasses

import pytest

from tests.endurance.judge import Origin, Row, Write, judge, lost_increments

FIRST, SECOND, THIRD = 100, 200, 300
# A backup of the first database was made from 10 to 12 and restored as the second one; one of that, from 20 to 22, as
# the third.
ORIGINS = {SECOND: Origin(FIRST, 10, 12), THIRD: Origin(SECOND, 20, 22)}


def written(name: str, born: int, at: float) -> Write:
    return Write(name, born, at, at + 0.5)


BEFORE, DURING, AFTER = written("before", FIRST, 9), written("during", FIRST, 10.9), written("after", FIRST, 13)
LATER, SINCE = written("later", SECOND, 19), written("since", SECOND, 23)
ALL = [BEFORE, DURING, AFTER, LATER, SINCE]


def judged(database: int, *rows: Row) -> tuple[list[str], list[str]]:
    verdict = judge(database, rows, ALL, ORIGINS)
    return sorted(row.id for row in verdict.lost), sorted(row.id for row in verdict.strange)


def test_a_database_has_to_hold_what_it_acknowledged_itself() -> None:
    assert judged(FIRST, BEFORE, DURING, AFTER) == ([], [])
    assert judged(FIRST, BEFORE, AFTER) == (["during"], [])


def test_a_restored_database_has_to_hold_what_was_acknowledged_before_its_backup_began() -> None:
    assert judged(SECOND, BEFORE, LATER, SINCE) == ([], [])
    assert judged(SECOND, LATER, SINCE) == (["before"], [])


def test_what_was_acknowledged_while_the_backup_ran_may_be_in_it_or_not() -> None:
    assert judged(SECOND, BEFORE, DURING, LATER, SINCE) == ([], [])


def test_what_was_written_after_the_backup_cannot_be_in_it() -> None:
    assert judged(SECOND, BEFORE, AFTER, LATER, SINCE) == ([], ["after"])


def test_a_restore_of_a_restored_database_inherits_from_both() -> None:
    assert judged(THIRD, BEFORE, DURING, LATER) == ([], [])
    assert judged(THIRD) == (["before", "later"], [])
    assert judged(THIRD, BEFORE, LATER, AFTER, SINCE) == ([], ["after", "since"])


def test_a_row_of_another_database_is_strange() -> None:
    assert judged(FIRST, BEFORE, DURING, AFTER, LATER) == ([], ["later"])


def test_a_row_that_nobody_was_told_of_is_neither_lost_nor_strange() -> None:
    assert judged(FIRST, BEFORE, DURING, AFTER, Row("told to nobody", FIRST, 50)) == ([], [])


def test_a_write_acknowledged_just_when_the_backup_began_may_be_missing() -> None:
    at = dataclasses.replace(BEFORE, acknowledged=10)
    assert judge(SECOND, [], [at], ORIGINS).lost == []


@pytest.mark.parametrize(
    ("acknowledged", "found", "lost"),
    [
        ([], 0, 0),
        ([1, 2, 3], 3, 0),
        ([1, 2, 3], 4, 0),
        ([1, 2, 5], 5, 0),
        ([1, 2, 3], 1, 2),
        ([1, 2, 3, 2, 3], 3, 2),
        ([1, 2, 3, 3], 3, 1),
        ([4, 5, 1], 0, 6),
    ],
)
def test_a_counter_that_went_back_has_lost_increments(acknowledged: list[int], found: int, lost: int) -> None:
    assert lost_increments(acknowledged, found) == lost
