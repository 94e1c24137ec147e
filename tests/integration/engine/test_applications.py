"""Applications from their entry to their removal: adoption, drift, faults, lost state, many at once."""

import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
import yaml

from tests.support.commands import Ran
from tests.support.project import ROOT
from tests.support.stack import Stack

SHIPPED = yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text())["config"]["db-server:applications"]
LEAVING = {"name": "leaving", "poolSize": 2}
DRIFTING: list[dict[str, Any]] = [
    {"name": f"drift-{number}", "poolSize": 2, "extensions": ["pg_trgm"]} for number in range(1, 6)
]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One running stack; each test adds applications of its own and leaves everything as declared."""
    made = Stack(tmp_path_factory.mktemp("town"))
    made.configure(postgres={"maxConnections": 450})
    made.declare(*SHIPPED, LEAVING, *DRIFTING)
    made.start().ok()
    yield made
    made.remove()


@contextmanager
def as_before(stack: Stack, *, always: bool = False) -> Iterator[list[dict[str, Any]]]:
    """Put the configuration back where the test fails, or always."""
    before = stack.config["applications"]
    done = False
    try:
        yield before
        done = True
    finally:
        if always or not done:
            stack.configure(applications=before)


def shut_out(stack: Stack, passwords: Mapping[str, str], database: str = "") -> list[str]:
    """Return the roles that fail to log in from the network, each with its password, to the database of its name."""
    urls = [f"host={stack.postgres} user={role} password='{passwords[role]}' dbname={database or role}"
            for role in passwords]  # fmt: skip
    tried = stack.attempts([["psql", "-XAtq", url, "-c", "SELECT 1"] for url in urls])
    for done in tried:
        assert done.code == 0 or "password authentication failed" in done.out, done.text
    return [role for role, done in zip(passwords, tried, strict=True) if done.code != 0]


def exists(stack: Stack, kind: str, name: str) -> bool:
    table, column = {"database": ("pg_database", "datname"), "role": ("pg_roles", "rolname")}[kind]
    return stack.sql(f"SELECT EXISTS (SELECT FROM {table} WHERE {column} = '{name}')") == "t"


def test_the_shipped_application_has_exactly_the_integration_documents_variables(town: Stack) -> None:
    found = town.variables("crypto-ai-agent")
    password = found["DB_PASSWORD"]
    assert found == {
        "DATABASE_URL": f"postgresql://crypto:{password}@{town.postgres}:5432/crypto_ai_agent",
        "DB_HOST": town.postgres,
        "DB_PORT": "5432",
        "DB_NAME": "crypto_ai_agent",
        "DB_USER": "crypto",
        "DB_PASSWORD": password,
        "REDIS_URL": f"redis://{town.redis}:6379/0",
        "REDIS_HOST": town.redis,
        "REDIS_PORT": "6379",
        "REDIS_PREFIX": "crypto-ai-agent:",
    }
    assert re.fullmatch(r"[A-Za-z0-9_-]{32}", password)
    assert shut_out(town, {"crypto": password}, "crypto_ai_agent") == []
    town.assert_clean()


HOSTILE_ENTRIES: dict[str, dict[str, Any]] = {
    "name": {"name": 'a"; DROP DATABASE postgres; --'},
    "name ": {"name": "../up"},
    "name  ": {"name": "with space"},
    "name   ": {"name": "ünïcode"},
    "name    ": {"name": "x" * 64},
    "name     ": {"name": ""},
    "database": {"name": "h1", "database": "x'; DROP ROLE crypto; --"},
    "database ": {"name": "h2", "database": 'x" OWNER TO crypto'},
    "database  ": {"name": "h3", "database": "a%sb"},
    "role": {"name": "h4", "role": "r; ALTER ROLE crypto SUPERUSER"},
    "role ": {"name": "h5", "role": "Röle"},
    "extensions.0": {"name": "h6", "extensions": ['pg_trgm"; DROP DATABASE postgres']},
    "settings.x y": {"name": "h7", "settings": {"x y": "1"}},
    "settings.work_mem": {"name": "h8", "settings": {"work_mem": "1MB\nALTER"}},
    "redisPrefix": {"name": "h9", "redisPrefix": "* ~"},
    "poolSize": {"name": "h10", "poolSize": 0},
}
# Encrypted in the file: the program alone can judge them.
HOSTILE_PASSWORDS = ("ünïcode-password", "short")


def assert_refused_untouched(stack: Stack, *parts: str) -> None:
    ids, databases = stack.ids(), stack.sql("SELECT array_agg(datname ORDER BY 1) FROM pg_database")
    roles = stack.sql("SELECT array_agg(rolname ORDER BY 1) FROM pg_roles")
    done = stack.start()
    assert done.code == 2, done.text
    for part in parts:
        assert part in done.text, f"{part}:\n{done.text}"
    assert "Traceback" not in done.text
    assert stack.ids() == ids
    assert stack.sql("SELECT array_agg(datname ORDER BY 1) FROM pg_database") == databases
    assert stack.sql("SELECT array_agg(rolname ORDER BY 1) FROM pg_roles") == roles


@pytest.mark.full
def test_hostile_names_are_refused_all_at_once_before_anything_is_touched(town: Stack) -> None:
    with as_before(town, always=True) as before:
        town.configure(applications=[*before, *HOSTILE_ENTRIES.values()])
        paths = [f"applications.{len(before) + number}.{path.strip()}" for number, path in enumerate(HOSTILE_ENTRIES)]
        assert_refused_untouched(town, *paths)
        given = [{"name": f"p{number}", "password": each} for number, each in enumerate(HOSTILE_PASSWORDS)]
        town.configure(applications=[*before, *given])
        paths = [f"applications.{len(before) + number}.password: should be" for number in range(len(given))]
        assert_refused_untouched(town, *paths)


@pytest.mark.full
def test_the_servers_own_names_and_names_used_twice_are_refused_before_anything_is_touched(town: Stack) -> None:
    own = ["postgres", "template0", "template1", "dbadmin"]
    with as_before(town, always=True) as before:
        town.configure(applications=[
            *before,
            *({"name": f"own-{number}", "database": name} for number, name in enumerate(own)),
            {"name": "role-1", "role": "dbadmin"}, {"name": "role-2", "role": "pg_monitor"},
            {"name": "role-3", "role": "crypto"}, {"name": "base", "database": "crypto_ai_agent", "role": "base"},
            {"name": "leaving"}, {"name": "9lives"},
            {"name": "both", "password": "given-password", "keepPassword": True},
        ])  # fmt: skip
        parts = [f"{name} is the server's own" for name in (*own, "pg_monitor")]
        assert_refused_untouched(
            town, *parts, "role crypto is used twice", "database crypto_ai_agent is used twice",
            "name leaving is used twice", "9lives begins with a digit", "keepPassword: a password is given as well",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("entry", "access"),
    [
        pytest.param({"name": "default"}, "password", id="Redis's default user"),
        pytest.param({"name": "everybody", "role": "public"}, "open", id="PostgreSQL's public", marks=pytest.mark.full),
        pytest.param({"name": "none"}, "open", id="PostgreSQL's none", marks=pytest.mark.full),
    ],
)
def test_a_name_that_a_server_keeps_for_itself_is_refused_before_anything_is_touched(
    town: Stack, entry: dict[str, Any], access: str
) -> None:
    """Judged in the preview: nothing is touched even where the program does not refuse it."""
    with as_before(town, always=True):
        town.configure(redis={"access": access})
        town.declare({**entry, "poolSize": 1})
        done = town.pulumi("preview")
        town.configure(redis={"access": "open"})
    assert done.code != 0, done.text


@pytest.mark.full
def test_an_extension_that_the_running_image_lacks_is_refused_in_the_preview(town: Stack) -> None:
    with as_before(town, always=True):
        town.declare({"name": "searching", "extensions": ["no_such_extension"], "poolSize": 1})
        done = town.pulumi("preview")
    assert done.code != 0, done.text
    assert "application searching: the server's image lacks the extension no_such_extension" in done.text


@pytest.mark.parametrize("key", ["database", pytest.param("role", marks=pytest.mark.full)])
def test_renaming_is_refused_in_the_preview_with_the_way_to_do_it(town: Stack, key: str) -> None:
    with as_before(town, always=True):
        town.declare({**LEAVING, key: "renamed"})
        done = town.pulumi("preview")
        assert done.code != 0
        assert f"{key} cannot be renamed from leaving to renamed" in done.text, done.text
        assert f"ALTER {key.upper()} leaving RENAME TO renamed" in done.text
    assert not exists(town, key, "renamed")


def hand_made(stack: Stack, name: str, password: str) -> None:
    given = f"PASSWORD '{password}'" if password else ""
    stack.sql(f"CREATE ROLE {name} LOGIN SUPERUSER {given}")
    stack.sql(f"CREATE DATABASE {name} OWNER {name}")
    stack.sql(f"SET ROLE {name}; CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n", name)


REFUSED = ("refused_1", "refused_2")
VERIFIERS = "SELECT string_agg(rolpassword, ',' ORDER BY 1) FROM pg_authid WHERE rolname ~ '^refused'"


def assert_unknown_passwords_stay(town: Stack, done: Ran, verifiers: str) -> None:
    """Those whose password nobody knows are refused, all of them; the others are adopted."""
    for name in REFUSED:
        assert f"application {name.replace('_', '-')}: role {name} exists with a password" in done.err, done.text
    assert "pulumi config set --secret" in done.err
    assert "keepPassword: true" in done.err
    assert town.sql(VERIFIERS) == verifiers
    assert town.sql("SELECT bool_and(rolsuper) FROM pg_roles WHERE rolname ~ '^refused'") == "t"
    assert shut_out(town, {"given": "old-given", "keeping": "old-keeping"}) == []
    assert town.sql("SELECT count(*) FROM pg_roles WHERE rolname IN ('bare', 'keeping', 'given') AND rolsuper") == "0"


def assert_extension_is_named(town: Stack, done: Ran) -> None:
    """An unknown extension is its application's fault alone."""
    assert 'application south: extension "no_such_extension" is not available' in done.err, done.text
    known = town.output("applications")
    assert "application east" not in done.err
    assert "application west" not in done.err
    assert shut_out(town, {name: known[name]["DB_PASSWORD"] for name in ("east", "west")}) == []


