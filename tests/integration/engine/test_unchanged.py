"""A start with nothing to do asks no engine; whatever differs from what was applied, the next start sees it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from dbserver import declared
from dbserver.actions import start
from dbserver.applied import record
from dbserver.engine import backend
from tests.support.commands import run
from tests.support.stack import Stack

CONFIG = "config"


@pytest.fixture(scope="module")
def shop(shared: Stack) -> Stack:
    """A stack with an application, as the last update left it."""
    shared.declare({"name": "shop", "poolSize": 2}, {"name": "other", "poolSize": 2})
    shared.start().ok()
    return shared


def differing(stack: Stack) -> list[str]:
    """Look as the next start of this stack would."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (declared, backend):
            patch.setattr(module, "ROOT", stack.project)
        patch.setattr(backend, "STATE", stack.project / ".state")
        seen = start._looked(declared.read(stack.name))[1]
        assert seen, "the look was not whole"
        return record.differing(record.read(stack.name), seen)


@dataclass(frozen=True)
class Difference:
    """Something changed by hand, how to undo it, and the parts in which it shows."""

    change: Callable[[Stack], object]
    undo: Callable[[Stack], object]
    parts: tuple[str, ...]


def sql(change: str, undo: str, *parts: str) -> Difference:
    return Difference(lambda stack: stack.sql(change), lambda stack: stack.sql(undo), parts)


def docker(change: str, undo: str, *parts: str) -> Difference:
    def go(words: str) -> Callable[[Stack], object]:
        return lambda stack: run("docker", *words.format(s=stack).split()).ok()

    return Difference(go(change), go(undo), parts)


def redis(change: str, undo: str, *parts: str) -> Difference:
    return Difference(
        lambda stack: stack.redis_admin(*change.split()), lambda stack: stack.redis_admin(*undo.split()), parts
    )


def edited(where: Callable[[Stack], Path], *parts: str) -> Difference:
    kept: list[str] = []

    def change(stack: Stack) -> None:
        kept.append(where(stack).read_text())
        where(stack).write_text(kept[-1] + "# by hand\n")

    return Difference(change, lambda stack: where(stack).write_text(kept.pop()), parts)


def rendered(name: str) -> Callable[[Stack], Path]:
    return lambda stack: stack.data / CONFIG / name


def reloaded(stack: Stack, statement: str) -> None:
    before = stack.sql("SELECT pg_conf_load_time()")
    stack.sql(statement)
    stack.sql("SELECT pg_reload_conf()")
    stack.until(lambda: stack.sql("SELECT pg_conf_load_time()") != before, 20, what="the reload")


POSTGRES_FILES, REDIS_FILES = "PostgreSQL's rendered files", "Redis's rendered files"
ROLES, DATABASES, SETTINGS, FILES = (
    "PostgreSQL's roles", "PostgreSQL's databases", "PostgreSQL's settings", "PostgreSQL's files"
)  # fmt: skip
DIFFERENCES = {
    "the program": edited(lambda stack: stack.project / "infra" / "postgres.py", "the program"),
    "its requirements": edited(lambda stack: stack.project / "requirements.txt", "the program"),
    "its configuration": edited(lambda stack: stack.project / f"Pulumi.{stack.name}.yaml", "the configuration"),
    "the compose file": edited(lambda stack: stack.project / "docker-compose.yml", "the compose file"),
    "a memory limit": docker(
        "update --memory 600m --memory-swap 600m {s.postgres}", "update --memory 512m --memory-swap 512m {s.postgres}",
        "the containers",
    ),
    "a restart policy": docker(
        "update --restart no {s.redis}", "update --restart always {s.redis}", "the containers"
    ),
    "another network": docker(
        "network connect bridge {s.redis}", "network disconnect bridge {s.redis}", "the containers"
    ),
    "a rendered file of PostgreSQL": edited(rendered("postgres/pg_hba.conf"), POSTGRES_FILES),
    "the settings' file of PostgreSQL": edited(rendered("postgres/postgresql.conf"), POSTGRES_FILES),
    "the rights of a file": Difference(
        lambda stack: rendered("postgres/pg_hba.conf")(stack).chmod(0o666),
        lambda stack: rendered("postgres/pg_hba.conf")(stack).chmod(0o644),
        (POSTGRES_FILES,),
    ),
    "the settings' file of Redis": edited(rendered("redis/redis.conf"), REDIS_FILES),
    "the users' file of Redis": edited(rendered("redis/users.acl"), REDIS_FILES),
    "a setting in force": Difference(
        lambda stack: reloaded(stack, "ALTER SYSTEM SET work_mem = '9MB'"),
        lambda stack: reloaded(stack, "ALTER SYSTEM RESET work_mem"),
        (SETTINGS, FILES),
    ),
    "a setting that waits for a restart": Difference(
        lambda stack: reloaded(stack, "ALTER SYSTEM SET max_connections = 77"),
        lambda stack: reloaded(stack, "ALTER SYSTEM RESET max_connections"),
        (SETTINGS, FILES),
    ),
    "a setting nobody has loaded": sql("ALTER SYSTEM SET work_mem = '9MB'", "ALTER SYSTEM RESET work_mem", FILES),
    "a role": sql("CREATE ROLE stranger", "DROP ROLE stranger", ROLES),
    "a role's right": sql("ALTER ROLE shop CREATEDB", "ALTER ROLE shop NOCREATEDB", ROLES),
    "a role's limit": sql("ALTER ROLE shop CONNECTION LIMIT 99", "ALTER ROLE shop CONNECTION LIMIT 4", ROLES),
    "a role's setting": sql(
        "ALTER ROLE shop SET work_mem = '9MB'", "ALTER ROLE shop RESET work_mem", "the settings of PostgreSQL's roles"
    ),
    "a membership": sql("GRANT other TO shop", "REVOKE other FROM shop", "PostgreSQL's memberships"),
    "a database": sql("CREATE DATABASE stranger", "DROP DATABASE stranger", DATABASES),
    "an owner": sql("ALTER DATABASE shop OWNER TO other", "ALTER DATABASE shop OWNER TO shop", DATABASES),
    "a database's limit": sql(
        "ALTER DATABASE shop CONNECTION LIMIT 1", "ALTER DATABASE shop CONNECTION LIMIT -1", DATABASES
    ),
    "a grant": sql(
        "GRANT CONNECT ON DATABASE shop TO other", "REVOKE CONNECT ON DATABASE shop FROM other", DATABASES
    ),
    "a closed database": sql(
        "ALTER DATABASE shop ALLOW_CONNECTIONS false", "ALTER DATABASE shop ALLOW_CONNECTIONS true", DATABASES
    ),
    "the registry": sql(
        "UPDATE dbserver.application SET entry = entry || '{\"pool_size\": 3}' WHERE name = 'shop'",
        "UPDATE dbserver.application SET entry = entry || '{\"pool_size\": 2}' WHERE name = 'shop'",
        "the registry of applications",
    ),
    "a setting of Redis": redis("CONFIG SET timeout 77", "CONFIG SET timeout 0", "Redis's settings"),
    "a user of Redis": redis("ACL SETUSER stranger on nopass +ping", "ACL DELUSER stranger", "Redis's users"),
}  # fmt: skip


