import pytest

from bench.clients import Gaps
from bench.commands import MeasurementError


def test_the_longest_gap_is_that_of_the_client_that_waited_longest() -> None:
    assert Gaps(3, [0.1, 0.4, 0.2]).longest == 0.4


def test_a_client_that_never_got_an_answer_makes_no_figure() -> None:
    with pytest.raises(MeasurementError, match="1 of 3 clients never got an answer"):
        assert Gaps(3, [0.1, 0.4]).longest
