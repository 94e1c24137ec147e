"""The statements that give a server back what a stack changes in it."""

from dbserver.postgres import adoption
from tests.unit.dbserver.adoption.installed import database, role

SHOP = role(
    "shop", limit=7, createdb=True, settings=["search_path=a, b"], member_of=[{"role": "readers", "admin": True}]
)


def test_a_role_gets_back_its_attributes_password_settings_and_memberships() -> None:
    lines = adoption.put_back([SHOP], {}, "dbadmin").splitlines()[1:]
    attributes = "NOSUPERUSER LOGIN INHERIT CREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
    assert lines == [
        f"ALTER ROLE \"shop\" {attributes} CONNECTION LIMIT 7 PASSWORD 'SCRAM-SHA-256$shop';",
        'ALTER ROLE "shop" RESET ALL;',
        "ALTER ROLE \"shop\" SET \"search_path\" = 'a', 'b';",
        'GRANT "readers" TO "shop" WITH ADMIN OPTION;',
    ]


def test_the_administrator_gets_back_his_password_and_a_role_without_one_none() -> None:
    text = adoption.put_back([role("dbadmin", super=True), role("readers", verifier="")], {}, "dbadmin")
    assert "ALTER ROLE \"dbadmin\"  CONNECTION LIMIT -1 PASSWORD 'SCRAM-SHA-256$dbadmin';" in text
    assert "CONNECTION LIMIT -1 PASSWORD NULL;" in text
    assert text.startswith("SET log_statement = 'none';"), "verifiers would stand in the server's log"


def test_a_database_gets_back_its_owner_and_who_was_let_in() -> None:
    closed = database("shop", "shop", acl=[{"grantee": "shop", "privilege": "CONNECT", "grantable": False}])
    open_to_all = database("blog", "blog")
    known = {each.name: each.properties for each in (closed, open_to_all)}
    lines = adoption.put_back([SHOP, role("blog")], known, "dbadmin").splitlines()
    assert 'ALTER DATABASE "shop" OWNER TO "shop";' in lines
    assert 'GRANT CONNECT ON DATABASE "shop" TO "shop";' in lines
    granted = [line for line in lines if line.startswith("GRANT") and line.endswith("TO PUBLIC;")]
    assert granted == ['GRANT CONNECT, TEMPORARY ON DATABASE "blog" TO PUBLIC;']


def test_what_alter_system_had_set_is_set_again() -> None:
    assert adoption.put_back_overrides({"work_mem": "9MB"}) == "ALTER SYSTEM SET \"work_mem\" = '9MB';\n"
    assert adoption.put_back_schema("pg_database_owner") == 'ALTER SCHEMA public OWNER TO "pg_database_owner";\n'


def test_names_are_quoted_wherever_they_stand() -> None:
    assert 'ALTER ROLE "a""b"' in adoption.put_back([role('a"b')], {}, "dbadmin")
    assert "pg_wal_lsn_diff(pg_current_wal_lsn(), '0/1''x')" in adoption.identity("0/1'x")
