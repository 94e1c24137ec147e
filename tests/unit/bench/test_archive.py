"""What the archive costs, from transactions a second."""

import pytest

from bench import archive


@pytest.mark.parametrize(("on", "verdict"), [(90.0, "reached"), (89.0, "MISSED")])
def test_the_throughput_with_an_archive_is_held_against_that_without(on: float, verdict: str) -> None:
    table = archive.load_table(archive.Rates([100.0], [on], [50.0]))
    assert [row[2] for row in table.rows] == ["1.00x", f"{on / 100:.2f}x", "0.50x"]
    assert table.rows[1][-1] == verdict


def test_a_rescue_is_told_by_the_gigabyte_of_what_came_back() -> None:
    table = archive.rescue_table([30.0, 50.0, 40.0], [20.0], 500_000_000)
    assert [row[2] for row in table.rows] == ["80 s", "40 s"]
