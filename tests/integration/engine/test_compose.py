"""`docker compose` in the project's directory, and what the deployment scripts of nginx-microservice do and check.

A real compose acts on the containers that Pulumi made; afterwards start.sh, `pulumi up` and a refreshed preview have
nothing to mend, and no data is lost.
"""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from dbserver import contract
from tests.support.commands import Ran, run
from tests.support.neighbours import OF_THE_MACHINE
from tests.support.stack import Stack

SERVICES = ("postgres", "redis")
# Of a container: what a declaration says, wherever Docker shows it, without what names the container itself.
CONFIG = (
    "Cmd",
    "Entrypoint",
    "Healthcheck",
    "Image",
    "User",
    "WorkingDir",
    "StopTimeout",
    "StopSignal",
    "ExposedPorts",
)
HOST_CONFIG = (
    "Memory", "MemorySwap", "ShmSize", "PortBindings", "RestartPolicy", "LogConfig", "Privileged", "CapAdd",
    "ReadonlyRootfs", "PidMode", "IpcMode", "SecurityOpt", "NanoCpus", "CpuShares", "Ulimits", "AutoRemove", "Sysctls",
)  # fmt: skip


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, plugin: dict[str, str]) -> Iterator[Stack]:
    made = Stack(tmp_path_factory.mktemp("compose"), environment=plugin)
    made.declare({"name": "shop"})
    made.start().ok()
    yield made
    made.remove()


