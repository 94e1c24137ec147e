"""What the preview said is what happens: every class of a change, applied for real and read back."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import run
from tests.support.stack import Stack

pytestmark = pytest.mark.full  # a minute: containers are recreated to see what it costs

SHOP = {"name": "shop", "poolSize": 3}
# One setting of each context that PostgreSQL has, by which it decides when it takes it.
CONTEXTS = {
    "user": ("work_mem", "7MB"),
    "superuser": ("log_min_duration_statement", "250ms"),
    "superuser-backend": ("log_disconnections", "on"),
    "backend": ("post_auth_delay", "0"),
    "sighup": ("checkpoint_timeout", "7min"),
    "postmaster": ("max_wal_senders", "7"),
}


@pytest.fixture
def running(lasting: Stack) -> Stack:
    """One stack for all, with an application: every test here ends with servers that run as configured."""
    if not lasting.config.get("applications"):
        lasting.declare(SHOP)
        lasting.start().ok()
    return lasting


def preview(stack: Stack, *arguments: str) -> dict[str, Any]:
    shown = stack.script("dbserver", "preview", "--format", "json", *arguments)
    assert shown.code in (0, 5), shown.text
    return dict(json.loads(shown.out))


def mounted(stack: Stack) -> Path:
    """Return the directory of the host into which PostgreSQL's container writes backups."""
    mounts = stack.inspect(stack.postgres)["Mounts"]
    return next(Path(mount["Source"]) for mount in mounts if mount["Destination"] == "/backups")


def backups(stack: Stack) -> list[dict[str, Any]]:
    shown = stack.script("dbserver", "backups", "--format", "json").ok()
    return list(json.loads(shown.out)["backups"])


@pytest.mark.full
def test_a_setting_of_every_context_costs_what_the_preview_says(running: Stack) -> None:
    contexts = running.sql("SELECT name || '=' || context FROM pg_settings").splitlines()
    assert {f"{name}={context}" for context, (name, _) in CONTEXTS.items()} <= set(contexts)
    taken = {context: setting for context, setting in CONTEXTS.items() if context != "postmaster"}
    before = running.ids(), running.started_at(running.postgres)
    running.configure(postgres={"settings": dict(taken.values())})
    assert preview(running)["cost"] == "reload"
    running.start().ok()
    assert (running.ids(), running.started_at(running.postgres)) == before
    assert {name: running.sql(f"SHOW {name}") for name, _ in taken.values()} == dict(taken.values())
    running.configure(postgres={"settings": dict(CONTEXTS.values())})
    (change,) = preview(running)["changes"]
    assert (change["cost"], change["details"]) == ("restart", ["max_wal_senders: its default -> 7"])
    running.start().ok()
    assert running.ids() == before[0]
    assert running.started_at(running.postgres) != before[1]
    assert running.sql("SHOW max_wal_senders") == "7"


@pytest.mark.full
def test_what_redis_promises_is_changed_while_it_runs(running: Stack) -> None:
    before = running.ids(), running.started_at(running.redis)
    with running.configured(redis={"persistence": "snapshot", "evictionPolicy": "allkeys-lfu", "memory": "160m"}):
        shown = preview(running, "--allow", "redis-persistence:redis=a test")
        costs = {change["name"]: (change["cost"], change["allowed"]) for change in shown["changes"]}
        assert costs["redis-persistence:redis"] == ("data at risk", "a test")
        assert costs["redis-reload:redis"] == ("reload", "")
        assert shown["well"]
        running.start().ok()
        read = {name: running.cli("CONFIG", "GET", name).split()[1] for name in ("appendonly", "maxmemory-policy")}
        assert read == {"appendonly": "no", "maxmemory-policy": "allkeys-lfu"}
        assert running.inspect(running.redis)["HostConfig"]["Memory"] == 160 * 1024 * 1024
    running.start().ok()
    assert running.cli("CONFIG", "GET", "appendonly").split()[1] == "yes"
    assert (running.ids(), running.started_at(running.redis)) == before


@pytest.mark.full
def test_data_at_risk_is_refused_and_who_is_connected_is_named(running: Stack) -> None:
    hold = "PGPASSWORD=$DB_PASSWORD psql -h postgres -U shop -d shop -c 'SELECT pg_sleep(600)'"
    password = running.variables("shop")["DB_PASSWORD"]
    image, name = running.inspect(running.postgres)["Config"]["Image"], f"{running.name}-shop-blue"
    argv = ["docker", "run", "-d", "--name", name, "--network", running.network, "--env", "DB_PASSWORD"]
    run(*argv, "--entrypoint", "sh", image, "-c", hold, env={**os.environ, "DB_PASSWORD": password}).ok()
    try:
        connected = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'shop'"
        running.until(lambda: running.sql(connected) == "1")
        with running.configured(dataDirectory=f"{running.data}/elsewhere"):
            shown = running.script("dbserver", "preview", "--format", "markdown")
            allowed = running.script(
                "dbserver", "preview", "--allow", "data-directory:postgres=x", "--allow", "data-directory:redis=y"
            )
    finally:
        run("docker", "rm", "-f", "-v", name)
        # Asleep, it would notice only at its next word that its client is gone.
        running.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'shop'")
    assert shown.code == 5, shown.text
    assert "--allow 'data-directory:postgres=REASON' --allow 'data-directory:redis=REASON'" in shown.err
    assert f"connected: {name} (blue)" in shown.out
    assert shown.out.startswith(f"<!-- db-server preview of {running.name} -->\n")
    assert allowed.code == 0, allowed.text


