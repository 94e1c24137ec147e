from bench.guard import Figures, tables


def test_the_limit_is_in_seconds_and_the_gaps_are_shown_for_each_server() -> None:
    away, restarted = {"postgres": [2.0, 2.2], "redis": [1.5]}, {"postgres": [1.0], "redis": [1.5]}
    found = Figures([0.2, 0.21], [0.29, 0.33], away, restarted)
    guard, recreating = tables(found)
    assert [row[4:] for row in guard.rows] == [("0.68x", "<= 1.0x", "reached"), ("1.03x", "<= 1.0x", "MISSED")]
    assert "200 resources" in guard.note
    assert recreating.rows == [
        ("postgres away", "2.10 s (2.00-2.20)", "1.00 s (1.00-1.00)", "2.10x"),
        ("redis away", "1.50 s (1.50-1.50)", "1.50 s (1.50-1.50)", "1.00x"),
    ]
