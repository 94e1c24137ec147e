"""Rendered files, passwords, rules and states that are gone or damaged: start writes them again."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import Ran, run
from tests.support.lending import Lender
from tests.support.stack import Stack

SHOP = {"name": "shop", "poolSize": 2, "password": "the tests' own of shop"}


@pytest.fixture(scope="module")
def house(lender: Lender, request: pytest.FixtureRequest) -> Iterator[Stack]:
    """Servers with one application, whose Redis asks for passwords."""
    with lender.lend("password", request.session) as stack:
        stack.declare(SHOP)
        stack.start().ok()
        yield stack


@pytest.fixture(autouse=True)
def _kept(house: Stack) -> Iterator[None]:
    """Something in both servers, which is there afterwards; and the application's user is let in."""
    house.sql("DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT 1000 AS n")
    house.redis_admin("SET", "shop:kept", "yes")
    before = house.variables("shop")
    yield
    house.script("status.sh").ok()
    assert house.sql("SELECT n FROM kept") == "1000"
    assert house.variables("shop") == before
    assert tenant(house, "GET", "shop:kept").ok().out.strip() == "yes"
    assert tenant(house, "GET", "other").code == 1
    assert house.script("dbserver", "start", "--if-unchanged").code == 0, "the start before left nothing to do"


def tenant(stack: Stack, *arguments: str) -> Ran:
    return stack.script("dbserver", "redis-cli", "shop", "--", *arguments)


def config(stack: Stack, server: str = "redis") -> Path:
    return stack.data / "config" / server


RULES = [
    pytest.param("user dbadmin on nonsense %%%\n", id="damaged"),
    pytest.param("", id="empty", marks=pytest.mark.full),
    pytest.param(None, id="cut off", marks=pytest.mark.full),
]


@pytest.mark.parametrize("text", RULES)
def test_a_redis_that_crashes_on_its_rules_gets_new_ones_and_keeps_whole_tenants(
    house: Stack, text: str | None
) -> None:
    rules = config(house) / "users.acl"
    kept = rules.read_text()
    rules.write_text(kept[:-25] if text is None else text)
    if text != "":
        run("docker", "restart", "-t", "60", house.redis).ok()
        house.until(lambda: house.inspect(house.redis)["RestartCount"] >= 3, what="a crash loop")
    house.start().ok()
    assert len(rules.read_text().splitlines()) == 3


def test_a_running_redis_gets_its_settings_and_its_rules_without_a_new_container(house: Stack) -> None:
    before = house.ids()
    for name in ("redis.conf", "users.acl"):
        (config(house) / name).unlink()
    house.start().ok()
    assert house.ids() == before
    assert "aclfile" in (config(house) / "redis.conf").read_text()
    assert len((config(house) / "users.acl").read_text().splitlines()) == 3


@pytest.mark.full
def test_a_running_redis_that_lets_nobody_in_is_made_anew_with_another_local_password(house: Stack) -> None:
    before = house.ids()
    password = config(house) / "admin-password"
    password.unlink()
    started = house.start().ok()
    assert f"{house.redis} lacks admin-password: removed, created again on the same data" in started.err
    assert len(set(house.ids()) & set(before)) == 1
    assert password.stat().st_mode & 0o777 == 0o600
    assert len((config(house) / "users.acl").read_text().splitlines()) == 3


def test_running_servers_whose_directory_is_gone_are_made_anew_unless_applications_are_connected(house: Stack) -> None:
    before = house.ids()
    argv = ["docker", "run", "--rm", "--name", f"{house.name}-holding", "--network", house.network, "--env", "URL"]
    image = house.inspect(house.redis)["Config"]["Image"]
    house.environment["URL"] = house.variables("shop")["REDIS_URL"]
    holding = house.popen(*argv, "--entrypoint", "sh", image, "-c", 'sleep 600 | redis-cli -u "$URL"')
    try:
        house.until(lambda: "user=shop" in house.redis_admin("CLIENT", "LIST"), what="a client")
        shutil.rmtree(config(house).parent)
        refused = house.start()
        assert refused.code == 5
        assert f"application containers are connected: {house.name}-holding" in refused.err
    finally:
        del house.environment["URL"]
        run("docker", "rm", "-f", f"{house.name}-holding")
        holding.wait(60)
    started = house.start().ok()
    assert started.err.count("removed, created again on the same data") == 2
    assert not set(house.ids()) & set(before)


ONE_KIND = [
    pytest.param(names, marks=pytest.mark.full) for names in (("admin-password",), ("postgresql.conf", "redis.conf"))
]


@pytest.mark.parametrize("names", [(), *ONE_KIND], ids=str)
def test_stopped_servers_start_although_their_files_are_gone(house: Stack, names: tuple[str, ...]) -> None:
    house.script("stop.sh").ok()
    for name in names:
        for file in config(house).parent.glob(f"*/{name}"):
            file.unlink()
    if not names:
        shutil.rmtree(config(house).parent)
    started = house.start().ok()
    assert "removed, created again on the same data" in started.err


@pytest.mark.parametrize("left", [pytest.param("both are empty", marks=pytest.mark.full), "the backup is whole"])
def test_a_state_that_was_cut_off_comes_back_from_a_copy(house: Stack, left: str) -> None:
    before, password = house.ids(), house.output("adminPassword")
    file = house.project / ".state" / ".pulumi" / "stacks" / "db-server" / f"{house.name}.json"
    backup = file.with_name(f"{file.name}.bak")
    assert json.loads(backup.read_text())
    file.write_text("")
    if left == "both are empty":
        backup.write_text("")
    started = house.start().ok()
    words = "that of the last update that ended" if left == "both are empty" else "its backup from the step before"
    assert f"the state was cut off by an update that was killed: {words} is taken" in started.err
    assert house.ids() == before
    assert house.output("adminPassword") == password
