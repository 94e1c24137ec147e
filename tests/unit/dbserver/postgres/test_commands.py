"""Commands in the PostgreSQL container, literally."""

from dbserver.postgres import commands


def test_psql_for_a_person_has_a_terminal_and_goes_on_after_an_error() -> None:
    assert commands.shell("c", "shop_user", "shop_data", [], "s", terminal=True) == [
        "docker", "exec", "-it", "--env", "PGAPPNAME=s", "c", "psql", "-X", "-U", "shop_user", "-d", "shop_data",
    ]  # fmt: skip


def test_psql_for_a_script_stops_at_its_first_error_and_takes_arguments() -> None:
    assert commands.shell("c", "shop_user", "shop_data", ["--csv", "-c", "TABLE a; --"], "s", terminal=False) == [
        "docker", "exec", "-i", "--env", "PGAPPNAME=s", "c", "psql", "-X", "-v", "ON_ERROR_STOP=1",
        "-U", "shop_user", "-d", "shop_data", "--csv", "-c", "TABLE a; --",
    ]  # fmt: skip
