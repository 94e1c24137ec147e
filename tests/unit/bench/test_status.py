from bench.status import FEW, Figures, script, tables


def test_the_databases_are_counted_with_the_server_s_own() -> None:
    assert script(4) == 'CREATE DATABASE "bench_000";\nCREATE DATABASE "bench_001";\n'
    assert script(FEW).count("CREATE DATABASE") == 18


def test_the_limits_are_seconds_a_ratio_and_memory() -> None:
    time, memory = tables(Figures(few=[0.5, 0.6, 0.7], many=[1.3], typed=[0.3], memory=[40.0, 99.5]))
    assert [row[4:] for row in time.rows] == [("1.00x", "<= 1.0x", "reached"), ("2.17x", "<= 2.0x", "MISSED")]
    assert "take 0.30 s: status takes 2.00x of it" in time.note
    assert memory.rows == [("`status`, 20 and 200 databases", "100 MiB", "< 100 MiB", "reached")]


def test_a_hundred_mebibytes_are_too_many() -> None:
    _, memory = tables(Figures([0.5], [0.5], [0.3], [100.0]))
    assert memory.rows[0][3] == "MISSED"
