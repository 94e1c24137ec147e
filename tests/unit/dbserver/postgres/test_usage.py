"""What PostgreSQL says about its use."""

from dbserver.postgres import usage
from dbserver.results.status import DatabaseSize, KeptDatabase, PostgresUse
from tests.unit.fakes import FIGURES, POSTGRES_SAYS


def test_it_is_asked_through_the_local_socket_in_one_command() -> None:
    argv = usage.ask("c", "dbadmin")
    assert argv[:4] == ["docker", "exec", "-i", "c"]
    assert "/var/lib/postgresql/data" in argv[6]
    assert argv[8:10] == ["sh", "-c"]
    assert argv[11:] == [
        "env", "PGAPPNAME=dbserver", "PGCONNECT_TIMEOUT=10", "PGCLIENTENCODING=UTF8",
        "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=terse", "-U", "dbadmin",
        "-d", "postgres",
    ]  # fmt: skip


def test_the_one_that_asks_is_no_connection_and_templates_are_no_databases() -> None:
    assert "pid <> pg_backend_pid()" in usage.QUESTION
    assert "datname NOT IN ('template0', 'template1')" in usage.QUESTION


def test_a_reply_is_version_and_use() -> None:
    databases = (DatabaseSize("shop", 3_000_000), DatabaseSize("dbadmin", 2_000_000))
    kept = (KeptDatabase("shop__old_1", "shop", "2026-11-26T13:14:00+00:00", 4_000_000),)
    assert usage.parse(POSTGRES_SAYS) == ("17.5", PostgresUse(4, 100, 1234, 0.99, databases, kept))


def test_sizes_that_took_too_long_leave_the_rest() -> None:
    found = usage.parse(POSTGRES_SAYS.partition("[[")[0])
    assert found == ("17.5", PostgresUse(4, 100, 1234, 0.99, ()))


def test_a_server_that_has_read_nothing_yet_has_no_ratio() -> None:
    found = usage.parse(POSTGRES_SAYS.replace("990", "0").replace('"read" : 10', '"read" : 0'))
    assert found is not None
    assert found[1].cache_hit_ratio is None


def test_figures_alone_are_no_answer() -> None:
    assert usage.parse(FIGURES) is None
