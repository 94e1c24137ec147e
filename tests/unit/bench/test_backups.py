from dataclasses import fields

from bench import backups


def test_every_figure_is_held_against_its_target() -> None:
    seconds = backups.Seconds(**{field.name: [1.0] for field in fields(backups.Seconds)})
    compared = backups.comparisons(seconds)
    assert [each.at_most for each in compared] == [0.15, 1.2, 0.5, 0.85, 0.02, 0.06, 0.02, 0.06]
    assert {each.ratio for each in compared} == {1.0}
