"""No application reaches another's database, nor the server: every role against every database."""

from itertools import product

import pytest

from tests.support.commands import Ran
from tests.support.lending import Lent

APPLICATIONS = {
    "alpha-app": ("alpha_app", "alpha_app"),
    "beta": ("beta_data", "beta"),
    "gamma": ("gamma", "gamma_role"),
}
THE_SERVERS_OWN = ("postgres", "template0", "template1", "dbadmin")


@pytest.fixture(scope="module")
def street(lent: Lent) -> Lent:
    """Three applications side by side."""
    return lent.admit(
        {"name": "alpha-app", "poolSize": 1, "extensions": ["pg_trgm", "uuid-ossp"]},
        {"name": "beta", "database": "beta_data", "role": "beta", "poolSize": 2, "settings": {"work_mem": "3MB"}},
        {"name": "gamma", "role": "gamma_role", "poolSize": 2},
    )


@pytest.fixture(scope="module")
def urls(street: Lent) -> dict[str, str]:
    return {name: street.variables(name)["DATABASE_URL"] for name in APPLICATIONS}


def psql(url: str, statement: str) -> list[str]:
    return ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", url, "-c", statement]


def elsewhere(url: str, database: str) -> str:
    return f"{url.rpartition('/')[0]}/{database}"


def assert_refused(done: Ran, *reasons: str) -> None:
    assert done.code != 0, f"{done.argv[-1]} was not refused:\n{done.text}"
    assert any(reason in done.out for reason in reasons), f"{done.argv[-1]}:\n{done.text}"


def test_every_role_reaches_its_own_database_and_no_other(street: Lent, urls: dict[str, str]) -> None:
    databases = [*(database for database, _ in APPLICATIONS.values()), *THE_SERVERS_OWN]
    pairs = list(product(APPLICATIONS, databases))
    tried = street.attempts([psql(elsewhere(urls[name], database), "SELECT current_user") for name, database in pairs])
    assert len(tried) == 21
    for (name, database), done in zip(pairs, tried, strict=True):
        own, role = APPLICATIONS[name]
        if database == own:
            assert done.ok().out == role
        else:
            assert_refused(done, "permission denied for database", "not currently accepting connections")


FORBIDDEN = [
    "COPY (SELECT 1) TO PROGRAM 'id'",
    "CREATE TABLE t (x text); COPY t FROM PROGRAM 'id'",
    "COPY (SELECT 1) TO '/tmp/out'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_ls_dir('/')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT * FROM pg_authid",
    "SELECT * FROM pg_shadow",
    "CREATE ROLE intruder",
    "CREATE DATABASE intruder",
    "ALTER SYSTEM SET work_mem = '1GB'",
    "SELECT pg_reload_conf()",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "ALTER ROLE CURRENT_USER CREATEROLE",
    "ALTER ROLE CURRENT_USER CONNECTION LIMIT -1",
    "ALTER ROLE gamma_role PASSWORD 'taken'",
    "GRANT gamma_role TO CURRENT_USER",
    "GRANT pg_read_all_data TO CURRENT_USER",
    "SET ROLE dbadmin",
    "SET ROLE gamma_role",
    "SET SESSION AUTHORIZATION dbadmin",
    "CREATE EXTENSION file_fdw",
    "CREATE EXTENSION dblink",
    "CREATE FUNCTION f() RETURNS int AS 'libc.so.6', 'getpid' LANGUAGE c",
    "DROP DATABASE gamma",
    "ALTER DATABASE gamma OWNER TO CURRENT_USER",
    "GRANT CONNECT ON DATABASE gamma TO CURRENT_USER",
    "CREATE SUBSCRIPTION s CONNECTION 'dbname=gamma' PUBLICATION p",
    "SELECT pg_create_physical_replication_slot('slot')",
    "SELECT pg_stat_reset_shared('bgwriter')",
    "SET log_statement = 'none'",
]