@pytest.fixture
def running(lasting: Stack) -> Stack:
    """One stack for all, with something in both servers; every test ends with servers that run as declared."""
    lasting.sql("DROP TABLE IF EXISTS kept")
    lasting.sql("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    lasting.cli("SET", "kept", "yes")
    return lasting


def compose(stack: Stack, *arguments: str) -> Ran:
    """Run docker compose as the documents do: in the project's directory."""
    return run("docker", "compose", *arguments, env=stack.env(), cwd=stack.project)


def names(stack: Stack) -> tuple[str, str]:
    return stack.postgres, stack.redis


def assert_kept(stack: Stack) -> None:
    stack.until(lambda: stack.script("status.sh").code == 0, what="both servers answer")
    assert stack.sql("SELECT count(*), sum(n) FROM kept") == "1000|500500"
    assert stack.cli("GET", "kept") == "yes"


def assert_nothing_to_mend(stack: Stack) -> None:
    """start.sh, `pulumi up` and a refreshed preview find both containers as they are, and leave them."""
    ids, started = stack.ids(), [stack.started_at(name) for name in names(stack)]
    for attempt in (stack.start(), stack.pulumi("up", "--yes", "--skip-preview")):
        assert "created" not in attempt.ok().text
        assert "taking over" not in attempt.text
    stack.assert_clean()
    assert (ids, started) == (stack.ids(), [stack.started_at(name) for name in names(stack)])
    assert_kept(stack)


def facts(stack: Stack, name: str) -> dict[str, Any]:
    """Return all that is declared of a container, as Docker shows it, in one order."""
    found = stack.inspect(name)
    networks = found["NetworkSettings"]["Networks"]
    labels = found["Config"]["Labels"]
    return {
        **{key: found["Config"].get(key) for key in CONFIG},
        **{key: found["HostConfig"].get(key) for key in HOST_CONFIG},
        "Env": sorted(found["Config"]["Env"]),
        "Mounts": sorted((each["Type"], each["Source"], each["Destination"], each["RW"]) for each in found["Mounts"]),
        "Networks": {
            key: sorted({*network["Aliases"]} - {name, found["Id"][:12]}) for key, network in networks.items()
        },
        "Labels": {
            key: value
            for key, value in labels.items()
            if key not in ("com.docker.compose.version", "com.docker.compose.depends_on", "com.docker.compose.replace")
        },
    }


def test_compose_ps_shows_the_very_containers_and_up_finds_nothing_to_do(running: Stack) -> None:
    ids, started = running.ids(), [running.started_at(name) for name in names(running)]
    shown = [json.loads(line) for line in compose(running, "ps", "--format", "json").ok().out.splitlines()]
    assert {each["Service"]: each["Name"] for each in shown} == dict(zip(SERVICES, names(running), strict=True))
    assert {each["ID"] for each in shown} == {id_[:12] for id_ in ids}
    running.until(lambda: compose(running, "ps").ok().out.count("(healthy)") == len(SERVICES), what="both healthy")
    text = compose(running, "up", "-d").ok().text
    assert text.count("Running") == len(SERVICES)
    assert (ids, started) == (running.ids(), [running.started_at(name) for name in names(running)])


def touched_by(stack: Stack, *verbs: str) -> list[str]:
    """Run verbs of compose, wait until both servers answer; return which of them were away."""
    before = [stack.started_at(name) for name in names(stack)]
    for verb in verbs:
        compose(stack, *verb.split()).ok()
    assert_kept(stack)
    after = [stack.started_at(name) for name in names(stack)]
    return [service for service, old, new in zip(SERVICES, before, after, strict=True) if old != new]


@pytest.mark.full
def test_compose_restarts_stops_and_starts_the_very_containers_gracefully(running: Stack) -> None:
    ids = running.ids()
    assert touched_by(running, "restart") == [*SERVICES]
    assert touched_by(running, "restart redis") == ["redis"]
    assert touched_by(running, "restart postgres") == ["postgres"]
    assert touched_by(running, "stop", "up -d") == [*SERVICES]
    compose(running, "stop").ok()
    assert running.script("status.sh").code == 3
    running.start().ok()
    assert running.ids() == ids
    log = run("docker", "logs", running.postgres).text
    assert "database system is shut down" in log
    assert "was not properly shut down" not in log
    assert_nothing_to_mend(running)


def assert_no_secret(stack: Stack) -> None:
    secrets = [stack.output("adminPassword"), stack.variables("shop")["DB_PASSWORD"]]
    places = [(stack.project / contract.COMPOSE_FILE).read_text(), compose(stack, "config").ok().out]
    places += [json.dumps(stack.inspect(name)) for name in names(stack)]
    assert all(secrets)
    assert not [secret for secret in secrets for place in places if secret in place]


@pytest.mark.full
def test_after_down_a_plain_update_claims_no_success_and_names_the_way_out(running: Stack) -> None:
    """The engine takes a container that is gone for one that is there, until it is told to look."""
    compose(running, "down").ok()
    assert "`up` does not make it" in running.pulumi("preview").ok().text
    done = running.pulumi("up", "--yes", "--skip-preview")
    assert done.code != 0, done.text
    assert all(f"container {name} is not there" in done.text for name in names(running))
    assert "./scripts/start.sh, or pulumi up --refresh" in done.text
    running.pulumi("up", "--yes", "--skip-preview", "--refresh").ok()
    assert_kept(running)


@pytest.mark.full
def test_down_and_up_make_equal_containers_which_the_next_start_keeps(running: Stack) -> None:
    """Scenario 2 of the integration document."""
    ids, before = running.ids(), {name: facts(running, name) for name in names(running)}
    compose(running, "down").ok()
    assert run("docker", "ps", "-aq", "--filter", f"label=com.database.stack={running.name}").out == ""
    assert running.script("status.sh").code == 3
    compose(running, "up", "-d").ok()
    assert set(running.ids()).isdisjoint(ids)
    assert_kept(running)
    assert {name: facts(running, name) for name in names(running)} == before
    shown = json.loads(running.script("status.sh", "--format", "json").ok().out)
    assert [server["differences"] for server in shown["servers"]] == [[], []]
    assert_no_secret(running)
    made = running.ids()
    running.pulumi("up", "--yes", "--skip-preview").ok()
    running.pulumi("preview", "--refresh").ok()
    assert running.ids() == made
    done = running.start().ok()
    assert done.err.count("was made anew by docker compose, as declared: kept") == len(SERVICES)
    assert running.ids() == made
    assert running.output("postgres")["containerId"] == made[0]
    assert running.password_works(running.output("adminPassword"))
    assert_nothing_to_mend(running)


@pytest.mark.full
def test_both_removed_by_force_and_brought_up_by_the_client_while_an_application_is_connected(running: Stack) -> None:
    """start-infrastructure.sh removes the healthy one too when one is down; then applications reconnect."""
    run("docker", "stop", "--time", "60", running.redis).ok()
    run("docker", "rm", "-f", "-v", *names(running)).ok()
    compose(running, "up", "-d").ok()
    assert_kept(running)
    application = f"{running.name}-shop-blue"
    image = running.inspect(running.postgres)["Config"]["Image"]
    url = running.variables("shop")["DATABASE_URL"]
    argv = ["docker", "run", "-d", "--rm", "--name", application, "--network", running.network, "--entrypoint", "psql"]
    run(*argv, image, url, "-c", "SELECT pg_sleep(600)").ok()
    try:
        asleep = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'"
        running.until(lambda: running.sql(asleep) == "1", what="the application's connection")
        made = running.ids()
        assert running.script("start-database-server.sh").ok().err.count("kept") == len(SERVICES)
        assert running.ids() == made
        assert running.sql(asleep) == "1", "the application was cut off"
    finally:
        run("docker", "rm", "-f", "-v", application)
    running.assert_clean()


@pytest.mark.full
def test_the_cleanup_job_does_not_hurt(running: Stack) -> None:
    """It prunes stopped containers, unattached volumes and empty networks; here, of this stack alone."""
    for name in names(running):
        assert {mount["Type"] for mount in running.inspect(name)["Mounts"]} == {"bind"}, "a volume could be pruned"
    compose(running, "stop", "postgres").ok()
    run("docker", "container", "prune", "-f", "--filter", f"label=com.database.stack={running.name}").ok()
    assert run("docker", "container", "inspect", running.postgres).code != 0
    running.start().ok()
    assert_kept(running)
    compose(running, "up", "-d", "--force-recreate", "redis").ok()
    for made_anew in (False, True):
        compose(running, "stop").ok()
        run("docker", "network", "rm", running.network).ok()
        if made_anew:
            run("docker", "network", "create", running.network).ok()
        done = running.start().ok()
        assert done.err.count("has lost its network: removed, created again on the same data") == len(SERVICES)
        assert_kept(running)
    running.assert_clean()


@pytest.mark.full
def test_where_somebody_else_makes_the_network_a_start_says_that_it_is_gone(running: Stack) -> None:
    compose(running, "down").ok()
    run("docker", "network", "rm", running.network).ok()
    with running.configured(network={"create": False}):
        refused = running.script("start-database-server.sh")
        assert refused.code == 5, refused.text
        assert f"docker network create {running.network}" in refused.err
    running.start().ok()
    assert_kept(running)
    assert compose(running, "up", "-d").ok().text.count("Running") == len(SERVICES)
    running.assert_clean()


@pytest.mark.full
def test_a_file_that_was_edited_or_removed_is_noticed_and_mended_by_the_next_start(running: Stack) -> None:
    path = running.project / contract.COMPOSE_FILE
    rendered = path.read_text()
    path.write_text(rendered + "# by hand\n")
    assert causes(running) == ["compose-file-stale"]
    path.unlink()
    assert causes(running) == ["compose-file-stale"]
    running.start().ok()
    assert path.read_text() == rendered
    assert causes(running) == []


def causes(stack: Stack) -> list[str]:
    found = json.loads(stack.script("dbserver", "doctor", "--format", "json").ok().out)
    return [finding["cause"] for finding in found["findings"] if finding["cause"] != OF_THE_MACHINE]


@pytest.mark.full
def test_somebody_else_s_file_is_refused_and_never_written_over(running: Stack) -> None:
    path, theirs = running.project / contract.COMPOSE_FILE, "services: {web: {image: nginx}}\n"
    rendered, ids = path.read_text(), running.ids()
    path.write_text(theirs)
    refused = running.start()
    assert refused.code == 5, refused.text
    assert "mv docker-compose.yml docker-compose.yml.before" in refused.err
    assert path.read_text() == theirs
    doctor = json.loads(running.script("dbserver", "doctor", "--format", "json").ok().out)
    (finding,) = [finding for finding in doctor["findings"] if finding["cause"] != OF_THE_MACHINE]
    assert finding["cause"] == "compose-file-foreign"
    run("bash", "-c", finding["command"], env=running.env(), cwd=running.project).ok()
    assert (running.project / "docker-compose.yml.before").read_text() == theirs
    assert path.read_text() == rendered
    assert running.ids() == ids


@pytest.mark.full
def test_an_update_that_replaces_a_container_leaves_one_that_compose_knows(running: Stack) -> None:
    before = running.ids()
    running.configure(redis={"port": running.other_port})
    running.redis_port, running.other_port = running.other_port, running.redis_port
    running.start().ok()
    assert f"127.0.0.1:{running.redis_port}:6379" in (running.project / contract.COMPOSE_FILE).read_text()
    assert running.ids()[1] != before[1]
    after = running.ids()
    assert compose(running, "up", "-d").ok().text.count("Running") == len(SERVICES)
    assert running.ids() == after
    assert_kept(running)
    running.assert_clean()


@pytest.mark.full
def test_what_is_changed_in_place_compose_makes_anew_and_the_next_start_keeps(running: Stack) -> None:
    """The documented cost of a memory limit: the container stays, compose's hash of it is an old one."""
    ids = running.ids()
    running.configure(redis={"memory": "160m"})
    running.start().ok()
    assert running.ids() == ids
    compose(running, "up", "-d").ok()
    assert running.ids()[0] == ids[0]
    assert running.ids()[1] != ids[1]
    assert running.inspect(running.redis)["HostConfig"]["Memory"] == 160 * 1024**2
    running.start().ok()
    assert_kept(running)
    running.assert_clean()


@pytest.mark.full
def test_containers_made_where_there_is_no_compose_are_known_to_one_that_comes_later(
    running: Stack, tmp_path: Path
) -> None:
    run("docker", "rm", "-f", "-v", running.redis).ok()
    without = {**running.env(), "DOCKER_CONFIG": str(tmp_path)}
    running.script("start.sh", env=without).ok()
    ids = running.ids()
    assert compose(running, "ps", "-q").ok().out.split() == sorted(ids, key=compose(running, "ps", "-q").out.index)
    compose(running, "restart", "redis").ok()
    assert running.ids() == ids
    compose(running, "up", "-d").ok()
    assert running.ids()[0] == ids[0]
    running.start().ok()
    assert_kept(running)
    running.assert_clean()


@pytest.mark.full
def test_compose_may_be_the_first_to_start_postgres_on_an_empty_directory(running: Stack) -> None:
    """The first password is one nobody knows (0004); the next start sets the declared one."""
    compose(running, "down").ok()
    data = running.data / "postgres"
    shutil.rmtree(data)
    refused = compose(running, "up", "-d")
    assert refused.code != 0, "a missing directory, such as a disk that is not mounted, is no new database"
    assert not data.exists()
    data.mkdir()
    compose(running, "up", "-d").ok()
    refused = running.start()
    assert refused.code == 5, refused.text
    assert "holds the data of another PostgreSQL" in refused.text
    running.start("--new-server").ok()
    assert running.password_works(running.output("adminPassword"))
    assert running.variables("shop")["DB_NAME"] in running.sql("SELECT datname FROM pg_database")
    running.assert_clean()


# What the deployment scripts check, each as they do it: deployment-client.md and the integration document. ----------

Check = Callable[[Stack], object]


def printed(pattern: str, *argv: str) -> Check:
    """Return a check that a command succeeds and prints a line that matches; NAMES stand for this stack's."""

    def check(stack: Stack) -> None:
        known = {"db-server-postgres": stack.postgres, "db-server-redis": stack.redis, "nginx-network": stack.network}

        def own(text: str) -> str:
            for name, mine in known.items():
                text = text.replace(name, mine)
            return text

        done = run(*map(own, argv), env=stack.env(), cwd=stack.project).ok()
        assert re.search(own(pattern), done.out, re.MULTILINE), done.text

    return check


def shell(pattern: str, script: str) -> Check:
    return printed(pattern, "sh", "-c", script)


def script(name: str) -> Check:
    return lambda stack: stack.script(name, stdin="").ok()


def image_of(stack: Stack) -> str:
    return str(stack.inspect(stack.postgres)["Config"]["Image"])


def resolves(host: str) -> Check:
    return lambda stack: stack.client(f"getent hosts {host.replace('NAME', stack.postgres)}").ok()


CHECKS: dict[str, Check] = {
    "postgres by name": shell("", 'docker ps --format "{{.Names}}" | grep ^db-server-postgres$'),
    "redis by name": shell("", 'docker ps --format "{{.Names}}" | grep ^db-server-redis$'),
    "postgres is up": shell("^Up", 'docker ps --filter name=^db-server-postgres$ --format "{{.Status}}"'),
    "redis is up": shell("^Up", 'docker ps --filter name=^db-server-redis$ --format "{{.Status}}"'),
    "postgres is healthy": shell("healthy", 'docker ps --format "{{.Names}} {{.Status}}" | grep db-server-postgres'),
    "pg_isready": printed("accepting connections", "docker", "exec", "db-server-postgres", "pg_isready"),
    "pg_isready as the administrator": shell(
        "accepting connections", "docker exec db-server-postgres pg_isready -U ${DB_SERVER_ADMIN_USER:-dbadmin}"
    ),
    "redis answers PONG alone": printed(r"\APONG\n\Z", "docker", "exec", "db-server-redis", "redis-cli", "ping"),
    "list of databases": printed("dbadmin", "docker", "exec", "db-server-postgres", "psql", "-U", "dbadmin", "-l"),
    "query without a database": shell(
        r"\(1 row\)", 'docker exec db-server-postgres psql -U dbadmin -c "SELECT count(*) FROM pg_stat_activity;"'
    ),
    "max_connections": shell(
        "max_connections", 'docker exec db-server-postgres psql -U dbadmin -c "SHOW max_connections;"'
    ),
    "postgres on the network only": shell(
        r"\Anginx-network\n\Z",
        "docker inspect -f '{{range $name, $_ := .NetworkSettings.Networks}}{{$name}}{{end}}' db-server-postgres",
    ),
    "redis on the network only": shell(
        r"\Anginx-network\n\Z",
        "docker inspect -f '{{range $name, $_ := .NetworkSettings.Networks}}{{$name}}{{end}}' db-server-redis",
    ),
    "postgres by its container's name": resolves("NAME"),
    "postgres by its service's name": resolves("postgres"),
    "redis by its service's name": resolves("redis"),
    "a compose file": shell("container_name: db-server-postgres", "cat docker-compose.yml"),
    "compose up": shell("", "docker compose up -d"),
    "compose ps": shell("db-server-redis", "docker compose ps"),
    "the hook": script("start-database-server.sh"),
    "status": script("status.sh"),
}  # fmt: skip


@pytest.fixture(scope="module")
def mixed(shared: Stack) -> Stack:
    """The stack with a PostgreSQL that compose made, and a Redis of Pulumi's."""
    shared.start().ok()
    compose(shared, "up", "-d", "--force-recreate", "postgres").ok()
    return shared


@pytest.fixture
def checked(mixed: Stack) -> Stack:
    mixed.until(partial(healthy, mixed), what="both healthy")
    return mixed


def healthy(stack: Stack) -> bool:
    return all(stack.inspect(name)["State"].get("Health", {}).get("Status") == "healthy" for name in names(stack))


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_the_deployment_client_finds(checked: Stack, check: Check) -> None:
    check(checked)


def test_the_probes_write_no_fatal_line(checked: Stack) -> None:
    before = run("docker", "logs", checked.postgres).text.count("FATAL")
    for name in ("pg_isready as the administrator", "query without a database", "list of databases"):
        CHECKS[name](checked)
    assert run("docker", "logs", checked.postgres).text.count("FATAL") == before


def test_the_hook_works_without_a_terminal_and_an_environment(running: Stack) -> None:
    """From wherever the client is, with hardly a variable, and both servers stopped."""
    compose(running, "stop").ok()
    needed = ("HOME", "PATH", "PULUMI_", "DOCKER_", "DBSERVER_CACHE")
    bare = {key: value for key, value in running.env().items() if key.startswith(needed)}
    where = str(running.project / "scripts" / "start-database-server.sh")
    done = run("setsid", "--wait", where, env=bare, cwd="/", timeout=75).ok()
    assert "is up" in done.out
    assert_kept(running)


def test_the_file_is_the_one_of_the_integration_document(shared: Stack) -> None:
    found = yaml.safe_load((shared.project / contract.COMPOSE_FILE).read_text())
    for service, name in zip(SERVICES, names(shared), strict=True):
        assert found["services"][service]["container_name"] == name
        assert found["services"][service]["restart"] == "always"
    assert found["networks"] == {"shared": {"name": shared.network, "external": True}}
