"""An application's role and database: one script, from whose quotes no name and no value escapes."""

import re
from functools import partial
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dbserver.applications import Application
from dbserver.postgres import access, scram, sql
from dbserver.postgres.access import Access
from dbserver.postgres.sql import LIST_SETTINGS, create_extension, identifier, literal, no_template

TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1)
HOSTILE = [
    "'; DROP DATABASE x; --", '"; DROP ROLE x; --', "\\'", "a\\", "''", '""', "$$", "$do$", "$do_$ $do$", "%", "数据",
]  # fmt: skip
TOKEN = re.compile(
    r"""(?P<body>\$(?P<tag>do_*)\$.*?\$(?P=tag)\$)|(?P<escaped>E'(?:[^'\\]|''|\\.)*')|(?P<literal>'(?:[^']|'')*')"""
    r"""|(?P<name>"(?:[^"]|"")*")""",
    re.DOTALL,
)


def application(**changes: Any) -> Application:
    values: dict[str, Any] = {
        "name": "shop", "database": "shop_data", "role": "shop_user", "pool_size": 5, "instances": 2,
        "redis_database": 1, "redis_prefix": "shop:",
    }  # fmt: skip
    return Application(**{**values, **changes})


def wanted(**changes: Any) -> Access:
    values: dict[str, Any] = {"application": application(), "extensions": ["pg_trgm"], "settings": {"jit": "off"}}
    return Access(**{**values, **changes})


def skeleton(script: str) -> str:
    """Return what the server parses beside its names and constants."""
    kinds = TOKEN.sub(lambda found: str(found.lastgroup).replace("escaped", "literal"), script)
    return re.sub(" *literal", "literal", kinds)


def names(script: str) -> set[str]:
    found = (match["name"] for match in TOKEN.finditer(script) if match["name"])
    return {name[1:-1].replace('""', '"') for name in found}


def constants(script: str) -> set[str]:
    found = set()
    for match in TOKEN.finditer(script):
        if match["escaped"]:
            found.add(match["escaped"][2:-1].replace("''", "'").replace("\\\\", "\\"))
        if match["literal"]:
            found.add(match["literal"][1:-1].replace("''", "'"))
    return found


def body(script: str) -> str:
    """Return the block between its tags as the server finds it."""
    tag = script.partition("DO ")[2].partition(" ")[0]
    assert script.count(tag) == 2, "a name ends the block"
    return script.split(tag)[1]


def check(text: str) -> None:
    hostile = application(name=text, database=text, role=text, redis_prefix=text)
    one, other = (
        Access(application(), ["pg_trgm"], {"jit": "off"}),
        Access(hostile, [text], {"jit": text}),
    )
    for script in (access.grant, access.differences):
        assert skeleton(script(other)) == skeleton(script(one))
    assert names(access.grant(other)) == {text, "jit"}
    assert {text, identifier(text)} <= constants(access.grant(other))
    assert {text, identifier(text), f"jit={text}"} <= constants(access.differences(other))
    for statements in (access.drop, partial(access.existing, admin="dbadmin")):
        assert skeleton(statements(hostile)) == skeleton(statements(application()))
    assert names(access.drop(hostile)) == {text}
    assert text in constants(access.existing(hostile, "dbadmin"))
    assert constants(access.drop(hostile)) == {text, "ALTER DATABASE %I IS_TEMPLATE false"}