@pytest.mark.parametrize("plain", [pytest.param(False, marks=pytest.mark.full), True], ids=["start", "plain pulumi"])
def test_before_a_container_is_recreated_what_it_holds_is_backed_up(running: Stack, *, plain: bool) -> None:
    running.sql("CREATE TABLE IF NOT EXISTS kept (n int); INSERT INTO kept VALUES (1)", "shop")
    rows, ids = running.sql("SELECT count(*) FROM kept", "shop"), running.ids()
    directory = mounted(running)
    # A directory of backups that is declared elsewhere is the shortest way to another container.
    running.configure(backupDirectory=f"backups-{'plain' if plain else 'start'}")
    done = running.pulumi("up", "--yes", "--skip-preview") if plain else running.start()
    done.ok()
    assert running.ids()[0] != ids[0]
    assert running.ids()[1] == ids[1]
    assert "is recreated; backed up before: shop_" in done.text
    name = "shop_" + done.text.partition("backed up before: shop_")[2].split()[0]
    manifest = (directory / name / "manifest.json").read_text()
    assert f"before {running.postgres} was recreated" in manifest
    assert (directory / name / "verified.json").is_file()
    assert running.sql("SELECT count(*) FROM kept", "shop") == rows
    assert "was shut down at" in run("docker", "logs", running.postgres).text


@pytest.mark.full
def test_a_backup_that_fails_refuses_the_update_and_a_flag_goes_without(running: Stack) -> None:
    ids = running.ids()
    source = str(mounted(running))
    running.configure(backupDirectory="backups-refused")
    run("mount", "-t", "tmpfs", "-o", "ro", "tmpfs", source).ok()
    try:
        refused = running.start()
    finally:
        run("umount", source).ok()
    assert refused.code == 5, refused.text
    assert "would be recreated, and was not backed up before" in refused.err
    assert "--no-checkpoint" in refused.err
    assert running.ids() == ids
    assert running.sql("SELECT 1") == "1"
    running.start("--no-checkpoint").ok()
    assert running.ids()[0] != ids[0]
    assert "shop" not in {backup["subject"] for backup in backups(running)}


@pytest.mark.full
def test_an_application_whose_database_does_not_answer_afterwards_fails_the_update(running: Stack) -> None:
    running.sql("UPDATE pg_database SET datallowconn = false WHERE datname = 'shop'")
    running.configure(backupDirectory="backups-silent")
    running.environment["DBSERVER_NO_CHECKPOINT"] = "yes"
    try:
        done = running.pulumi("up", "--yes", "--skip-preview")  # with a refresh that alone would fail
        assert done.code != 0, done.text
        assert "application shop: database shop does not answer" in done.text
    finally:
        running.environment.clear()
        running.sql("UPDATE pg_database SET datallowconn = true WHERE datname = 'shop'")
    running.start().ok()


@pytest.mark.full
def test_drift_is_0_as_declared_1_where_anything_differs_and_3_where_a_server_is_down(running: Stack) -> None:
    running.start().ok()
    clean = running.script("dbserver", "drift", "--format", "json")
    assert (clean.code, json.loads(clean.out)["well"]) == (0, True), clean.text
    running.cli("CONFIG", "SET", "maxmemory", "50000000")
    running.sql("ALTER ROLE shop CONNECTION LIMIT 99")
    drifted = running.script("dbserver", "drift", "--format", "json")
    assert drifted.code == 1, drifted.text
    assert {change["name"] for change in json.loads(drifted.out)["changes"]} >= {
        "redis-reload:redis",
        "application-changed:shop",
    }
    assert running.cli("CONFIG", "GET", "maxmemory").split()[1] == "50000000", "nothing is changed"
    run("docker", "stop", running.redis).ok()
    down = running.script("dbserver", "drift")
    assert down.code == 3, down.text
    assert f"DOWN {running.redis}" in down.out
    running.start().ok()
    assert running.script("dbserver", "drift").code == 0


def test_what_the_engine_does_not_see_is_drift_too(running: Stack) -> None:
    run("docker", "network", "create", f"{running.name}-second").ok()
    try:
        run("docker", "network", "connect", f"{running.name}-second", running.redis).ok()
        drifted = running.script("dbserver", "drift", "--format", "json")
        assert drifted.code == 1, drifted.text
        assert any(found["what"].startswith("networks") for found in json.loads(drifted.out)["differences"])
    finally:
        run("docker", "network", "disconnect", f"{running.name}-second", running.redis).ok()
        run("docker", "network", "rm", f"{running.name}-second").ok()
    assert running.script("dbserver", "drift").code == 0
