"""Who is connected to PostgreSQL: one script, two lines of reply."""

from dbserver.postgres import activity, registry
from dbserver.postgres.server import Server
from tests.unit.fakes import SHOP, Programs, postgres_row
from tests.unit.fakes import activity as printed

SERVER = Server("db-server-postgres", "dbadmin")


def test_clients_limits_and_applications_are_read_in_one_go_from_the_administrator_s_database(
    programs: Programs,
) -> None:
    row = postgres_row("172.18.0.4", 3)
    programs.answer("pg_stat_activity", printed(row))
    assert activity.read(SERVER) == {"clients": [row], "applications": [SHOP], "used": 4, "max_connections": 102}
    assert [call.argv[-4:] for call in programs.calls] == [("-U", "dbadmin", "-d", "dbadmin")]


def test_a_server_without_a_registry_is_not_asked_for_it(programs: Programs) -> None:
    programs.answer("pg_stat_activity", printed(applications=()))
    assert activity.read(SERVER)["applications"] == []
    script = programs.calls[0].stdin.splitlines()
    assert r"SELECT to_regclass('dbserver.application') IS NOT NULL AS registered \gset" in script
    assert script.index(r"\if :registered") < script.index(r"\else") < script.index("SELECT '[]';")


def test_our_own_question_and_the_server_s_own_processes_are_no_clients() -> None:
    assert "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()" in activity.CLIENTS


def test_a_role_that_has_no_limit_yet_counts_with_the_pools_of_both_colours() -> None:
    assert "(e->>'pool_size')::int * (e->>'instances')::int * 2)" in registry.LIMITS
