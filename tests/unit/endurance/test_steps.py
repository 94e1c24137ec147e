"""The sequence of steps comes from the seed alone."""

from itertools import islice

from tests.endurance.steps import sequence

NAMES = [f"step {number}" for number in range(10)]


def test_the_same_seed_gives_the_same_steps_whatever_the_order_of_the_names() -> None:
    assert list(islice(sequence(7, NAMES), 50)) == list(islice(sequence(7, NAMES[::-1]), 50))


def test_another_seed_gives_other_steps() -> None:
    assert list(islice(sequence(7, NAMES), 10)) != list(islice(sequence(8, NAMES), 10))


def test_every_step_is_taken_once_before_any_is_taken_again() -> None:
    steps = list(islice(sequence(7, NAMES), 20))
    assert [step.number for step in steps] == list(range(1, 21))
    assert sorted(step.name for step in steps[:10]) == sorted(step.name for step in steps[10:]) == NAMES
