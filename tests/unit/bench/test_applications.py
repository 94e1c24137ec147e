from bench.applications import MANY, MAX_CONNECTIONS, Seconds, entries, plain_sql, table
from dbserver.settings.model import load


def test_a_hundred_applications_are_a_configuration_without_faults() -> None:
    settings = load({"applications": entries(MANY), "postgres": {"maxConnections": MAX_CONNECTIONS}})
    assert [entry.role_name for entry in settings.applications][:2] == ["bench_000", "bench_001"]
    assert len(settings.applications) == 100


def test_plain_sql_creates_a_role_and_its_database_one_after_another() -> None:
    assert plain_sql(["a", "b"], "SCRAM$x") == (
        "CREATE ROLE \"a\" LOGIN CONNECTION LIMIT 2 PASSWORD 'SCRAM$x';\n"
        'CREATE DATABASE "a" OWNER "a" TEMPLATE template0 ENCODING \'UTF8\';\n'
        "CREATE ROLE \"b\" LOGIN CONNECTION LIMIT 2 PASSWORD 'SCRAM$x';\n"
        'CREATE DATABASE "b" OWNER "b" TEMPLATE template0 ENCODING \'UTF8\';\n'
    )


def test_creating_many_may_take_one_and_a_half_times_the_plain_sql_and_an_update_that_creates_one() -> None:
    seconds = Seconds([1.0], [1.5], up_one=[2.0, 3.0], up_many=[7.9, 8.1], sql=[4.0, 6.0])
    assert seconds.bound == [8.0, 12.0]
    assert [row[4:] for row in table(seconds).rows] == [
        ("1.50x", "<= 1.6x", "reached"),
        ("0.80x", "<= 1.0x", "reached"),
    ]


def test_the_note_prints_both_sides() -> None:
    note = table(Seconds([1.0], [1.5], up_one=[2.0], up_many=[9.0], sql=[4.0])).note
    assert "the plain SQL 4.00 s, the update that creates one application 2.00 s" in note
    assert "1.5 x the first + the second, put together round by round, is 8.00 s" in note
    assert "creates 100 takes 9.00 s" in note