@pytest.mark.full
def test_what_was_made_by_hand_is_adopted_and_all_faults_are_named_while_the_other_applications_are_done(
    town: Stack,
) -> None:
    for name in ("bare", "keeping", "given", *REFUSED):
        hand_made(town, name, "" if name == "bare" else f"old-{name}")
    verifiers = town.sql(VERIFIERS)
    with as_before(town):
        town.declare(
            {"name": "bare", "poolSize": 1}, {"name": "keeping", "poolSize": 1, "keepPassword": True},
            {"name": "given", "poolSize": 1, "password": "old-given"},
            {"name": "refused-1", "poolSize": 1}, {"name": "refused-2", "poolSize": 1},
            {"name": "east", "poolSize": 1}, {"name": "west", "poolSize": 1, "extensions": ["pg_trgm"]},
            {"name": "south", "poolSize": 1, "extensions": ["no_such_extension"]},
        )  # fmt: skip
        preview = town.pulumi("preview")
        assert preview.code != 0
        assert "application south: the server's image lacks the extension no_such_extension" in preview.text
        done = town.start()
        assert done.code == 1, done.text
        assert "Traceback" not in done.text
        assert_unknown_passwords_stay(town, done, verifiers)
        assert_extension_is_named(town, done)
        town.declare(
            {"name": "refused-1", "poolSize": 1, "keepPassword": True},
            {"name": "refused-2", "poolSize": 1, "password": "old-refused_2"},
            {"name": "south", "poolSize": 1, "extensions": ["unaccent"]},
        )
        town.start().ok()
    known = town.output("applications")
    generated = {name: known[name]["DB_PASSWORD"] for name in ("bare", "east", "south", "west")}
    given = {name: f"old-{name}" for name in ("keeping", "given", *REFUSED)}
    assert shut_out(town, {**generated, **given}) == []
    for name in ("bare", "keeping", "given", *REFUSED):
        assert town.sql("SELECT count(*), sum(n), max(tableowner::text) FROM kept, pg_tables WHERE tablename = 'kept'",
                        name) == f"1000|500500|{name}"  # fmt: skip
    town.assert_clean()


