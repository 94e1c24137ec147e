"""What a dump leaves out, as statements."""

from typing import Any

from dbserver.postgres import dump, properties
from dbserver.postgres.sql import literal


def test_settings_of_databases_and_of_roles_in_them_come_back_as_statements() -> None:
    stored: list[dict[str, Any]] = [
        {"database": 'odd"name', "role": None, "settings": ["work_mem=5MB"]},
        {"database": "shop", "role": "visitor", "settings": ['search_path=a, "B c"', "app.text=it's"]},
    ]
    assert properties.settings_in_databases(stored) == (
        'ALTER DATABASE "odd""name" SET "work_mem" TO \'5MB\';\n'
        'ALTER ROLE "visitor" IN DATABASE "shop" SET "search_path" TO \'a\', \'B c\';\n'
        'ALTER ROLE "visitor" IN DATABASE "shop" SET "app"."text" TO ' + literal("it's") + ";\n"
    )


def test_the_globals_are_dumped_into_a_file_and_never_ask_for_a_password() -> None:
    argv = dump.pg_dumpall_globals("dbadmin", "/backups/.x.partial/globals.sql", low_priority=True)
    assert argv == [
        *dump.LOW_PRIORITY, "pg_dumpall", "--globals-only", "--file=/backups/.x.partial/globals.sql", "--no-password",
        "--lock-wait-timeout=10s", "--username=dbadmin", "--dbname=dbname='postgres'",
    ]  # fmt: skip
    assert dump.pg_dumpall_globals("dbadmin", "x", low_priority=False)[0] == "pg_dumpall"
