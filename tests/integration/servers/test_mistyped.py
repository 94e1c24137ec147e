"""A file that is mistyped, and a role that has something elsewhere: nothing is destroyed."""

import pytest

from tests.support.lending import Lent


@pytest.fixture(scope="module")
def town(lent: Lent) -> Lent:
    return lent.admit({"name": "shop"}, {"name": "blog"})


def dropped(town: Lent, name: str = "shop") -> tuple[int, str]:
    done = town.script("dbserver", "drop", name, "--confirm", name)
    return done.code, done.text


def databases(town: Lent) -> set[str]:
    return set(town.sql("SELECT datname FROM pg_database").splitlines())


@pytest.mark.parametrize(
    ("right", "wrong"), [("name: shop", "nmae: shop"), ("config:", "confg:"), ("db-server:appl", "db-server:apl")]
)
def test_a_mistyped_key_does_not_let_a_declared_application_be_dropped(town: Lent, right: str, wrong: str) -> None:
    before = town.file.read_text()
    assert right in before
    town.file.write_text(before.replace(right, wrong))
    try:
        code, text = dropped(town)
        stopped = town.script("dbserver", "stop")
    finally:
        town.file.write_text(before)
    assert code == 2, text
    assert "unknown key" in text
    assert stopped.code == 2, stopped.text
    assert town.sql("SELECT 1", "shop") == "1"


@pytest.mark.parametrize("verb", ["drop shop --confirm shop", "stop", "list", "preview"])
def test_a_section_that_stands_twice_is_a_fault_and_no_declaration(town: Lent, verb: str) -> None:
    before = town.file.read_text()
    first = before[: before.index("db-server:applications:")].count("\n") + 1
    town.file.write_text(
        before.replace("db-server:applications:", "db-server:applications: []\n  db-server:applications:")
    )
    try:
        tried = town.script("dbserver", *verb.split())
    finally:
        town.file.write_text(before)
    assert tried.code == 2, tried.text
    assert f"applications: stands twice, in line {first} and in line {first + 1}" in tried.err
    assert town.sql("SELECT 1", "shop") == "1"


def test_a_role_that_has_something_elsewhere_keeps_its_database_and_the_objects_are_named(town: Lent) -> None:
    entries = town.config["applications"]
    town.sql("CREATE TABLE public.orders (n int); ALTER TABLE public.orders OWNER TO shop", "blog")
    town.sql("CREATE DATABASE more OWNER shop", "postgres")
    town.configure(applications=[entry for entry in entries if entry["name"] != "shop"])
    try:
        code, text = dropped(town)
        assert code == 5, text
        assert "table public.orders in database blog" in text
        assert "database more" in text
        assert "HINT: in each database: REASSIGN OWNED BY shop" in text
        assert "shop" in databases(town)
        assert not list((town.project / "backups").glob("shop_*"))
        town.sql("DROP DATABASE more", "postgres")
        town.sql("DROP TABLE public.orders", "blog")
        asked = town.script("dbserver", "drop", "shop")
        assert asked.code == 5, asked.text
        assert "this destroys database shop (" in asked.text
        assert f"of stack {town.name}; its last backup: none" in asked.text
        code, text = dropped(town)
        assert code == 0, text
        assert "shop" not in databases(town)
    finally:
        town.configure(applications=entries)