BY_HAND = """
ALTER ROLE drift_1 CREATEDB CREATEROLE;
ALTER ROLE drift_1 CONNECTION LIMIT 99;
ALTER ROLE drift_1 SET work_mem = '64MB';
GRANT pg_read_all_data TO drift_1;
ALTER ROLE drift_1 PASSWORD 'by hand';
ALTER DATABASE drift_2 OWNER TO dbadmin;
GRANT CONNECT ON DATABASE drift_2 TO PUBLIC;
GRANT CONNECT ON DATABASE drift_3 TO drift_1;
\\connect drift_3
DROP EXTENSION pg_trgm;
ALTER SCHEMA public OWNER TO dbadmin;
\\connect dbadmin
DROP DATABASE drift_4;
DROP DATABASE drift_5;
DROP ROLE drift_5;
"""
SEEN = {
    "drift-1": ["role has other attributes", "role has another connection limit", "role has other settings",
                "role is a member of other roles", "role has another password"],
    "drift-2": ["database has another owner", "database grants CONNECT to everybody"],
    "drift-3": ["an extension is missing", "schema public has another owner", "database grants CONNECT to drift_1"],
    "drift-4": ["database is missing"],
    "drift-5": ["role is missing", "database is missing"],
}  # fmt: skip


@pytest.mark.full
def test_each_drift_is_seen_by_a_refreshed_preview_and_repaired_by_start(town: Stack) -> None:
    before = town.output("applications")
    town.sql(BY_HAND)
    seen = town.pulumi("preview", "--refresh", "--expect-no-changes", "--diff")
    assert seen.code != 0
    for name, drifts in SEEN.items():
        section = re.split(r"\n *[~+-].*?(?=\[urn=|db-server:)", seen.text.partition(f"Application::{name}]")[2])[0]
        for drift in drifts:
            assert drift in section, f"{name}: {drift}\n{seen.text}"
    town.start().ok()
    assert town.output("applications") == before
    attributes = "rolcreatedb OR rolcreaterole, rolconnlimit, rolconfig IS NULL"
    for name in (entry["name"].replace("-", "_") for entry in DRIFTING):
        assert town.sql(f"SELECT {attributes} FROM pg_roles WHERE rolname = '{name}'") == "f|4|t"
        owner = f"SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = '{name}'"
        assert town.sql(f"{owner}") == name
        assert town.sql("SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'public'", name) == name
        assert town.sql("SELECT count(*) FROM pg_extension WHERE extname = 'pg_trgm'", name) == "1"
    passwords = {entry["name"].replace("-", "_"): before[entry["name"]]["DB_PASSWORD"] for entry in DRIFTING}
    assert shut_out(town, passwords) == []
    assert town.sql("SELECT count(*) FROM pg_auth_members WHERE member = 'drift_1'::regrole") == "0"
    for role, database in (("crypto", "drift_2"), ("drift_1", "drift_3")):
        assert town.sql(f"SELECT has_database_privilege('{role}', '{database}', 'CONNECT')") == "f"
    town.assert_clean()


