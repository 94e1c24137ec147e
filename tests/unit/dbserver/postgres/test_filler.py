"""The roles that load a dump, as text."""

from dbserver.postgres import filler


def test_who_fills_a_database_is_a_member_of_its_owner_and_nothing_else() -> None:
    assert filler.own("filling", "crypto") == 'CREATE ROLE "filling" LOGIN IN ROLE "crypto";\n'
    assert filler.own("filling", "a", "b") == 'CREATE ROLE "filling" LOGIN IN ROLE "a", "b";\n'
    assert filler.own("filling") == 'CREATE ROLE "filling" LOGIN;\n'


def test_who_brings_a_superuser_s_rows_is_a_member_of_nothing() -> None:
    assert filler.loader("bringing") == 'CREATE ROLE "bringing" LOGIN BYPASSRLS;\n'


def test_rights_are_given_on_what_is_there_with_every_name_quoted_by_the_server() -> None:
    text = filler.let_insert("it's", {"dbadmin"})
    assert "format('GRANT USAGE ON SCHEMA %I TO ' || '%I', n.nspname, 'it''s')" in text
    assert "format('GRANT INSERT ON %I.%I TO ' || '%I', n.nspname, c.relname, 'it''s')" in text
    assert text.endswith("AND pg_get_userbyid(c.relowner) IN ('dbadmin') \\gexec\n")


def test_a_superuser_s_view_is_filled_while_it_belongs_to_another_in_one_transaction() -> None:
    lines = filler.refresh("s", "v", "dbadmin", "bringing").splitlines()
    assert lines == [
        "BEGIN;",
        'GRANT pg_read_all_data TO "bringing";',
        'ALTER MATERIALIZED VIEW "s"."v" OWNER TO "bringing";',
        'REFRESH MATERIALIZED VIEW "s"."v";',
        'ALTER MATERIALIZED VIEW "s"."v" OWNER TO "dbadmin";',
        'REVOKE pg_read_all_data FROM "bringing";',
        "COMMIT;",
    ]


def test_the_roles_beside_the_first_are_known_by_the_database() -> None:
    assert filler.name("shop", 3) != filler.name("shop2", 3)
    assert filler.name("shop", 3)[:-1] in filler.drop_all("shop")
    assert len(filler.name("x" * 63, 1000)) < 63