@given(TEXT)
def test_no_name_and_no_value_leaves_its_quotes(text: str) -> None:
    check(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_hostile_name_and_no_hostile_value_leaves_its_quotes(text: str) -> None:
    check(text)


@pytest.mark.parametrize("role", HOSTILE)
def test_a_hostile_role_does_not_leave_the_quotes_of_the_block_that_adopts_or_refuses_it(role: str) -> None:
    found = body(access.grant(wanted(application=application(role=role))))
    assert skeleton(found) == skeleton(body(access.grant(wanted())))
    assert names(found) == {role}


@pytest.mark.parametrize("role", [*HOSTILE, "%s %"])
def test_the_message_of_a_refusal_is_no_format_and_names_the_role(role: str) -> None:
    """RAISE 'text' takes % for a value to put in; MESSAGE takes the text as it is."""
    found = body(access.grant(wanted(application=application(role=role))))
    assert re.findall(r"RAISE EXCEPTION (.{16})", found) == ["USING MESSAGE = "]
    messages = [text for text in constants(found) if text.startswith(f"role {role} exists with a password")]
    assert len(messages) == 1
    assert "keepPassword: true" in messages[0]


def test_the_role_is_fenced_and_limited_before_its_database_is_made() -> None:
    lines = access.grant(wanted()).splitlines()
    limited = (
        'ALTER ROLE "shop_user" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS INHERIT'
        " CONNECTION LIMIT 20;"
    )
    order = [
        limited,
        'ALTER ROLE "shop_user" RESET ALL;',
        'ALTER ROLE "shop_user" SET "jit" = \'off\';',
        'ALTER DATABASE "shop_data" OWNER TO "shop_user";',
        'REVOKE ALL ON DATABASE "shop_data" FROM PUBLIC;',
        sql.connect("shop_data"),
        access.own_public("shop_user").rstrip("\n"),
        create_extension("pg_trgm").rstrip("\n"),
    ]
    places = [lines.index(line) for line in order]
    assert places == sorted(places)


def test_a_trusted_extension_is_made_by_the_role_and_everything_after_it_by_the_administrator() -> None:
    script = access.grant(wanted())
    made = script.index("CREATE EXTENSION")
    assert "'trusted' = 'true') AS trusted \\gset\n\\if :trusted\nSET ROLE \"shop_user\";\n\\endif\n" in script[:made]
    assert script.endswith("\\gexec\nRESET ROLE;\n")


def test_logging_is_off_before_the_first_statement_of_each_session() -> None:
    lines = access.grant(wanted(verifier="SCRAM-SHA-256$x")).splitlines(keepends=True)
    assert lines[0] == access.QUIET
    assert lines[lines.index(f"{sql.connect('shop_data')}\n") + 1] == access.QUIET


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=12))
def test_a_verifier_but_never_a_password_stands_in_sql(password: str) -> None:
    script = access.grant(wanted(verifier=scram.verifier(password, b"0" * 16, 1)))
    assume(password not in access.grant(wanted(verifier=scram.verifier("another one", b"0" * 16, 1))))
    assert password not in script
    stored = re.search(r"CONNECTION LIMIT 20 PASSWORD '(SCRAM-SHA-256\$[^']*)';", script)
    assert stored
    assert scram.matches(stored[1], password)


def test_without_a_verifier_the_password_stays_as_it_is() -> None:
    assert "PASSWORD '" not in access.grant(wanted(keep_password=True))


@pytest.mark.parametrize(
    ("changes", "guard"),
    [
        ({}, "rolpassword IS NOT NULL"), ({"verifier": "x"}, "rolpassword IS NOT NULL"),
        ({"keep_password": True}, "false"), ({"verifier": "x", "new_password": True}, "false"),
    ],
    ids=["unknown", "generated", "kept", "known"],
)  # fmt: skip
def test_a_role_with_a_password_that_nobody_knows_is_refused(changes: dict[str, Any], guard: str) -> None:
    assert f"rolname = 'shop_user' AND {guard}) THEN RAISE EXCEPTION" in access.grant(wanted(**changes))


def test_the_elements_of_a_list_are_constants_of_their_own() -> None:
    script = access.grant(wanted(settings={"search_path": "a, b", "work_mem": "1, 2"}))
    assert "SET \"search_path\" = 'a', 'b';" in script
    assert "SET \"work_mem\" = '1, 2';" in script


def test_a_setting_of_an_extension_has_two_names() -> None:
    assert 'SET "own"."x" = \'1\';' in access.grant(wanted(settings={"own.x": "1"}))


def test_a_list_may_be_written_as_postgres_shows_it() -> None:
    """The default is shown as "$user", public; quoted again it is a schema whose name has quotes in it."""
    assert "= '$user', 'public';" in access.grant(wanted(settings={"search_path": '"$user", public'}))