def drop(stack: Stack, *arguments: str) -> tuple[int, str]:
    done = stack.script("dbserver", "drop", "leaving", *arguments)
    return done.code, done.text


@pytest.mark.full
def test_removing_an_entry_keeps_everything_and_drop_destroys_only_what_is_confirmed_and_unused(town: Stack) -> None:
    if not exists(town, "database", "leaving"):
        town.declare(LEAVING)
        town.start().ok()
    town.sql("CREATE TABLE kept AS SELECT 1 AS n", "leaving")
    assert drop(town, "--confirm", "leaving")[0] == 5
    town.configure(applications=[entry for entry in town.config["applications"] if entry["name"] != "leaving"])
    preview = town.pulumi("preview").ok()
    assert "application leaving is declared no more" in preview.text
    assert "kept" in preview.text
    assert town.start().ok().text.count("application leaving is declared no more") == 1
    assert "leaving" not in town.output("applications")
    assert town.sql("SELECT n FROM kept", "leaving") == "1"
    for arguments in ([], ["--confirm", "leave"], ["--confirm", ""]):
        code, text = drop(town, *arguments)
        assert (code, "was not confirmed" in text) == (5, True), text
    argv = ["docker", "exec", "-i", town.postgres, "psql", "-XAtq", "-U", "leaving", "-d", "leaving", "-c"]
    connected = town.popen(*argv, "SELECT pg_sleep(60)")
    count = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'leaving'"
    town.until(lambda: town.sql(count) == "1", 10, what="a connected client")
    code, text = drop(town, "--confirm", "leaving")
    assert (code, "1 clients are connected" in text) == (5, True), text
    assert town.sql("SELECT n FROM kept", "leaving") == "1"
    town.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'leaving'")
    town.until(lambda: town.sql(count) == "0", 10, what="no client")
    connected.communicate(timeout=120)
    code, text = drop(town, "--confirm", "leaving")
    assert code == 0, text
    assert not exists(town, "database", "leaving")
    assert not exists(town, "role", "leaving")
    assert drop(town, "--confirm", "leaving")[0] == 2
    assert "leaving" not in town.script("dbserver", "list").ok().out
    assert "kept" not in town.pulumi("preview", "--refresh", "--expect-no-changes").ok().text


def assert_all_work(stack: Stack, names: list[str]) -> None:
    """Every application logs in with its own credentials to its own database."""
    known = stack.output("applications")
    asks = [
        ["psql", "-XAtq", known[name]["DATABASE_URL"], "-c", "CREATE TABLE w (n int); DROP TABLE w"] for name in names
    ]
    for done in stack.attempts(asks):
        done.ok()


