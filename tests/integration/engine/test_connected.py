"""An update takes no server away from applications that are connected to it."""

import signal
from collections.abc import Iterator

import pytest

from tests.support.commands import run
from tests.support.pools import APPLICATION, ENTRIES, REFUSED, redis_pool, refused, remove, two_colours
from tests.support.stack import Stack


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running stack with an application."""
    made = Stack(tmp_path_factory.mktemp("busy"))
    made.declare(*ENTRIES)
    made.start().ok()
    yield made
    made.remove()


@pytest.fixture
def colours(busy: Stack) -> Iterator[dict[str, str]]:
    with two_colours(busy) as names:
        yield names


@pytest.mark.full
def test_an_update_that_would_replace_or_restart_a_server_is_refused_too(busy: Stack, colours: dict[str, str]) -> None:
    ids, since = busy.ids(), busy.started_at(busy.postgres)
    wanted = busy.config["postgres"]
    busy.configure(postgres={"port": busy.other_port})
    refused(busy.start(), colours)
    assert "it cuts off" in busy.pulumi("preview").ok().text
    busy.config["postgres"] = wanted
    busy.configure(postgres={"settings": {"max_locks_per_transaction": "96"}})
    tried = busy.start()
    refused(tried, colours)
    assert "max_locks_per_transaction" in tried.err
    assert (busy.ids(), busy.started_at(busy.postgres)) == (ids, since)
    assert busy.sql("SHOW max_locks_per_transaction") == "64"
    busy.start("--disconnect-applications").ok()
    assert busy.sql("SHOW max_locks_per_transaction") == "96"


@pytest.mark.usefixtures("colours")
@pytest.mark.full
def test_a_container_that_a_killed_update_had_made_is_kept_with_its_clients(busy: Stack) -> None:
    run("docker", "rm", "-f", "-v", busy.redis).ok()
    killed = busy.popen(str(busy.project / "scripts" / "start.sh"))
    busy.until(lambda: run("docker", "container", "inspect", busy.redis).code == 0, what="a container")
    assert busy.blow(killed, signal.SIGKILL) != 0
    busy.until(lambda: run("docker", "exec", busy.redis, "redis-cli", "ping").out.strip() == "PONG", 60, what="PONG")
    name, made = redis_pool(busy, f"{APPLICATION}-impatient-blue", 1), busy.inspect(busy.redis)["Id"]
    busy.start().ok()
    assert busy.inspect(busy.redis)["Id"] == made
    assert f"{name} (blue) 1 to redis" in busy.script("dbserver", "drain", APPLICATION, "blue").out
    busy.assert_clean()
    remove(name)


@pytest.mark.usefixtures("colours")
@pytest.mark.full
def test_a_server_off_its_network_comes_back_although_it_still_holds_connections(busy: Stack) -> None:
    run("docker", "network", "disconnect", busy.network, busy.postgres).ok()
    held = busy.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'crypto'")
    assert held == "4", "nobody told the server that its clients are gone"
    busy.start().ok()
    assert list(busy.inspect(busy.postgres)["NetworkSettings"]["Networks"]) == [busy.network]


@pytest.mark.full
def test_a_container_of_someone_else_is_not_taken_over_while_it_serves(busy: Stack, colours: dict[str, str]) -> None:
    old = busy.redis_admin("CONFIG", "GET", "maxclients")
    entry = busy.inspect(busy.redis)
    mounts = [f"{mount['Source']}:{mount['Destination']}" for mount in entry["Mounts"]]
    remove(colours["redis"])
    run("docker", "stop", busy.redis).ok()
    run("docker", "rm", busy.redis).ok()
    argv = ["docker", "run", "-d", "--name", busy.redis, "--network", busy.network, "--network-alias", "redis"]
    volumes = [part for mount in mounts for part in ("-v", mount)]
    run(*argv, *volumes, entry["Config"]["Image"], *entry["Config"]["Cmd"]).ok()
    busy.until(lambda: run("docker", "exec", busy.redis, "redis-cli", "ping").out.strip() == "PONG", 60, what="PONG")
    redis_pool(busy, f"{APPLICATION}-worker-green", 2)
    foreign = busy.inspect(busy.redis)["Id"]
    tried = busy.start()
    assert tried.code == REFUSED, tried.text
    assert f"{colours['redis']} (green) 2 to redis" in tried.err
    assert busy.inspect(busy.redis)["Id"] == foreign
    remove(colours["redis"])
    busy.start().ok()
    assert busy.redis_admin("CONFIG", "GET", "maxclients") == old
    redis_pool(busy, f"{APPLICATION}-worker-green", 2)