LISTS = [
    ("a, b", ["a", "b"]), ("a,b", ["a", "b"]), ("$user,public", ["$user", "public"]),
    ('"$user", public', ["$user", "public"]), ("Mixed", ["mixed"]), ('"Mixed", Other', ["Mixed", "other"]),
    ('"say ""hi"""', ['say "hi"']), ("", [""]), ('"a, b", c', ["a, b", "c"]), ("it's", ["it's"]),
]  # fmt: skip


@pytest.mark.parametrize("name", LIST_SETTINGS)
@pytest.mark.parametrize(("declared", "elements"), LISTS)
def test_a_list_is_set_and_compared_by_its_elements_quoted_as_postgres_stores_them(
    name: str, declared: str, elements: list[str]
) -> None:
    """PostgreSQL stores a list's elements quoted as names where they have to be, joined by a comma and a space.

    What is compared as it was typed differs for ever, and every update changes it again.
    """
    access_wanted = wanted(settings={name: declared})
    assert f'SET "{name}" = {", ".join(literal(element) for element in elements)};' in access.grant(access_wanted)
    quoted = " || ', ' || ".join(f"quote_ident({literal(element)})" for element in elements)
    assert f"ARRAY['{name}=' || {quoted}]::text[]" in access.differences(access_wanted)


def test_a_setting_that_is_no_list_is_compared_as_it_was_declared() -> None:
    assert "ARRAY['work_mem=1, 2']::text[]" in access.differences(wanted(settings={"work_mem": "1, 2"}))


def test_settings_are_compared_in_an_order_that_no_collation_changes() -> None:
    """Python sorts by code points: jit= before jit_above_cost=; en_US.utf8 the other way round."""
    settings = {"jit": "on", "jit_above_cost": "5"}
    query = access.differences(wanted(settings=settings))
    assert "ARRAY['jit=on', 'jit_above_cost=5']" in query
    orders = re.findall(r"ORDER BY (.*?)\) FROM", query)
    assert len(orders) == 3, "the stored ones, the declared ones, and who is granted something"
    assert all(order.endswith('COLLATE "C"') for order in orders), orders


def test_the_role_is_told_as_granted_once_its_password_holds_and_nothing_later_can_take_it_back() -> None:
    lines = access.grant(wanted(verifier="SCRAM-SHA-256$x")).splitlines()
    password = next(number for number, line in enumerate(lines) if " PASSWORD " in line)
    told = lines.index(f"\\echo {access.GRANTED}")
    assert password < lines.index("COMMIT;") < told
    assert told < next(number for number, line in enumerate(lines) if "CREATE DATABASE" in line)


def test_an_entry_under_another_name_for_the_same_database_or_role_is_forgotten() -> None:
    forget = (
        "DELETE FROM dbserver.application WHERE name <> 'shop' AND (database = 'shop_data' OR role = 'shop_user');\n"
    )
    script = access.grant(wanted())
    assert forget in script
    assert script.index(forget) < script.index("INSERT INTO dbserver.application")


def test_a_database_and_its_role_are_dropped_and_their_entry_last() -> None:
    assert access.drop(application()) == no_template("shop_data") + (
        'DROP DATABASE IF EXISTS "shop_data";\n'
        'DROP ROLE IF EXISTS "shop_user";\n'
        "DELETE FROM dbserver.application WHERE name = 'shop';\n"
    )


def test_the_shared_databases_are_closed_once_each() -> None:
    assert access.close_shared_databases("postgres").count("REVOKE") == 2
    assert f"REVOKE ALL ON DATABASE {identifier('a')} FROM PUBLIC;" in access.close_shared_databases("a")


def test_every_difference_is_asked_for_in_words() -> None:
    query = access.differences(wanted())
    for text in (
        "attributes",
        "connection limit",
        "settings",
        "member of other roles",
        "open to everybody",
        "extension",
    ):
        assert [constant for constant in constants(query) if text in constant]
    assert literal("pg_trgm") in query
    assert query.count(";") == 1


def test_a_schema_public_that_its_owner_has_dropped_is_nobody_s() -> None:
    assert access.own_public("it's") == (
        "SELECT format('ALTER SCHEMA public OWNER TO %I', 'it''s') FROM pg_namespace WHERE nspname = 'public' \\gexec\n"
    )