def test_a_role_has_no_right_over_the_server_or_others(street: Lent, urls: dict[str, str]) -> None:
    for done in street.attempts([psql(urls["beta"], statement) for statement in FORBIDDEN]):
        # "no privileges were granted" is a warning with exit status 0 for a GRANT that did nothing.
        if "no privileges were granted" not in done.out:
            assert_refused(done, "permission denied", "must be ", "must have", "cannot be")
    assert street.sql("SELECT rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls"
                      " FROM pg_roles WHERE rolname = 'beta'") == "t|f|f|f|f|f"  # fmt: skip
    assert street.sql("SELECT has_database_privilege('beta', 'gamma', 'CONNECT')") == "f"
    assert street.sql("SELECT count(*) FROM pg_auth_members WHERE member = 'beta'::regrole") == "0"


def test_another_applications_statements_are_hidden_and_its_connections_cannot_be_ended(
    street: Lent, urls: dict[str, str]
) -> None:
    look = "SELECT pid, query FROM pg_stat_activity WHERE usename = 'gamma_role'"
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'gamma_role'"
    done = street.client(
        f"psql -XAtq '{urls['gamma']}' -c \"SELECT 'my secret', pg_sleep(1.5)\" & sleep 0.7\n"
        f'psql -XAtq \'{urls["beta"]}\' -c "{look}" -c "{end}" 2>&1\nwait $!; echo "gamma ended with $?"'
    ).ok()
    seen = done.out.partition("my secret|")[0]
    assert "insufficient privilege" in seen, done.text
    assert "permission denied to terminate process" in seen, done.text
    assert "gamma ended with 0" in done.out, done.text


def test_a_role_makes_its_own_tables_and_has_the_declared_extensions_and_settings(
    street: Lent, urls: dict[str, str]
) -> None:
    own = "CREATE TABLE own (n int); INSERT INTO own VALUES (41); UPDATE own SET n = n + 1; SELECT n FROM own;"
    made, similar, setting = street.attempts([
        psql(urls["alpha-app"], own + "CREATE SCHEMA more; DROP SCHEMA more; CREATE TEMP TABLE t (); DROP TABLE own"),
        psql(urls["alpha-app"], "SELECT similarity('word', 'word'), length(uuid_generate_v4()::text)"),
        psql(urls["beta"], "SHOW work_mem"),
    ])  # fmt: skip
    assert made.ok().out == "42"
    assert similar.ok().out == "1|36"
    assert setting.ok().out == "3MB"


def test_the_administrator_comes_from_the_host_and_not_from_the_network(street: Lent) -> None:
    password = street.output("adminPassword")
    databases = ("dbadmin", "postgres", "alpha_app")
    inside = [psql(f"postgresql://dbadmin:{password}@{street.postgres}:5432/{each}", "SELECT 1") for each in databases]
    for done in street.attempts(inside):
        assert_refused(done, "pg_hba.conf rejects connection")
    published = f"postgresql://dbadmin:{password}@127.0.0.1:{street.postgres_port}/dbadmin"
    host = street.attempts([psql(published, "SELECT current_user")], "--network", "host")[0]
    assert host.ok().out == "dbadmin"
    wrong = published.replace(password, "wrong-password")
    assert_refused(street.attempts([psql(wrong, "SELECT 1")], "--network", "host")[0], "authentication failed")


def test_a_wrong_password_is_refused_from_the_network(street: Lent, urls: dict[str, str]) -> None:
    wrong = urls["beta"].replace("postgresql://beta:", "postgresql://beta:x")
    none = urls["beta"].partition("@")[2]
    tried = street.attempts([psql(wrong, "SELECT 1"), psql(f"postgresql://beta@{none}", "SELECT 1")])
    assert_refused(tried[0], "password authentication failed")
    assert_refused(tried[1], "no password supplied")


def test_one_connection_more_than_the_limit_is_refused(street: Lent, urls: dict[str, str]) -> None:
    url = urls["alpha-app"]
    assert street.sql("SELECT rolconnlimit FROM pg_roles WHERE rolname = 'alpha_app'") == "2"
    hold = f"psql -XAtq '{url}' -c 'SELECT pg_sleep(1.5)' & "
    done = street.client(f"{hold}{hold}sleep 0.7; psql -XAtq '{url}' -c 'SELECT 1' 2>&1; echo \"code $?\"; wait").ok()
    assert 'too many connections for role "alpha_app"' in done.out, done.text
    assert "code 2" in done.out
