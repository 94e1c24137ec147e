"""Tables that get into the live database beside its own."""

from dbserver.postgres import beside, swap


def test_tables_are_gathered_in_a_schema_whatever_their_names() -> None:
    assert beside.move("restored_x", [("public", "item"), ("old", 'odd "one"')]) == (
        'CREATE SCHEMA "restored_x";\n'
        'ALTER TABLE "public"."item" SET SCHEMA "restored_x";\n'
        'ALTER TABLE "old"."odd ""one""" SET SCHEMA "restored_x";\n'
    )


def test_the_role_that_brings_them_may_make_a_schema_and_nothing_else() -> None:
    assert beside.guest("r", "shop") == (
        'CREATE ROLE "r" LOGIN;\nGRANT CONNECT, CREATE ON DATABASE "shop" TO "r";\n'
    )  # fmt: skip


def test_they_come_as_one_stream_and_whole_or_not_at_all() -> None:
    assert beside.dump_schema("dbadmin", "a", "restored_x") == [
        "pg_dump", "--format=custom", "--compress=0", "--section=pre-data", "--section=data", "--no-password",
        '--schema="restored_x"', "--username=dbadmin", "--dbname=dbname='a'",
    ]  # fmt: skip
    assert "--single-transaction" in beside.restore_schema("r", "shop")


def test_a_database_beside_gets_its_name_and_its_note_at_once() -> None:
    assert swap.settle("incoming", "copy") == (
        'BEGIN;\nALTER DATABASE "incoming" RENAME TO "copy";\n'
        "DELETE FROM dbserver.database WHERE name = 'copy';\n"
        "UPDATE dbserver.database SET name = 'copy', purpose = 'beside', since = now() WHERE name = 'incoming';\n"
        "COMMIT;\n"
    )
