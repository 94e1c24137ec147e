"""What an upgrade brings into the new server, and what it compares."""

from typing import Any

import pytest

from dbserver.postgres import upgrading
from dbserver.postgres.access import QUIET

PROPERTIES: dict[str, Any] = {
    "owner": "shop",
    "provider": "c",
    "limit": -1,
    "acl": [{"grantee": "", "privilege": "CONNECT"}, {"grantee": "shop", "privilege": "CREATE"}],
    "extensions": [{"name": "pg_trgm", "version": "1.6", "schema": "public"}],
}
ROLES: dict[str, Any] = {
    "roles": {"shop": {"rolpassword": "SCRAM-SHA-256$a", "rolcanlogin": True}},
    "members": {"reader in pg_read_all_data": {"admin_option": True}},
    "settings": {"reader": ["work_mem=5MB"]},
}


@pytest.mark.parametrize("line", ["CREATE ROLE dbadmin;", 'CREATE ROLE "dbadmin";'])
def test_the_administrator_is_not_made_again_but_gets_his_attributes(line: str) -> None:
    text = f"\\restrict x\nCREATE ROLE a;\n{line}\nALTER ROLE dbadmin WITH SUPERUSER;\nCREATE ROLE dbadmin2;\n"
    assert upgrading.globals_of(text, "dbadmin") == (
        f"{QUIET}\\restrict x\nCREATE ROLE a;\nALTER ROLE dbadmin WITH SUPERUSER;\nCREATE ROLE dbadmin2;\n"
    )


def test_only_the_first_such_line_is_left_out_not_one_in_a_comment() -> None:
    text = "CREATE ROLE dbadmin;\nCOMMENT ON ROLE b IS 'x\nCREATE ROLE dbadmin;\n';\n"
    assert upgrading.globals_of(text, "dbadmin").endswith("COMMENT ON ROLE b IS 'x\nCREATE ROLE dbadmin;\n';\n")


def test_a_restored_database_takes_the_place_of_the_empty_one() -> None:
    assert upgrading.take_name("upgrade_1", 'po"stgres') == (
        'DROP DATABASE IF EXISTS "po""stgres" WITH (FORCE);\nALTER DATABASE "upgrade_1" RENAME TO "po""stgres";\n'
    )


def test_nothing_is_asked_about_no_extension() -> None:
    assert upgrading.missing([]) == "SELECT '[]';\n"
    assert "('pg_trgm')" in upgrading.missing(["pg_trgm"])


def test_the_same_properties_in_another_order_are_the_same() -> None:
    assert upgrading.differing(PROPERTIES, {**PROPERTIES, "acl": PROPERTIES["acl"][::-1]}) == ([], [])


def test_what_an_older_version_does_not_say_is_no_difference() -> None:
    assert upgrading.differing({**PROPERTIES, "provider": None}, PROPERTIES) == ([], [])


def test_a_property_that_differs_and_a_missing_extension_are_wrong() -> None:
    after = {**PROPERTIES, "owner": "dbadmin", "extensions": []}
    assert upgrading.differing(PROPERTIES, after) == (["owner", "extension pg_trgm"], [])


def test_a_newer_extension_is_told_and_harms_nobody() -> None:
    after = {**PROPERTIES, "extensions": [{"name": "pg_trgm", "version": "1.7", "schema": "public"}]}
    assert upgrading.differing(PROPERTIES, after) == ([], ["extension pg_trgm 1.6 is 1.7 there"])


def test_equal_roles_do_not_differ_and_new_attributes_of_a_version_do_not_count() -> None:
    newer = {**ROLES, "members": {"reader in pg_read_all_data": {"admin_option": True, "set_option": True}}}
    assert upgrading.roles_differing(ROLES, ROLES) == []
    assert upgrading.roles_differing(ROLES, newer) == []


@pytest.mark.parametrize(
    ("kind", "after", "told"),
    [
        ("roles", {}, "role shop"),
        ("roles", {"shop": {"rolpassword": "SCRAM-SHA-256$b", "rolcanlogin": True}}, "role shop"),
        ("members", {}, "member reader in pg_read_all_data"),
        ("settings", {"reader": ["work_mem=6MB"]}, "setting reader"),
        ("settings", {**ROLES["settings"], "other": ["x=1"]}, "setting other"),
    ],
)
def test_what_of_the_roles_differs_is_named_without_its_secret(kind: str, after: Any, told: str) -> None:
    assert upgrading.roles_differing(ROLES, {**ROLES, kind: after}) == [told]