@contextmanager
def changed(stack: Stack, difference: Difference) -> Iterator[None]:
    difference.change(stack)
    try:
        yield
    finally:
        difference.undo(stack)


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_difference_is_seen_and_so_is_its_end(shop: Stack, name: str) -> None:
    difference = DIFFERENCES[name]
    with changed(shop, difference):
        assert set(differing(shop)) == set(difference.parts)
    assert differing(shop) == []


def test_a_password_set_by_hand_is_seen_and_repaired(shop: Stack) -> None:
    shop.sql("ALTER ROLE shop PASSWORD 'by hand'")
    done = shop.start().ok()
    assert "not as the last update left it: PostgreSQL's roles" in done.err
    login = ["psql", "-XAtq", shop.variables("shop")["DATABASE_URL"], "-c", "SELECT 1"]
    assert shop.attempts([login])[0].out.strip() == "1"
    assert differing(shop) == []


def test_a_start_with_nothing_to_do_asks_no_engine_and_tells_the_same(shop: Stack) -> None:
    state = shop.project / ".state" / ".pulumi" / "stacks" / "db-server" / f"{shop.name}.json"
    before = state.stat().st_mtime_ns
    path = f"{shop.directory / 'no-engine'}:/usr/bin:/bin"
    done = shop.start().ok()
    assert state.stat().st_mtime_ns == before
    assert f"{shop.postgres}:5432" in done.out
    assert f"stack {shop.name} is up" in done.out
    assert done.err == ""
    without = shop.script("dbserver", "start", env={**shop.env(), "PATH": path}).ok()
    assert f"stack {shop.name} is up" in without.out
    assert shop.start("--refresh").ok().code == 0
    assert state.stat().st_mtime_ns > before


@pytest.mark.parametrize("verb", ["stop", pytest.param("pause", marks=pytest.mark.full)])
def test_a_container_that_does_not_run_is_brought_back(shop: Stack, verb: str) -> None:
    run("docker", verb, shop.redis).ok()
    shop.start().ok()
    assert shop.cli("ping") == "PONG"
    assert differing(shop) == []


def test_an_update_by_plain_pulumi_is_confirmed_by_the_engine_once(shop: Stack) -> None:
    shop.pulumi("up", "--yes", "--skip-preview").ok()
    # The engine writes its salt into the file, which the project's own commands keep out of it.
    assert differing(shop) == ["the configuration", "the state"]
    shop.start().ok()
    assert differing(shop) == []


def test_a_wrong_flag_ends_a_start_before_anything_is_prepared(shop: Stack) -> None:
    done = shop.start("--no-instal")
    assert done.code == 2
    assert "No such option" in done.err
    assert "HINT" in done.err
