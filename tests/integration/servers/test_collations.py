"""A new cluster orders text the same on every base system, and its image's own first start is not left out."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dbserver import contract
from dbserver.docker import host
from dbserver.plan import ContainerPlan, Names, container_plan
from dbserver.postgres import commands, initialising, settings
from tests.support.commands import run
from tests.support.leftovers import process_name
from tests.support.lending import Lent

_numbers = itertools.count(1)
STAND_IN = f"{contract.STAND_IN_PREFIX}postgres"
HOW = "SELECT DISTINCT datcollate, datctype, to_jsonb(d) ->> 'datlocprovider', to_jsonb(d) ->> 'datlocale'"
LOCALES = f"{HOW} FROM pg_database d"
BUILTIN, OLDER = "C|C.UTF-8|b|C.UTF-8", "C|C.UTF-8|c|"
LETTERS = "SELECT 'Z' < 'a', 'z' < 'ä', lower('ÄÉ'), to_tsvector('cats')"
# A script that an image brings, as those of extensions do.
SCRIPT = "FROM {image}\nRUN mkdir -p /docker-entrypoint-initdb.d && echo {script} > /docker-entrypoint-initdb.d/own.sql"

Ask = Callable[[str], str]


def planned(root: Path, image: str) -> ContainerPlan:
    """Return a server's plan, its files written."""
    name = f"{process_name()}-cluster-{next(_numbers)}"
    names = Names(str(root), str(root / "backups"), "none", "dbadmin", name)
    files = {"postgresql.conf": settings.render({}), settings.HBA_FILE: settings.render_hba("dbadmin", [])}
    host.write_files(contract.config_directory(str(root), contract.POSTGRES), files, image)
    return container_plan(contract.POSTGRES, names, name, image, 5432, 0)


@contextmanager
def new_cluster(root: Path, image: str, major: str) -> Iterator[Ask]:
    """Make a cluster as before the stack's first start, run a server on it, and yield what asks it."""
    plan = planned(root, image)
    name = plan.name
    initialising.initialise(plan, major)
    try:
        run(*_serving(plan)).ok()
        run(*commands.wait_until_ready(name)).ok()
        yield lambda sql: run("docker", "exec", name, "psql", "-XAtU", "dbadmin", "-d", "postgres", "-c", sql).ok().out
    finally:
        run("docker", "rm", "--force", "--volumes", name)


def _serving(plan: ContainerPlan) -> list[str]:
    """Return the stack's own start: its environment, its command."""
    argv = ["docker", "run", "--detach", "--name", plan.name, "--network", "none"]
    for target in (contract.INNER_DATA[contract.POSTGRES], contract.INNER_CONFIG[contract.POSTGRES]):
        argv += ["--volume", f"{plan.mounts[target]}:{target}"]
    for variable in plan.environment:
        argv += ["--env", variable]
    return [*argv, plan.image, *plan.command]


def test_every_database_of_a_new_stack_orders_text_by_postgresql_itself(lent: Lent) -> None:
    lent.admit({"name": "shop"})
    assert lent.sql(LOCALES) == BUILTIN
    assert lent.sql(LETTERS, "shop") == "t|t|äé|'cat':1"


@pytest.mark.parametrize(("major", "wanted"), [("18", BUILTIN), ("15", OLDER)])
def test_a_new_cluster_of_any_version_depends_on_nothing_of_its_image(tmp_path: Path, major: str, wanted: str) -> None:
    with new_cluster(tmp_path, f"{STAND_IN}:{major}", major) as ask:
        assert ask(LOCALES).strip() == wanted
        assert ask(LETTERS).strip() == "t|t|äé|'cat':1"
        unset = "SELECT count(*) FROM pg_authid WHERE rolcanlogin AND rolpassword IS NOT NULL"
        assert ask(unset).strip() == "0", "nobody comes in with a password until one is set"


def test_what_an_image_does_at_its_first_start_is_done_too(tmp_path: Path) -> None:
    image, script = f"{process_name()}-with-script", "\"ALTER SYSTEM SET work_mem = '7MB';\""
    try:
        file = SCRIPT.format(image=f"{STAND_IN}:17", script=script)
        run("docker", "build", "--quiet", "--tag", image, "-", stdin=file).ok()
        with new_cluster(tmp_path, image, "17") as ask:
            assert ask(LOCALES).strip() == BUILTIN
            assert ask("SELECT current_setting('work_mem')").strip() == "7MB"
    finally:
        run("docker", "image", "rm", "--force", image)
