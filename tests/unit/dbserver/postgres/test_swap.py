"""The statements of a swap: what is renamed, what is noted, what is dropped, each in one piece."""

import pytest

from dbserver.postgres import swap


def test_a_swap_renames_both_and_notes_what_is_kept_in_one_transaction() -> None:
    assert swap.swap("shop", "shop__restoring_1", "shop__old_1", exists=True) == (
        "BEGIN;\n"
        'ALTER DATABASE "shop" RENAME TO "shop__old_1";\n'
        'ALTER DATABASE "shop__restoring_1" RENAME TO "shop";\n'
        "UPDATE dbserver.database SET name = 'shop__old_1', purpose = 'kept', since = now()"
        " WHERE name = 'shop__restoring_1';\n"
        "COMMIT;\n"
    )


def test_where_there_was_no_database_nothing_is_kept_and_nothing_stays_noted() -> None:
    assert swap.swap("shop", "shop__restoring_1", "shop__old_1", exists=False) == (
        'BEGIN;\nALTER DATABASE "shop__restoring_1" RENAME TO "shop";\n'
        "DELETE FROM dbserver.database WHERE name = 'shop__restoring_1';\nCOMMIT;\n"
    )


def test_a_database_beside_is_noted_under_the_name_that_it_gets() -> None:
    assert swap.settle("shop__restoring_1", "looked at") == (
        'BEGIN;\nALTER DATABASE "shop__restoring_1" RENAME TO "looked at";\n'
        "DELETE FROM dbserver.database WHERE name = 'looked at';\n"
        "UPDATE dbserver.database SET name = 'looked at', purpose = 'beside', since = now()"
        " WHERE name = 'shop__restoring_1';\nCOMMIT;\n"
    )


def test_what_is_forgotten_is_dropped_with_its_roles_and_its_note() -> None:
    assert swap.forget("it's") == (
        "SELECT format('ALTER DATABASE %I IS_TEMPLATE false', datname) FROM pg_database"
        " WHERE datistemplate AND datname = 'it''s' \\gexec\n"
        'DROP DATABASE IF EXISTS "it\'s" WITH (FORCE);\nDROP ROLE IF EXISTS "it\'s";\n'
        "SELECT format('DROP ROLE %I', rolname) FROM pg_roles"
        " WHERE rolname ~ '^dbserver_24ceef1cb6b0cbc0_[0-9]+$' \\gexec\n"
        "DELETE FROM dbserver.database WHERE name = 'it''s';\n"
    )


def test_a_database_is_noted_with_what_it_is_for() -> None:
    assert swap.register("shop__restoring_1", "shop", swap.RESTORING, "shop_1") == (
        "INSERT INTO dbserver.database (name, application, purpose, backup)"
        " VALUES ('shop__restoring_1', 'shop', 'restoring', 'shop_1');\n"
    )


def test_noted_databases_are_asked_for_all_together_or_of_one_application() -> None:
    asked = (
        "SELECT coalesce(json_agg(json_build_object('name', r.name, 'application', r.application, 'purpose', r.purpose,"
        " 'backup', r.backup, 'since', extract(epoch FROM r.since), 'size', pg_database_size(d.oid)) ORDER BY r.since),"
        " '[]') FROM dbserver.database r LEFT JOIN pg_database d ON d.datname = r.name"
    )
    assert swap.registered() == f"{asked};\n"
    assert swap.registered("it's") == f"{asked} WHERE r.application = 'it''s';\n"


@pytest.mark.parametrize(
    ("database", "name"),
    [
        ("shop", "shop__old_20261123t140507z"),
        ("s" * 63, "s" * 41 + "__old_20261123t140507z"),
        ("s" * 41, "s" * 41 + "__old_20261123t140507z"),
        ("s" * 40 + "ü" * 10, "s" * 40 + "__old_20261123t140507z"),  # no half of a letter
    ],
)
def test_a_name_beside_another_has_at_most_63_bytes(database: str, name: str) -> None:
    assert swap.beside(database, "old", "20261123t140507z") == name
    assert len(name.encode()) <= 63


def test_sessions_are_ended_in_the_named_databases_only() -> None:
    assert swap.end_sessions(["shop", "it's"]) == (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname IN ('shop', 'it''s');\n"
    )


def test_prepared_transactions_logical_slots_and_subscriptions_are_in_the_way() -> None:
    asked = swap.obstacles("shop")
    assert "format('prepared transaction %L', gid) AS text FROM pg_prepared_xacts WHERE database = 'shop'" in asked
    assert "format('logical replication slot %s', slot_name) FROM pg_replication_slots WHERE database = 'shop'" in asked
    assert "JOIN pg_database d ON d.oid = s.subdbid WHERE d.datname = 'shop'" in asked
    assert asked.startswith("SELECT coalesce(json_agg(text), '[]') FROM (")


def test_whether_a_database_exists_is_asked_by_name() -> None:
    assert swap.exists("it's") == "SELECT EXISTS (SELECT FROM pg_database WHERE datname = 'it''s');\n"