@pytest.mark.full
def test_a_server_killed_in_the_middle_leaves_nothing_that_the_next_start_does_not_finish(town: Stack) -> None:
    names = [f"killed-{number}" for number in range(10)]
    town.declare(*({"name": name, "poolSize": 1, "extensions": ["pg_trgm"]} for name in names))
    process = town.popen(str(town.project / "scripts" / "start.sh"))
    town.until(
        lambda: town.psql("SELECT 1 FROM pg_database WHERE datname ~ '^killed'").out, 60, what="a first database"
    )
    town.kill(town.postgres)
    printed = process.communicate(timeout=600)[0]
    assert "Traceback" not in printed, printed
    town.until(lambda: not town.sql_fails(), what="the server back by itself")
    left = town.sql("SELECT count(*) FROM pg_database WHERE datname ~ '^killed'")
    assert process.returncode in (0, 1), printed
    print(f"killed: exit code {process.returncode}, {left} of 10 databases were there")  # noqa: T201  kept in the report
    town.start().ok()
    assert_all_work(town, names)
    town.assert_clean()


@pytest.mark.full
@pytest.mark.parametrize("count", [10, 100])
def test_many_applications(town: Stack, count: int) -> None:
    names = [f"crowd-{number:03}" for number in range(count)]
    town.declare(*({"name": name, "poolSize": 1} for name in names))
    began = time.monotonic()
    town.start().ok()
    created = time.monotonic()
    town.pulumi("preview", "--expect-no-changes").ok()
    plain = time.monotonic()
    town.assert_clean()
    refreshed = time.monotonic()
    up, preview, refresh = created - began, plain - created, refreshed - plain
    spent = f"up {up:.1f} s, preview {preview:.1f} s, with refresh {refresh:.1f} s"
    print(f"{count} applications: {spent}")  # noqa: T201  kept in the report
    assert_all_work(town, names)


@pytest.mark.full
@pytest.mark.parametrize("what", ["a lost state", "destroy"])
def test_generated_passwords_outlive(stack: Stack, what: str) -> None:
    stack.configure(redis={"access": "password"})
    stack.declare({"name": "shop", "poolSize": 1})
    stack.start().ok()
    before = stack.variables("shop")
    if what == "destroy":
        stack.pulumi("destroy", "--yes").ok()
    else:
        shutil.rmtree(stack.project / ".state" / ".pulumi")
    stack.start().ok()
    assert stack.variables("shop") == before
    assert shut_out(stack, {"shop": before["DB_PASSWORD"]}) == []
    told = stack.attempts([["redis-cli", "--no-auth-warning", "-u", before["REDIS_URL"], "PING"]], server="redis")
    assert told[0].out == "PONG"
    stack.assert_clean()


@pytest.mark.full
def test_after_a_lost_state_and_lost_passwords_start_says_for_each_role_how_to_go_on(stack: Stack) -> None:
    stack.declare({"name": "first", "poolSize": 1}, {"name": "second", "poolSize": 1}, {"name": "third", "poolSize": 1})
    stack.start().ok()
    before = stack.output("applications")
    stack.sql("CREATE TABLE kept AS SELECT 1 AS n", "first")
    ids, started = stack.ids()[1], stack.started_at(stack.redis)
    shutil.rmtree(stack.project / ".state" / ".pulumi")
    shutil.rmtree(stack.data / "config" / "passwords")
    done = stack.start()
    assert done.code == 1, done.text
    for name in before:
        assert f"application {name}: role {name} exists with a password that this stack does not know" in done.err
    assert "keepPassword: true" in done.err
    assert stack.start().code == 1, "it is no better the second time"
    told = stack.script("dbserver", "env", "first")
    assert (told.code, told.out) == (1, ""), told.text
    assert "does not know the password of application first" in told.err
    assert stack.script("status.sh").code == 0
    assert ids
    assert started
    passwords = {name: known["DB_PASSWORD"] for name, known in before.items()}
    assert shut_out(stack, passwords) == []
    stack.declare(
        {"name": "first", "poolSize": 1, "keepPassword": True},
        {"name": "second", "poolSize": 1, "password": before["second"]["DB_PASSWORD"]},
        {"name": "third", "poolSize": 1, "password": "another-password"},
    )
    stack.start().ok()
    assert stack.sql("SELECT n FROM kept", "first") == "1"
    assert shut_out(stack, {**passwords, "third": "another-password"}) == []
    assert shut_out(stack, passwords) == ["third"]
    assert stack.variables("second") == before["second"]
    stack.assert_clean()
