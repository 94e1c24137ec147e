import pytest

from bench.figures import Comparison, Table, comparison_table, render, spread


def compared(ours: list[float], theirs: list[float], at_most: float = 2.0) -> Comparison:
    return Comparison("a start", ours, "another start", theirs, at_most)


def test_a_ratio_is_the_quotient_of_the_medians() -> None:
    assert compared([9.0, 2.0, 3.0], [1.0, 50.0, 2.0]).ratio == 1.5


def test_a_target_is_reached_up_to_its_own_value_and_missed_just_above() -> None:
    assert compared([2.0], [1.0]).verdict == "reached"
    assert compared([2.001], [1.0]).verdict == "MISSED"


def test_a_comparison_without_a_measurement_has_no_ratio() -> None:
    with pytest.raises(ValueError, match="no median"):
        assert compared([], [1.0]).ratio


def test_a_spread_shows_median_smallest_and_largest() -> None:
    assert spread([3.0, 1.0, 2.25]) == "2.25 s (1.00-3.00)"


def test_the_table_of_comparisons_says_for_each_line_whether_its_target_is_reached() -> None:
    table = comparison_table("Starting", [compared([2.5], [1.0]), compared([1.0], [1.0], at_most=1.0)], "a note")
    assert [row[3:] for row in table.rows] == [
        ("1.00 s (1.00-1.00)", "2.50x", "<= 2.0x", "MISSED"),
        ("1.00 s (1.00-1.00)", "1.00x", "<= 1.0x", "reached"),
    ]
    assert table.note == "a note"


def test_a_target_is_shown_with_all_of_its_decimals() -> None:
    table = comparison_table("Gaps", [compared([1.0], [1.0], at_most=target) for target in (0.02, 0.85, 2.0)])
    assert [row[5] for row in table.rows] == ["<= 0.02x", "<= 0.85x", "<= 2.0x"]


def test_a_table_is_rendered_in_columns_of_one_width() -> None:
    assert render(Table("Title", ("a", "long"), [("1", "2"), ("333", "x|y")], "said last")) == (
        "## Title\n\n| a   | long |\n|-----|------|\n| 1   | 2    |\n| 333 | x\\|y |\n\nsaid last\n"
    )


def test_a_table_without_a_note_ends_with_its_last_row() -> None:
    assert render(Table("T", ("a",), [("1",)])) == "## T\n\n| a |\n|---|\n| 1 |\n"
