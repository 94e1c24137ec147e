"""The table of a change of settings."""

from bench.reload import Seen, table


def test_one_unanswered_attempt_in_any_round_misses_the_target() -> None:
    mine = {"postgres": Seen([0, 0, 0], [0.02, 0.01, 0.03]), "redis": Seen([0, 1, 0], [0.01, 0.01, 0.2])}
    composed = {"postgres": Seen([90], [1.4]), "redis": Seen([60], [0.9])}
    assert table(mine, composed).rows == [
        ("postgres: work_mem", "0 unanswered, 0.02 s", "90 unanswered, 1.40 s", "reached"),
        ("redis: timeout", "0 unanswered, 0.01 s", "60 unanswered, 0.90 s", "MISSED"),
    ]
